/**
 * A clock and timers that a test controls.
 *
 * The clock replaces the clocks of the runtime rather than being passed around,
 * so that handlers, stores and sources of the application follow it, too.
 *
 * @module
 */
import { afterIteration } from "../framing/stream/event_loop_turn.ts";
import { threadTurns } from "../framing/stream/turn_queue.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { type VirtualTimer, VirtualTimers } from "./virtual_timers.ts";

/**
 * Options for {@linkcode virtualTime}.
 *
 * @category Testing
 */
export interface VirtualTimeOptions {
  /**
   * Seed of `Math.random`, which reconnecting clients use.
   *
   * @default {1}
   */
  seed?: number | undefined;
}

/**
 * A clock that moves only when the test advances it.
 *
 * Returned by {@linkcode virtualTime}. Disposing it restores the real clock.
 *
 * @category Time
 */
export interface VirtualTime extends Disposable {
  /** Milliseconds since the beginning of the test. */
  readonly now: number;
  /** Number of timers that have not fired. */
  readonly timers: number;
  /**
   * Advances the clock. Timers fire in order, each at its time; after each, the
   * work that it has caused is done first.
   *
   * @param milliseconds how far to advance; 0 only does the work that is ready
   * @throws {RangeError} if the time is negative or infinite
   * @throws the error of a timer's function
   */
  advance(milliseconds: number): Promise<void>;
  /**
   * Advances the clock from timer to timer until some work has settled.
   *
   * @typeParam T the result
   * @param work the work to wait for
   * @param options `within`: milliseconds of this clock that the work may take,
   * an hour by default, because an open session always has a timer
   * @returns the result of the work; rejects if the work does
   * @throws {Error} if the work has not settled within this time, or no timer is
   * left, so that it would wait for ever
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   * @throws the error of a timer's function
   */
  run<T>(
    work: PromiseLike<T>,
    options?: { within?: number | undefined },
  ): Promise<T>;
}

const OPTIONS: OptionNames<VirtualTimeOptions> = { seed: true };
const RUN_OPTIONS = { within: true } as const; // the value is a name only

/** Default of `within`, in ms. */
const HOUR = 3_600_000;

/** `Date.now()` at the beginning of each test, so that runs are equal. */
const EPOCH = Date.UTC(2000, 0, 1);

let active = false;

/**
 * Replaces the clock and the timers of this thread.
 *
 * It replaces `setTimeout`, `setInterval`, `clearTimeout`, `clearInterval`,
 * `performance.now` and `timeOrigin`, `Date`, `AbortSignal.timeout` and
 * `Math.random`, until it is disposed. Everything that is created afterwards
 * follows it: clients, servers, handlers, and memory connections. An hour passes
 * in an instant, and runs with the same seed are equal. Sockets, files and
 * `crypto.subtle` take real time, so use
 * {@linkcode simulatedNetwork} or {@linkcode memoryPair} instead of sockets.
 *
 * Await everything that takes time through {@linkcode VirtualTime.run}, also
 * `close()` and `shutdown()`. The clock does not move during any other `await`,
 * and at the end of an `await using` scope, so Deno ends the test with "Promise
 * resolution is still pending".
 *
 * @example Let a client wait through a restart of its server
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<string, number>({ idempotent: true }) },
 * });
 * const handlers = { price: (sku: string) => sku.length * 100 };
 *
 * using time = virtualTime({ seed: 7 });
 * const network = simulatedNetwork({ latency: 20 });
 * const client = createClient(Shop, network.address("shop"));
 * const price = client.remote.price("A-1"); // waits: no server is running
 * await time.advance(3_000);
 *
 * const server = await serve(Shop, network.listen("shop")).handle(handlers);
 * assertEquals(await time.run(price), 300);
 * await time.run(client.close());
 * await time.run(server.shutdown());
 * ```
 *
 * @param options the seed
 * @throws {Error} if another virtual time has not been disposed
 * @throws {TypeError} if an option is unknown
 * @throws {RangeError} if the seed is not an integer
 *
 * @category Time
 */
