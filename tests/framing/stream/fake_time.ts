/**
 * Timers and the clock in the hands of a test, until it is disposed.
 *
 * @module
 */

/** Stands in for `setTimeout`, `clearTimeout` and `performance.now`. */
export class FakeTime implements Disposable {
  /** How many timers were armed so far. */
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

  /** Timers that are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets so many milliseconds pass, and fires what is due in order. */
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
