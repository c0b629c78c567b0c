/**
 * Code around every call that a client makes.
 *
 * @module
 */
import type { CallOptions } from "./call_types.ts";
import type { Shape } from "./method_types.ts";

/** A call that is about to be made. */
export interface OutgoingRequest {
  /** Dotted name of the method. */
  readonly method: string;
  /** What travels in it. */
  readonly shape: Shape;
  /** The input; for `clientStream` and `duplex` the items, if they were given. */
  readonly input: unknown;
  /** Options of the call. */
  readonly options: CallOptions;
}

/**
 * Sees every call, unary and streams alike: may change the request, wait, try
 * again, answer by itself, and look at what comes back: a promise, or for the
 * shapes with items the stream. An asynchronous one may give a promise of the
 * stream; the caller holds a stream all the same, which begins later. What it
 * throws the call fails with.
 *
 * @example Metadata on every call
 * ```ts
 * import type { Interceptor } from "@lengthwise/lengthwise/messages";
 *
 * const traced: Interceptor = (request, next) =>
 *   next({
 *     ...request,
 *     options: { ...request.options, metadata: { trace: crypto.randomUUID() } },
 *   });
 * ```
 */
export type Interceptor = (
  request: OutgoingRequest,
  next: (request: OutgoingRequest) => unknown,
) => unknown;
