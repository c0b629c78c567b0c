/**
 * Raises the windows of streams that are read. The link and the memory bound
 * them.
 *
 * @module
 */
import type { CreditPool } from "./credit_pool.ts";
import { LinkEstimate } from "./link_estimate.ts";

/** A window that can be raised. */
export interface RaisableWindow {
  /** Its initial credit. */
  readonly initial: number;
  /** The round in which it was last granted credit. */
  round: number;
}

/** State of the session that the raises require. */
export interface RaisesState {
  /** Time of the current call into the session, ms. */
  readonly now: number;
  /** Sends a PING; returns its number. */
  ping(): number;
}

/** The raises of all streams of a session. */
export class WindowRaises {
  readonly #shared: RaisesState;
  /** Bounds the memory of the raises. */
  readonly pool: CreditPool;
  readonly #received: () => number;
  /** Created on first use: a server may hold thousands of idle sessions. */
  #estimate: LinkEstimate | undefined = undefined;
  /** Rounds last from one measurement to the next. */
  #round = 0;
  /** Initial credit of the streams that were granted credit in this round. */
  #inUse = 0;
  /** The same of the round before. */
  #usedBefore = 0;
  /** Number of the PING of the measurement in progress. */
  #ping = Infinity;

  /**
   * @param shared state that the session's parts share
   * @param pool bounds the memory of the raises
   * @param received returns the bytes of items received so far
   */
  constructor(shared: RaisesState, pool: CreditPool, received: () => number) {
    this.#shared = shared;
    this.pool = pool;
    this.#received = received;
  }

  /**
   * Takes up to `most` bytes for a window, and returns how many. Measures the link
   * if it allows less.
   */
  take(window: RaisableWindow, most: number): number {
    if (window.round !== this.#round) {
      window.round = this.#round;
      this.#inUse += window.initial;
    }
    const used = Math.max(this.#inUse, this.#usedBefore) + this.pool.taken;
    const { window: allowed } = this.#estimate ??= new LinkEstimate();
    const room = Math.max(0, allowed - used);
    if (room < most) this.#measure();
    return this.pool.take(Math.min(most, room));
  }

  /** Forgets the measurements of a link that was lost. */
  restart(): void {
    this.#estimate = undefined;
    this.#ping = Infinity;
  }

  #measure(): void {
    const { now } = this.#shared;
    const estimate = this.#estimate ??= new LinkEstimate();
    if (!estimate.isDue(now)) return;
    estimate.begin(now, this.#received());
    this.#ping = this.#shared.ping();
  }

  /** Handles the answer to the PING with this number. */
  onPong(number: number): void {
    if (number < this.#ping) return;
    this.#ping = Infinity;
    this.#estimate?.end(this.#shared.now, this.#received());
    this.#usedBefore = this.#inUse;
    this.#inUse = 0;
    this.#round++;
  }
}
