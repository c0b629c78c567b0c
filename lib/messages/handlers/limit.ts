/**
 * Middleware that limits how often principals may call.
 *
 * @module
 */
import { causedBy } from "../errors/overload_cause.ts";
import { checkOptions } from "../support/check_options.ts";
import { describeType } from "../../support/describe_type.ts";
import { KeyedRate } from "./keyed_rate.ts";
import type { Middleware, MiddlewareContext } from "./middleware.ts";

/** Lowest rate: with it, `retryAfter` still fits its 32 bits on the wire. */
const MIN_RATE = 1e-6;

const OPTIONS = { rate: true, key: true, burst: true } as const;

/**
 * Limits how often each principal may call, by a token bucket.
 *
 * Calls beyond the rate are refused with `overloaded` before the handler runs:
 * `processed` is `"no"`, and `retryAfter` is the time until the next call is
 * accepted. A stream counts once, when it begins; notifications beyond the rate
 * are dropped and counted in `stats.refusedCalls`. All handlers that use the
 * returned middleware share the rate, across all sessions of the process.
 *
 * Buckets are kept for at most 10,000 keys that were used recently, of at most
 * 256 characters each; all other keys share one bucket. The body of a refused
 * call has been decoded and validated: the session's limits bound that work.
 *
 * @param options `rate`: calls per second of each key, at least 0.000001; `key`:
 * returns the key of a call, such as the user's name; `burst`: number of calls
 * that may come at once, at least 1, by default `rate` or 1
 * @returns the middleware, for {@linkcode use} or {@linkcode chain}
 * @typeParam Context the context that `key` needs
 * @throws {RangeError} if `rate` or `burst` is out of range
 * @throws {TypeError} if an option is missing, unknown or not of its type
 *
 * @example Two calls at once, and one per minute after that
 * ```ts
 * import { CallError, connect, limit, protocol, serve, unary, use } from "@lengthwise/lengthwise";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { order: unary<string, string>() } });
 * await using server = await serve(Shop, { port: 0 }, {
 *   authenticate: (token) => ({ name: String(token) }),
 * }).handle({
 *   order: use(
 *     limit({ rate: 1 / 60, burst: 2, key: ({ session }) => session.auth.name }),
 *     (sku) => `ordered ${sku}`,
 *   ),
 * });
 *
 * await using ada = await connect(Shop, server.addr, { credentials: "ada" });
 * await ada.remote.order("tea");
 * await ada.remote.order("milk");
 * const error = await assertRejects(() => ada.remote.order("sugar"), CallError);
 * assertEquals([error.code, error.processed, error.retry], ["overloaded", "no", "later"]);
 *
 * await using bob = await connect(Shop, server.addr, { credentials: "bob" });
 * assertEquals(await bob.remote.order("tea"), "ordered tea");
 * ```
 *
 * @category Servers
 */
export function limit<Context extends MiddlewareContext>(options: {
  readonly rate: number;
  readonly key: (context: Context) => string;
  readonly burst?: number | undefined;
}): Middleware<Record<never, never>, Context> {
  checkOptions("limit()", options, OPTIONS);
  const { rate, key, burst = Math.max(1, rate) } = options;
  checkNumber("rate", rate, MIN_RATE, "a number of at least 0.000001");
  checkNumber("burst", burst, 1, "a number of at least 1");
  if (typeof key !== "function") {
    throw new TypeError(
      `Cannot limit calls: "key" is ${
        describeType(key)
      }; expected a function that returns the key of a call`,
    );
  }
  const rates = new KeyedRate(rate, burst);
  return (context, next) => {
    const name = key(context);
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot limit ${context.method}: "key" returned ${
          describeType(name)
        }; expected a string`,
      );
    }
    const retryAfter = rates.take(name, performance.now());
    if (retryAfter === 0) return next();
    throw causedBy(
      context.refuse(
        `Too many calls: at most ${
          written(rate)
        } per second are accepted; wait for ${retryAfter} ms`,
        { code: "overloaded", retry: "later", retryAfter },
      ),
      "limit",
    );
  };
}

function checkNumber(
  name: string,
  value: number,
  least: number,
  expected: string,
): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new RangeError(
    `Cannot limit calls: "${name}" is ${
      typeof value === "number" ? value : describeType(value)
    }; expected ${expected}`,
  );
}

/** Returns a rate with at most three significant digits. */
function written(rate: number): string {
  return String(Number(rate.toPrecision(3)));
}
