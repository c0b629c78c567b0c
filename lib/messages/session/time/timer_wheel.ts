/**
 * Deadlines of many things with one timer: a ring of slots, 8 ms each. Adding
 * and removing touch one list node; nothing is sorted.
 *
 * @module
 */

const RESOLUTION = 8;
const SLOTS = 2048;

/** Something that can expire; what waits in a {@linkcode TimerWheel}. */
export abstract class Timed {
  /** When it expires, ms; meaningful while it is in a wheel. */
  dueAt = Infinity;
  /** Slot it hangs in, or -1. For the wheel. */
  slot = -1;
  /** Neighbours in the slot. For the wheel. */
  previous: Timed | undefined = undefined;
  /** Neighbours in the slot. For the wheel. */
  next: Timed | undefined = undefined;
  /** Called once when due; it is no longer in the wheel then. */
  abstract expire(now: number): void;
}

/** Calls {@linkcode Timed.expire} at most 8 ms late, however many wait. */
export class TimerWheel {
  /** Made when something waits for the first time: an idle connection holds next to nothing. */
  #slots: (Timed | undefined)[] = [];
  #tick = 0;
  #size = 0;
  #earliest = Infinity;

  /** When {@linkcode TimerWheel.advance} is wanted next; may be early, never late. */
  get wakeAt(): number {
    return this.#size === 0 ? Infinity : this.#earliest;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds an entry, or moves it. */
  add(entry: Timed, dueAt: number): void {
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

  /** Removes an entry; harmless for one that does not wait. */
  remove(entry: Timed): void {
    if (entry.slot < 0) return;
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else this.#slots[entry.slot] = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.previous = entry.next = undefined;
    entry.slot = -1;
    this.#size--;
  }

  /** Expires what is due. */
  advance(now: number): void {
    const target = Math.floor(now / RESOLUTION);
    const turns = Math.min(target - this.#tick, SLOTS);
    this.#tick = Math.max(this.#tick, target);
    for (let turn = 0; turn < turns && this.#size > 0; turn++) {
      this.#expireSlot((target - turn) % SLOTS, now);
    }
    this.#earliest = this.#scan();
  }

  #expireSlot(slot: number, now: number): void {
    const due: Timed[] = [];
    for (let entry = this.#slots[slot]; entry; entry = entry.next) {
      if (entry.dueAt <= now) due.push(entry);
    }
    for (const entry of due) {
      if (entry.slot !== slot || entry.dueAt > now) continue; // an earlier one removed or moved it
      this.remove(entry);
      entry.expire(now);
    }
  }

  #scan(): number {
    if (this.#size === 0) return Infinity;
    let turn = 1;
    while (this.#slots[(this.#tick + turn) % SLOTS] === undefined) turn++;
    return (this.#tick + turn) * RESOLUTION;
  }
}
