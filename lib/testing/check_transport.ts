/**
 * A compliance suite for the {@linkcode Connection} contract. The layers above
 * work over any transport that passes it.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { deadline } from "./deadline.ts";
import { runChecks } from "./run_checks.ts";
import { TRANSPORT_CHECKS, type TransportCheck } from "./transport_checks.ts";
import type { TransportCheckContext } from "./transport_kit.ts";
import { UnhandledErrors } from "./unhandled_errors.ts";
import type { Connection } from "../transport/connection.ts";

/**
 * The two ends of one connection.
 *
 * @category Compliance
 */
export type ConnectionPair = readonly [client: Connection, server: Connection];

/**
 * Options for {@linkcode checkTransport}.
 *
 * @category Compliance
 */
export interface TransportCheckOptions {
  /**
   * Runs one check. Pass the step function of a test framework to report each
   * check by name. It must run the check and rethrow its error.
   *
   * @default {(_name, check) => check()}
   */
  step?:
    | ((name: string, check: () => Promise<void>) => Promise<unknown>)
    | undefined;
  /**
   * Milliseconds that a single wait may take before its check fails.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
  /**
   * Whether to check the guarantees that a bare `Deno.Conn` lacks: a second
   * `close()` is harmless, and failures are `TransportError`s with the right code,
   * as with connections from `listen` and `connect`.
   *
   * @default {true}
   */
  hardened?: boolean | undefined;
  /**
   * Breaks a connection so that its peer sees a reset. If absent, the checks of
   * resets are skipped.
   */
  reset?: ((connection: Connection) => void | Promise<void>) | undefined;
}

/**
 * Checks a transport against the whole {@linkcode Connection} contract.
 *
 * It checks the order of bytes, partial writes, backpressure, half-close in
 * both directions, end, reset, abort, closing twice, concurrent reads and writes,
 * and large transfers. It needs no test framework. A faulty transport does not
 * end the process: an error that it leaves unhandled fails the check.
 *
 * @example Check a transport
 * ```ts
 * import { checkTransport, memoryPair } from "@lengthwise/lengthwise/testing";
 *
 * await checkTransport(() => memoryPair());
 * ```
 *
 * @example Run each check as a test step
 * ```ts
 * import { checkTransport, memoryPair } from "@lengthwise/lengthwise/testing";
 *
 * Deno.test("my transport", async (t) => {
 *   await checkTransport(() => memoryPair({ capacity: 100 }), {
 *     step: (name, check) => t.step(name, check),
 *   });
 * });
 * ```
 *
 * @param makePair creates a new connected pair for each check
 * @param options the guarantees of this transport, and how to run the checks
 * @throws {AggregateError} with one `Error` for each failed check
 * @throws {TypeError} if an option is unknown
 *
 * @category Compliance
 */
export async function checkTransport(
  makePair: () => ConnectionPair | Promise<ConnectionPair>,
  options: TransportCheckOptions = {},
): Promise<void> {
  checkOptions("checkTransport()", options, OPTIONS);
  const {
    step = (_name, check) => check(),
    timeout = 10_000,
    hardened = true,
    reset,
  } = options;
  const context = { hardened, reset, within: deadline(timeout) };
  const unhandled = new UnhandledErrors();
  try {
    await runChecks("transport", TRANSPORT_CHECKS, (name, check) => {
      if (name.startsWith("reset") && reset === undefined) return;
      return step(
        name,
        () => unhandled.during(() => runCheck(check, makePair, context)),
      );
    });
  } finally {
    unhandled.stop();
  }
}

const OPTIONS: OptionNames<TransportCheckOptions> = {
  step: true,
  timeout: true,
  hardened: "flag",
  reset: true,
};

/** Runs one check on a pair of its own. */
async function runCheck(
  check: TransportCheck,
  makePair: () => ConnectionPair | Promise<ConnectionPair>,
  context: Omit<TransportCheckContext, "client" | "server" | "over">,
): Promise<void> {
  const pair = (async () => await makePair())();
  const [client, server] = await context.within(pair, "a connected pair");
  const over = new AbortController();
  try {
    await check({ ...context, client, server, over: over.signal });
  } finally {
    over.abort();
    try {
      client[Symbol.dispose]();
    } finally {
      server[Symbol.dispose]();
    }
  }
}