export function virtualTime(options: VirtualTimeOptions = {}): VirtualTime {
  checkOptions("virtualTime()", options, OPTIONS);
  const random = seededRandom(options.seed ?? 1);
  if (active) {
    throw new Error(
      "Cannot replace the clock twice: dispose the other virtual time first",
    );
  }
  active = true;
  const timers = new VirtualTimers();
  const restore = replaceClock(timers, random);
  return {
    get now() {
      return timers.now;
    },
    get timers() {
      return timers.size;
    },
    async advance(milliseconds) {
      if (!(Number.isFinite(milliseconds) && milliseconds >= 0)) {
        throw new RangeError(
          `Cannot advance the clock by ${milliseconds} ms: expected a finite number of at least 0`,
        );
      }
      const until = timers.now + milliseconds;
      await idle();
      while (timers.fireNext(until)) await idle();
      timers.now = until;
    },
    async run<T>(
      work: PromiseLike<T>,
      options: { within?: number | undefined } = {},
    ) {
      checkOptions("run()", options, RUN_OPTIONS);
      const { within = HOUR } = options;
      if (!(within >= 0)) {
        throw new RangeError(
          `Cannot wait within ${within} ms: expected a number of at least 0`,
        );
      }
      const until = timers.now + within;
      let settled = false;
      const end = () => settled = true;
      work.then(end, end);
      for (;;) {
        await idle();
        if (settled) return await work;
        if (timers.fireNext(until)) continue;
        throw new Error(
          timers.size === 0
            ? `Cannot wait for the work: it has not settled after ${timers.now} ms, and no timer is left that could change that`
            : `Cannot wait for the work: it has not settled within ${within} ms of virtual time (option within)`,
        );
      }
    },
    [Symbol.dispose]() {
      restore();
      active = false;
    },
  };
}

/**
 * Resolves when all promises that can settle now have done so. Connections may
 * wait for their turns, because of work before the clock was replaced; they do so
 * in real time.
 */
async function idle(): Promise<void> {
  do await new Promise<void>((resolve) => afterIteration(resolve)); while (
    threadTurns().waits
  );
}

/** Replaces the globals; returns a function that restores them. */
function replaceClock(
  timers: VirtualTimers,
  random: () => number,
): () => void {
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const RealDate = globalThis.Date;
  const { now } = performance;
  const { timeout } = AbortSignal;
  const real = { setTimeout, setInterval, clearTimeout, clearInterval };
  const { random: realRandom } = Math;

  const clear =
    (clearReal: (id?: number) => void) =>
    (timer: VirtualTimer | number | undefined): void => {
      // A timer may be older than the clock.
      if (!timers.clear(timer)) clearReal(timer as number | undefined); // real
    };
  Object.assign(globalThis, {
    setTimeout: (
      run: (...args: unknown[]) => void,
      delay?: number,
      ...args: unknown[]
    ) => timers.set(() => run(...args), delay, false),
    setInterval: (
      run: (...args: unknown[]) => void,
      delay?: number,
      ...args: unknown[]
    ) => timers.set(() => run(...args), delay, true),
    clearTimeout: clear(clearTimeout),
    clearInterval: clear(clearInterval),
    Date: virtualDate(RealDate, () => EPOCH + timers.now),
  });
  performance.now = () => timers.now;
  Object.defineProperty(performance, "timeOrigin", {
    value: EPOCH, // `Date.now()` is the sum of both
    configurable: true,
  });
  Math.random = random;
  AbortSignal.timeout = (milliseconds) => {
    const controller = new AbortController();
    const reason = () => new DOMException("Signal timed out.", "TimeoutError");
    timers.set(() => controller.abort(reason()), milliseconds, false);
    return controller.signal;
  };
  return () => {
    Object.assign(globalThis, real, { Date: RealDate });
    performance.now = now;
    Reflect.deleteProperty(performance, "timeOrigin"); // the prototype has it
    Math.random = realRandom;
    AbortSignal.timeout = timeout;
  };
}

/** Returns `Date` with another current time. */
function virtualDate(
  RealDate: DateConstructor,
  now: () => number,
): DateConstructor {
  return new Proxy(RealDate, {
    get: (target, key, receiver) =>
      key === "now" ? now : Reflect.get(target, key, receiver),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
}
