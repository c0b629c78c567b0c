/**
 * The contract of {@linkcode Connection} as a test: a transport that passes
 * carries the layers above.
 *
 * @module
 */
import { CHECKS } from "./transport_checks.ts";
import type { ComplianceContext } from "./transport_kit.ts";
import type { Connection } from "../transport/connection.ts";

/** Two ends of one connection. */
export type ConnectionPair = readonly [client: Connection, server: Connection];

/** Options of {@linkcode checkTransport}. */
export interface ComplianceOptions {
  /**
   * Runs one check; hand it to the steps of a test framework to see each by
   * name. It must run the check and pass on its error.
   *
   * @default {(_name, check) => check()}
   */
  step?: (name: string, check: () => Promise<void>) => Promise<unknown>;
  /**
   * Milliseconds that any one wait may take before it counts as hanging.
   *
   * @default {10000}
   */
  timeout?: number;
  /**
   * Whether a second `close()` is harmless and failures are `TransportError`s
   * of the right kind, as from `listen` and `connect`. A bare `Deno.Conn` keeps
   * the rest of the contract.
   *
   * @default {true}
   */
  hardened?: boolean;
  /**
   * Breaks a connection so that its peer must see a reset instead of an end.
   * Left out where a transport cannot, and the checks with it.
   */
  reset?: (connection: Connection) => void | Promise<void>;
}

/**
 * Checks a transport against the whole contract: order, partial writes,
 * backpressure, half-close in both directions, end, reset, abort, closing
 * twice, concurrent reads, large transfers. It needs no test framework.
 *
 * @example Prove a transport
 * ```ts
 * import { checkTransport, memoryPair } from "@lengthwise/lengthwise/transport";
 *
 * await checkTransport(() => memoryPair());
 * ```
 *
 * @example One test step for each check
 * ```ts
 * import { checkTransport, memoryPair } from "@lengthwise/lengthwise/transport";
 *
 * Deno.test("my transport", async (t) => {
 *   await checkTransport(() => memoryPair({ capacity: 100 }), {
 *     step: (name, check) => t.step(name, check),
 *   });
 * });
 * ```
 *
 * @param makePair makes a fresh connected pair for each check
 * @param options what this transport promises
 * @throws {AggregateError} with one `Error` for each check that failed
 */
export async function checkTransport(
  makePair: () => ConnectionPair | Promise<ConnectionPair>,
  options: ComplianceOptions = {},
): Promise<void> {
  const {
    step = (_name, check) => check(),
    timeout = 10_000,
    hardened = true,
    reset,
  } = options;
  const errors: Error[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    if (name.startsWith("reset") && reset === undefined) continue;
    const run = async () => {
      const [client, server] = await makePair();
      const within = deadline(timeout);
      try {
        await check({ client, server, hardened, reset, within });
      } finally {
        client[Symbol.dispose]();
        server[Symbol.dispose]();
      }
    };
    try {
      await step(name, run);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      errors.push(new Error(`${name}: ${why}`, { cause }));
    }
  }
  if (errors.length === 0) return;
  throw new AggregateError(
    errors,
    `The transport breaks the contract in ${errors.length} of ${
      Object.keys(CHECKS).length
    } checks: ${errors.map((error) => error.message).join("; ")}`,
  );
}

function deadline(timeout: number): ComplianceContext["within"] {
  return async (wait, what) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`${what} did not happen within ${timeout} ms`)),
      timeout,
    );
    try {
      return await Promise.race([wait, promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}
