/**
 * Manages many deadlines with one timer: a ring of slots of 8 ms each. Adding
 * or removing an entry changes one linked list; nothing is sorted.
 *
 * @module
 */

const RESOLUTION = 8;
const SLOTS = 2048;
/** Slots of a wheel without entries; never changed. */
const NO_SLOTS: (TimerEntry | undefined)[] = [];

/** An entry of a {@linkcode TimerWheel}: an object that can expire. */
export abstract class TimerEntry {
  /** Time in ms at which the entry expires; set while it is in a wheel. */
  dueAt = Infinity;
  /** Index of the entry's slot, or -1 if it is in none; set by the wheel. */
  slot = -1;
  /** Previous entry in the slot; set by the wheel. */
  previous: TimerEntry | undefined = undefined;
  /** Next entry in the slot; set by the wheel. */
  next: TimerEntry | undefined = undefined;
  /** Called once when the entry is due; the wheel has removed it by then. */
  abstract expire(now: number): void;
}

/** Wheel that expires any number of entries at most 8 ms late. */
export class TimerWheel {
  /**
   * Slots of the wheel. Allocated with the first entry, so that idle
   * connections use almost no memory.
   */
  #slots: (TimerEntry | undefined)[] = NO_SLOTS;
  #tick = 0;
  #size = 0;
  #earliest = Infinity;

  /** Time at which {@linkcode TimerWheel.advance} must be called next; it may be early, but never late. */
  get wakeAt(): number {
    return this.#size === 0 ? Infinity : this.#earliest;
  }

  /** Number of entries. */
  get size(): number {
    return this.#size;
  }

  /** Adds or moves an entry; a due time of `Infinity` removes it. */
  add(entry: TimerEntry, dueAt: number): void {
    this.remove(entry);
    if (dueAt === Infinity) return;
    if (this.#slots.length === 0) {
      this.#slots = new Array(SLOTS).fill(undefined);
    }
    const tick = Math.max(Math.ceil(dueAt / RESOLUTION), this.#tick + 1);
    const slot = tick % SLOTS;
    const head = this.#slots[slot];
    entry.dueAt = dueAt;
    entry.slot = slot;
    entry.next = head;
    if (head !== undefined) head.previous = entry;
    this.#slots[slot] = entry;
    if (this.#size++ === 0) this.#earliest = Infinity;
    this.#earliest = Math.min(this.#earliest, tick * RESOLUTION);
  }

  /** Removes an entry, if it is in the wheel. */
  remove(entry: TimerEntry): void {
    if (entry.slot < 0) return;
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else this.#slots[entry.slot] = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.previous = entry.next = undefined;
    entry.slot = -1;
    this.#size--;
  }

  /** Expires the entries that are due. */
  advance(now: number): void {
    const target = Math.floor(now / RESOLUTION);
    const turns = Math.min(target - this.#tick, SLOTS);
    this.#tick = Math.max(this.#tick, target);
    for (let turn = 0; turn < turns && this.#size > 0; turn++) {
      this.#expireSlot((target - turn) % SLOTS, now);
    }
    this.#earliest = this.#findEarliest();
  }

  #expireSlot(slot: number, now: number): void {
    const due: TimerEntry[] = [];
    for (let entry = this.#slots[slot]; entry; entry = entry.next) {
      if (entry.dueAt <= now) due.push(entry);
    }
    for (const entry of due) {
      if (entry.slot !== slot || entry.dueAt > now) continue; // an earlier entry has removed or moved it
      this.remove(entry);
      entry.expire(now);
    }
  }

  #findEarliest(): number {
    if (this.#size === 0) return Infinity;
    let turn = 1;
    while (this.#slots[(this.#tick + turn) % SLOTS] === undefined) turn++;
    return (this.#tick + turn) * RESOLUTION;
  }
}
