/**
 * Time limits for the steps before a session is ready.
 *
 * @module
 */
import { SessionError } from "../errors/call_error.ts";

/** Milliseconds that an attempt to connect may take, with the handshake. */
export const CONNECT_TIMEOUT = 10_000;

/** Connects with a time limit in ms; the signal has no effect later. */
export async function whileConnecting<T>(
  signal: AbortSignal,
  connect: (signal: AbortSignal) => Promise<T>,
  limit: number,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => {
    controller.abort(
      new SessionError(`No session was open within ${limit} ms`, {
        code: "timeout",
      }),
    );
  }, limit);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await connect(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Runs a function of the application with a time limit.
 *
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
  const abort = () => reject(signal.reason);
  const timer = setTimeout(
    () =>
      reject(
        new SessionError(`${what} has not settled within ${ms} ms${hint}`, {
          code: "timeout",
        }),
      ),
    ms,
  );
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted(); // such a signal has no event any more
    return await Promise.race([(async () => await run())(), promise]);
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new SessionError(`${what} failed: ${detail}`, {
      code: "closed",
      cause,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
