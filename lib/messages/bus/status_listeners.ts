/**
 * The status of a bus, and the functions that follow it.
 *
 * @module
 */
import type { BusStatus } from "./bus.ts";

/** A status with listeners. `"closed"` is final. */
export class StatusListeners {
  #status: BusStatus = "up";
  readonly #listeners: Set<(status: BusStatus) => void> = new Set();

  /** The status. */
  get status(): BusStatus {
    return this.#status;
  }

  /** Adds a listener; a function may be added several times. */
  add(listener: (status: BusStatus) => void): Disposable {
    const own = (status: BusStatus) => listener(status);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Sets the status, and calls the listeners if it is another one. */
  change(status: BusStatus): void {
    if (this.#status === status || this.#status === "closed") return;
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }
}
