/**
 * Timers in the order in which they are due.
 *
 * @module
 */

/** Longest delay of the runtimes' timers, in ms. */
const MAX_DELAY = 2 ** 31 - 1;

/** A timer, as `setTimeout` and `setInterval` return it. */
export interface VirtualTimer {
  /** Number that no timer of the runtime has. */
  [Symbol.toPrimitive](): number;
  /** Has no effect: a virtual timer does not keep the process alive. */
  ref(): VirtualTimer;
  /** Has no effect. */
  unref(): VirtualTimer;
  /** Returns `false`. */
  hasRef(): boolean;
}

interface Armed {
  readonly id: number;
  at: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

/** Timers and the time at which they fire. */
export class VirtualTimers {
  /** The current time in ms. */
  now = 0;
  /** Armed timers; the next one is the last. */
  readonly #queue: Armed[] = [];
  readonly #armed: Map<number, Armed> = new Map();
  #lastId = 0;

  /** Number of armed timers. */
  get size(): number {
    return this.#armed.size;
  }

  /** Arms a timer. As in the runtimes, the least delay is 1 ms. */
  set(
    run: () => void,
    delay: number | undefined,
    repeat: boolean,
  ): VirtualTimer {
    const ms = Number(delay);
    const wait = ms >= 1 && ms <= MAX_DELAY ? ms : 1;
    const id = ++this.#lastId;
    const every = repeat ? wait : undefined;
    this.#arm({ id, at: this.now + wait, every, run });
    const timer: VirtualTimer = {
      [Symbol.toPrimitive]: () => -id, // runtimes count up from 1
      ref: () => timer,
      unref: () => timer,
      hasRef: () => false,
    };
    return timer;
  }

  /** Disarms a timer; returns whether it is one of this clock. */
  clear(timer: VirtualTimer | number | undefined): boolean {
    const id = -Number(timer ?? 0);
    if (!(id > 0)) return false;
    const armed = this.#armed.get(id);
    if (armed === undefined) return true; // it has fired
    this.#armed.delete(id);
    this.#queue.splice(this.#indexOf(armed), 1);
    return true;
  }

  /**
   * Advances the clock to the next timer, and calls its function.
   *
   * @param until latest time of the timer
   * @returns whether there was such a timer
   */
  fireNext(until: number): boolean {
    const next = this.#queue.at(-1);
    if (next === undefined || next.at > until) return false;
    this.#queue.pop();
    this.#armed.delete(next.id);
    this.now = next.at;
    if (next.every !== undefined) {
      this.#arm({ ...next, at: next.at + next.every });
    }
    next.run();
    return true;
  }

  #arm(timer: Armed): void {
    this.#armed.set(timer.id, timer);
    this.#queue.splice(this.#indexOf(timer), 0, timer);
  }

  /** Returns the position of a timer: by time, and then by age. */
  #indexOf({ at, id }: Armed): number {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#queue[middle]!; // in range
      const later = other.at > at || other.at === at && other.id > id;
      if (later) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
