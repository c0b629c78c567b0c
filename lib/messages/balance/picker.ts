/**
 * Choosing one of the servers that could receive a call.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/** A server that could receive a call. */
export interface Candidate {
  /** Name of its address. */
  readonly name: string;
  /** Number of calls that are in flight or queued. */
  readonly load: number;
}

/**
 * Chooses a server.
 *
 * @param candidates at least one
 * @param info the method
 * @param input the input, or the items to send
 * @param options the options of the call
 */
export type Picker = <C extends Candidate>(
  candidates: readonly C[],
  info: BoundMethod,
  input: unknown,
  options: CallOptions,
) => C;

/** Returns a random number from 0 up to, but excluding, 1. */
export type Random = () => number;

/** Returns a picker that takes the servers in turn. */
export function inTurn(random: Random): Picker {
  // Clients that all began with the first one would send their first calls to it.
  let next = Math.floor(random() * 2 ** 30);
  return (candidates) => candidates[next++ % candidates.length]!; // in range
}

/** Returns a picker of the less loaded of two random servers. */
export function lessLoaded(random: Random): Picker {
  return (candidates) => {
    const { length } = candidates;
    const first = Math.floor(random() * length);
    const one = candidates[first]!; // in range
    if (length === 1) return one;
    const step = 1 + Math.floor(random() * (length - 1));
    const other = candidates[(first + step) % length]!; // in range, and not `one`
    return other.load < one.load ? other : one;
  };
}
