/**
 * Bounds the first responses that handlers may return, in all sessions together.
 *
 * They count if they are not known to be small: results of unknown size, and
 * items of unknown size or large ones.
 *
 * Handlers that run for long, such as long polls and subscriptions, may keep them
 * back forever, so they must not hold back others for as long as they run. Of
 * each method, as many may be entered within one to two seconds as were entered
 * before and still run:
 *
 * ```text
 *   entered lately │ earlier
 *   ───────────────┼────────
 *          128 MiB │       0   the limit of all methods together
 *          128 MiB │ 128 MiB   seconds later
 *          256 MiB │ 256 MiB   seconds later, if they are of one method
 * ```
 *
 * @module
 */

/** Milliseconds of a period; responses are awaited lately for one to two. */
const PERIOD = 1000;

/** First responses of the handlers of all sessions. */
export class AwaitedResponses {
  /** Bytes of all methods. */
  readonly #all: BytesByAge = new BytesByAge();
  /** The same by index of the method. */
  readonly #methods: (BytesByAge | undefined)[] = [];
  readonly #limit: number;

  /** @param limit maximum number of bytes of the handlers entered lately */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Records that a handler was entered.
   *
   * @param bytes the size that its response may have
   * @returns the period, which {@linkcode AwaitedResponses.remove} requires
   */
  add(method: number, bytes: number, now: number): number {
    const period = this.#all.advance(now);
    this.#all.change(period, bytes);
    this.#at(method, period).change(period, bytes);
    return period;
  }

  /** Records that its first response was sent, or that it has settled. */
  remove(method: number, bytes: number, period: number): void {
    this.#all.change(period, -bytes);
    this.#at(method, this.#all.period).change(period, -bytes);
  }

  /**
   * Whether a handler must wait. The first one of a method shows the size of its
   * responses, so it need not wait.
   */
  isFull(method: number, now: number): boolean {
    const period = this.#all.advance(now);
    if (this.#all.lately < this.#limit) return false;
    const { lately, earlier } = this.#at(method, period);
    return lately > 0 && lately >= earlier;
  }

  #at(method: number, period: number): BytesByAge {
    const bytes = this.#methods[method] ??= new BytesByAge();
    bytes.advanceTo(period);
    return bytes;
  }
}

/** Bytes of responses, by the period in which their handlers were entered. */
class BytesByAge {
  /** Bytes of the periods before the last two. */
  earlier = 0;
  /** Current period. */
  period = 0;
  #current = 0;
  #last = 0;

  /** Bytes of the last two periods. */
  get lately(): number {
    return this.#current + this.#last;
  }

  /** Adds bytes to those of a period, or subtracts them. */
  change(period: number, bytes: number): void {
    if (period === this.period) this.#current += bytes;
    else if (period === this.period - 1) this.#last += bytes;
    else this.earlier += bytes;
  }

  /** Starts the period of a time in ms, and returns it; time does not go back. */
  advance(now: number): number {
    this.advanceTo(Math.floor(now / PERIOD));
    return this.period;
  }

  /** Starts a period. */
  advanceTo(period: number): void {
    if (period <= this.period) return;
    const isNext = period === this.period + 1;
    this.earlier += isNext ? this.#last : this.lately;
    this.#last = isNext ? this.#current : 0;
    this.#current = 0;
    this.period = period;
  }
}
