/**
 * Time limits for the steps before a session is ready.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { SessionError } from "../errors/call_error.ts";

/** Milliseconds that an attempt to connect may take, with the handshake. */
export const CONNECT_TIMEOUT = 10_000;

/** Connects with a time limit in ms; the signal has no effect later. */
export function whileConnecting<T>(
  signal: AbortSignal,
  connect: (signal: AbortSignal) => Promise<T>,
  limit: number,
): Promise<T> {
  const controller = new AbortController();
  return limited(
    limit,
    `No session was open within ${limit} ms`,
    signal,
    (reason) => controller.abort(reason),
    () => connect(controller.signal),
  );
}

/**
 * Runs a function of the application with a time limit.
 *
 * @param ms the limit
 * @param what the function, for the error
 * @param signal ends the wait at once, with its reason as the error
 * @param run the function
 * @param hint what to do if it takes too long
 * @throws {SessionError} if it fails or takes too long; the client tries again
 */
export async function within<T>(
  ms: number,
  what: string,
  signal: AbortSignal,
  run: () => T,
  hint = "",
): Promise<Awaited<T>> {
  const { promise, reject } = Promise.withResolvers<never>();
  try {
    return await limited(
      ms,
      `${what} has not settled within ${ms} ms${hint}`,
      signal,
      reject,
      () => Promise.race([(async () => await run())(), promise]),
    );
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    const detail = messageOf(cause);
    throw new SessionError(`${what} failed: ${detail}`, {
      code: "closed",
      cause,
    });
  }
}

/**
 * Runs a function, which `abort` must end, with a time limit.
 *
 * @param why the message of the error after `ms`
 * @param abort called with an error, at most until the function has ended
 */
async function limited<T>(
  ms: number,
  why: string,
  signal: AbortSignal,
  abort: (reason: unknown) => void,
  run: () => Promise<T>,
): Promise<T> {
  const onAbort = () => abort(signal.reason);
  const timer = setTimeout(
    () => abort(new SessionError(why, { code: "timeout" })),
    ms,
  );
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted(); // such a signal has no event any more
    return await run();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
