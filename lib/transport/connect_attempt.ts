/**
 * A single connection attempt, under a signal and a timeout.
 *
 * @module
 */
import { TransportError } from "./errors.ts";

/** Options for {@linkcode connectAttempt}. */
export interface AttemptOptions {
  /** The server's address, in URL form. */
  address: string;
  /** Milliseconds that the attempt may take; `0` means no limit. */
  timeout: number;
  /** Cancels the attempt when aborted. */
  signal: AbortSignal | undefined;
}

/**
 * Runs one connection attempt; rejects on timeout or when the signal is aborted.
 *
 * `dial` may ignore its signal; a connection that is established too late is
 * closed.
 *
 * @param dial starts the attempt
 * @param options address, signal and timeout
 * @throws {TransportError} with code `"timeout"` if the attempt takes too long
 * @throws {unknown} the signal's reason, if the signal is aborted
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
        { code: "timeout", address },
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
