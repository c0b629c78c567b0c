/**
 * Estimates how many bytes a link carries during a round trip. The windows of
 * streams need that much together: with less, a sender waits for credit; with
 * more, bytes wait in the queues of the network, and calls with them.
 *
 * ```text
 *   PING ──────────── one round trip ────────────▶ PONG
 *     ├── bytes of items that arrive meanwhile ──┤
 * ```
 *
 * A measurement that lasts much longer than the shortest round trip raises
 * nothing: bytes wait somewhere already.
 *
 * @module
 */

/** Bytes that streams may have in transit before anything was measured. */
const INITIAL = 128 * 1024;
/** Factor by which windows exceed the bytes that were measured. */
const GAIN = 1.2;
/**
 * Part of the estimate that arrives if the windows are the limit. Half of it can
 * arrive just before the PING: credit is granted for half a window at a time.
 */
const USED = 1 / 3;
/** Factor by which a round trip may exceed the shortest one. */
const TOLERANCE = 1.25;
/**
 * Milliseconds of a round trip in which a peer may work. Such trips say little
 * about the link, and raise the window up to {@linkcode BUSY_WINDOW}.
 */
const BUSY_TRIP = 5;
/**
 * Bytes in transit that keep two processes busy. With fewer, each
 * of them is woken for one item of 64 KiB; with more, throughput does not grow,
 * and calls wait for these bytes.
 */
const BUSY_WINDOW = 256 * 1024;
/** Milliseconds between measurements: a peer answers five PINGs per second. */
const INTERVAL = 250;

/** The estimate for one direction of a link. */
export class LinkEstimate {
  /** Bytes that the windows of all streams in use may have together. */
  window: number = INITIAL;
  /**
   * The shortest round trip, ms. It is never forgotten: streams that fill the link
   * would otherwise take their own queue for a longer link.
   */
  #shortest = Infinity;
  /** The measurement in progress. */
  #begun: { readonly at: number; readonly received: number } | undefined =
    undefined;
  #dueAt = -Infinity;

  /** Returns whether a measurement may begin. */
  isDue(now: number): boolean {
    return this.#begun === undefined && now >= this.#dueAt;
  }

  /**
   * Begins a measurement, with a PING.
   *
   * @param now the current time, ms
   * @param received bytes of items received so far
   */
  begin(now: number, received: number): void {
    this.#begun = { at: now, received };
    this.#dueAt = now + INTERVAL;
  }

  /** Ends the measurement in progress, with the PONG; see {@linkcode begin}. */
  end(now: number, received: number): void {
    if (this.#begun === undefined) return;
    const { at, received: before } = this.#begun;
    this.#begun = undefined;
    const trip = now - at;
    const bytes = received - before;
    this.#dueAt = Math.max(this.#dueAt, now + trip); // a raise shows only then
    this.#shortest = Math.min(this.#shortest, trip);
    const isLimit = bytes >= USED * this.window;
    const raised = Math.ceil(
      GAIN * (isLimit ? Math.max(bytes, this.window) : bytes),
    );
    if (trip <= TOLERANCE * this.#shortest) this.#raise(raised);
    else if (trip <= BUSY_TRIP) this.#raise(Math.min(raised, BUSY_WINDOW));
  }

  #raise(window: number): void {
    this.window = Math.max(this.window, window);
  }
}
