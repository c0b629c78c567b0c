/**
 * Timers and a clock that a test controls until they are disposed.
 *
 * @module
 */

/** Replaces `setTimeout`, `clearTimeout` and `performance.now`. */
export class FakeTime implements Disposable {
  /** Number of timers armed so far. */
  armed = 0;

  #now = 0;
  #timers = new Map<number, { at: number; fire: () => void }>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };

  constructor() {
    const fake = {
      setTimeout: (fire: () => void, delay = 0): number => {
        this.#timers.set(++this.armed, { at: this.#now + delay, fire });
        return this.armed;
      },
      clearTimeout: (id?: number): void => {
        if (id !== undefined) this.#timers.delete(id);
      },
    };
    Object.assign(globalThis, fake);
    performance.now = () => this.#now;
  }

  /** Number of timers that are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Advances the clock and fires the timers that are due, in order. */
  tick(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (let due; (due = this.#nextDue(until));) {
      const [id, { at, fire }] = due;
      this.#timers.delete(id);
      this.#now = at;
      fire();
    }
    this.#now = until;
  }

  #nextDue(until: number): [number, { at: number; fire: () => void }] | null {
    const due = [...this.#timers].filter(([, { at }]) => at <= until);
    due.sort(([, a], [, b]) => a.at - b.at);
    return due[0] ?? null;
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }
}
