/**
 * One attempt to connect, under a signal and a timeout, for every kind of
 * address.
 *
 * @module
 */
import { TransportError } from "./errors.ts";

/** Limits of one attempt. */
export interface AttemptOptions {
  /** Where to, in URL form. */
  address: string;
  /** Milliseconds; `0` is no limit. */
  timeout: number;
  /** Gives up when aborted. */
  signal: AbortSignal | undefined;
}

/**
 * Dials, and gives up on time or on the signal. What dials may ignore its
 * signal: a connection that arrives too late is closed.
 *
 * @param dial starts the attempt
 * @param options its limits
 * @throws {TransportError} of kind `"timeout"`; the signal's reason as it is
 */
export function connectAttempt<C extends { close(): void }>(
  dial: (signal: AbortSignal) => Promise<C>,
  { address, timeout, signal }: AttemptOptions,
): Promise<C> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<C>();
  const stop = new AbortController();
  const giveUp = (reason: unknown) => {
    reject(reason);
    stop.abort(reason);
  };
  const onAbort = () => giveUp(signal?.reason);
  const onTimeout = () => {
    giveUp(
      new TransportError(
        `Cannot connect to ${address}: no connection within ${timeout} ms`,
        { kind: "timeout", address },
      ),
    );
  };
  const timer = timeout === 0 ? undefined : setTimeout(onTimeout, timeout);
  signal?.addEventListener("abort", onAbort, { once: true });
  const settle = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  dial(stop.signal).then(
    (connection) =>
      stop.signal.aborted ? connection.close() : resolve(connection),
    reject,
  ).finally(settle);
  return promise.finally(settle);
}
