/**
 * Bounds the first responses that handlers may return, in all sessions together.
 *
 * They count if they are not known to be small: results of unknown size, and
 * items of unknown size or large ones.
 *
 * Handlers that run for long, such as long polls and subscriptions, may keep them
 * back forever, so they must not hold back others for as long as they run. More
 * are therefore entered as time passes, but a few at a time: handlers that wait
 * equally long would otherwise respond in the same turn, and the engine frees
 * dropped responses only later.
 *
 * ```text
 *   at once        the limit of all methods together, 128 MiB
 *   each second    the same once more, and
 *                  of each method, a sixteenth of what its running handlers may return
 * ```
 *
 * @module
 */

/** Bytes expected of a first response if none is known: 1 MiB. */
export const UNKNOWN_FIRST: number = 1024 * 1024;
/** Part of the bytes of running handlers that is added per second. */
const GROWTH = 1 / 16;
/** Longest time in ms for which bytes are added at once. */
const STEP = 64;

/** First responses of the handlers of all sessions. */
export class AwaitedResponses {
  /** Those of each method, by its index. */
  readonly #methods: (MethodResponses | undefined)[] = [];
  readonly #limit: number;
  /** Bytes that handlers of any method may still return. */
  #free: number;
  /** Time in ms up to which bytes were added. */
  #addedAt = 0;

  /** @param limit maximum number of bytes of the handlers entered at once */
  constructor(limit: number) {
    this.#limit = this.#free = limit;
  }

  /**
   * Records that a handler was entered.
   *
   * @param bytes the size that its response may have
   * @returns whether it uses the limit of all methods, which
   * {@linkcode AwaitedResponses.remove} requires
   */
  add(method: number, bytes: number, now: number): boolean {
    const own = this.#at(method, now);
    const ofAll = this.#free > 0;
    if (ofAll) this.#free -= bytes;
    else own.free -= bytes;
    own.running += bytes;
    return ofAll;
  }

  /** Records that its first response was sent, or that it has settled. */
  remove(method: number, bytes: number, ofAll: boolean): void {
    if (ofAll) this.#free = Math.min(this.#limit, this.#free + bytes);
    this.#methods[method]?.remove(bytes, ofAll);
  }

  /**
   * Whether a handler must wait. The first one of a method shows the size of its
   * responses, so it need not wait.
   */
  isFull(method: number, now: number): boolean {
    const { running, free } = this.#at(method, now);
    return this.#free <= 0 && running > 0 && free <= 0;
  }

  #at(method: number, now: number): MethodResponses {
    // A moment does not suffice for a response: bytes are added for one at least.
    const added = this.#limit * (now - this.#addedAt) / 1000;
    if (added >= Math.min(UNKNOWN_FIRST, this.#limit)) {
      this.#addedAt = now;
      this.#free = Math.min(this.#limit, this.#free + added);
    }
    const own = this.#methods[method] ??= new MethodResponses(now);
    own.advance(now);
    return own;
  }
}

/** First responses of the handlers of one method. */
class MethodResponses {
  /**
   * Bytes that handlers may still return, beyond the limit of all methods. Those of
   * the first one must be added before it enters.
   */
  free: number = -UNKNOWN_FIRST;
  /** Bytes that the running handlers may return. */
  running = 0;
  #addedAt: number;

  constructor(now: number) {
    this.#addedAt = now;
  }

  /** Adds bytes for the time that has passed. */
  advance(now: number): void {
    const time = now - this.#addedAt;
    if (time <= 0) return;
    this.#addedAt = now;
    const perMs = this.running * GROWTH / 1000;
    const most = perMs * STEP;
    if (this.free < most) this.free = Math.min(most, this.free + perMs * time);
  }

  /** Subtracts the bytes of a handler; one other may use them at once. */
  remove(bytes: number, ofAll: boolean): void {
    this.running -= bytes;
    if (ofAll) return;
    this.free = Math.min(this.free + bytes, Math.max(this.free, bytes));
  }
}
