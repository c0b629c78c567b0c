/**
 * The pauses between a client's attempts to connect.
 *
 * One instance belongs to a list of addresses, not to a connection: a server
 * that accepts clients and ends them at once must not attract a loop of attempts.
 *
 * @module
 */

/** Bounds of the pauses, in ms; see `CreateClientOptions`. */
export interface BackoffOptions {
  /** Least pause after a failed attempt. */
  readonly minDelay: number;
  /** Upper bound of the random part of a pause. */
  readonly maxDelay: number;
  /**
   * Time over which clients spread their attempts after a lost connection;
   * `undefined` for the time that the server names.
   */
  readonly spread?: number | undefined;
  /** Upper bound of the spread that a server may name. */
  readonly maxSpread: number;
}

/** Spread of servers that name none, in ms. */
const DEFAULT_SPREAD = 2_000;

/** Milliseconds after which a session ends a series of failures. */
export const STABLE = 10_000;

/** Milliseconds in which a session that is drained counts as a failure. */
const AT_ONCE = 1_000;

/** Exponent from which the pauses no longer grow. */
const MAX_EXPONENT = 30;

/** Pauses with full jitter. */
export class Backoff {
  readonly #minDelay: number;
  readonly #maxDelay: number;
  readonly #spread: number | undefined;
  readonly #maxSpread: number;
  readonly #random: () => number;
  /** Attempts that failed since a session lasted; short sessions count. */
  #failures = 0;

  /**
   * @param options bounds of the pauses
   * @param random returns a number from 0 up to, but excluding, 1
   */
  constructor(options: BackoffOptions, random: () => number) {
    this.#minDelay = options.minDelay;
    this.#maxDelay = options.maxDelay;
    this.#spread = options.spread;
    this.#maxSpread = options.maxSpread;
    this.#random = random;
  }

  /** Number of failures in the current series. */
  get failures(): number {
    return this.#failures;
  }

  /** Returns the pause after a failed attempt to connect, in ms. */
  afterFailure(): number {
    const exponent = Math.min(this.#failures++, MAX_EXPONENT);
    const most = Math.min(this.#maxDelay, this.#minDelay * 2 ** exponent);
    return this.#minDelay + this.#random() * most;
  }

  /**
   * Returns the pause after a session was lost, in ms.
   *
   * @param lived milliseconds for which the session was open
   * @param named milliseconds that the server named in the handshake
   */
  afterLoss(lived: number, named: number | undefined): number {
    if (lived < STABLE) return this.afterFailure();
    this.#failures = 0;
    const spread = this.#spread ??
      Math.min(named ?? DEFAULT_SPREAD, this.#maxSpread);
    return this.#random() * spread;
  }

  /**
   * Returns the pause, in ms, after a session that its server drains.
   *
   * It is short, because the drained session takes no new calls: these wait.
   *
   * @param lived milliseconds for which the session was open
   * @param spread milliseconds that the server named
   */
  afterDrain(lived: number, spread: number): number {
    if (lived < AT_ONCE) return this.afterFailure();
    if (lived >= STABLE) this.#failures = 0;
    return this.#random() * Math.min(spread, this.#maxSpread);
  }
}
