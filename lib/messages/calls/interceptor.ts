/**
 * Code around every call that a client makes.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { Shape } from "../session/wire/shape.ts";

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
 * shapes with items the stream. What it throws the call fails with.
 *
 * Of a stream it may give another in place: a generator around its items, an
 * array, an object with members of its own; or a promise of one. What such a
 * stream cannot do (`cancel`, `send`, `end`, `result`) the call does that it
 * stands around.
 *
 * However long it waits, the caller's `signal` ends the call. One that has
 * fired already begins nothing: no interceptor sees such a call.
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
 *
 * @example Items, counted as they pass
 * ```ts
 * import { connect, type Interceptor, protocol, serve, serverStream } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * let count = 0;
 * const counted: Interceptor = (request, next) => {
 *   if (request.shape !== "serverStream") return next(request);
 *   return (async function* () {
 *     for await (const item of next(request) as AsyncIterable<unknown>) {
 *       count++;
 *       yield item;
 *     }
 *   })();
 * };
 *
 * const Clock = protocol({ name: "clock", server: { ticks: serverStream<number, number>() } });
 * await using server = await serve(Clock, {
 *   async *ticks(upTo) {
 *     for (let tick = 0; tick < upTo; tick++) yield tick;
 *   },
 * }, { port: 0 });
 * await using session = await connect(Clock, server.addr, { interceptors: [counted] });
 * assertEquals((await Array.fromAsync(session.remote.ticks(3))).length, count);
 * ```
 */
export type Interceptor = (
  request: OutgoingRequest,
  next: (request: OutgoingRequest) => unknown,
) => unknown;
