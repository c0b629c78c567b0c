/**
 * A React hook for the streams of a server.
 *
 * @module
 */
// @ts-types="@types/react"
import { useEffect, useState } from "react";

/** The newest item of a stream, and how it ended. */
export interface StreamState<T> {
  readonly item?: T;
  readonly error?: unknown;
  readonly ended: boolean;
}

/**
 * Reads a stream while the component is mounted.
 *
 * @param method a method of `client.remote`, which must stay the same
 * @param input its input, which must be JSON, or `undefined` if it has none
 */
export function useStream<Input, T>(
  method: (
    input: Input,
    options: { signal: AbortSignal },
  ) => AsyncIterable<T>,
  input: Input,
): StreamState<T> {
  const [state, setState] = useState<StreamState<T>>({ ended: false });
  const key = JSON.stringify(input) ?? ""; // "" for undefined
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    async function read(): Promise<void> {
      setState({ ended: false });
      try {
        const value = key === "" ? undefined : JSON.parse(key);
        for await (const item of method(value, { signal })) {
          setState({ item, ended: false });
        }
        setState((last) => ({ ...last, ended: true }));
      } catch (error) {
        // The signal aborts the call when the component is gone.
        if (!signal.aborted) {
          setState((last) => ({ ...last, error, ended: true }));
        }
      }
    }
    read();
    return () => stop.abort();
  }, [method, key]);
  return state;
}
