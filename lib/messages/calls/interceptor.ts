/**
 * Interceptors: functions around every call that one side makes.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { Shape } from "../session/wire/shape.ts";

/**
 * A call that is about to be made.
 *
 * @category Clients
 */
export interface OutgoingRequest {
  /** Dotted name of the method. */
  readonly method: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /**
   * Input of the call.
   *
   * For `clientStream` and `duplex` it is the iterable of items, or `undefined`
   * if the caller uses `send()`.
   */
  readonly input: unknown;
  /** Options for the call. */
  readonly options: CallOptions;
}

/**
 * Function around every call that one side makes, streams included.
 *
 * An interceptor can change the request, wait, retry, supply the result itself,
 * or inspect the result of `next()`. That result is a stream for shapes with a
 * stream, and a promise for the others. If the interceptor throws or rejects,
 * the call fails with that error.
 *
 * Instead of a stream from `next()`, an interceptor can return a replacement: a
 * generator around the stream's items, an array, an object with some of a
 * stream's members, or a promise of any of these. Members that the replacement
 * lacks (`cancel`, `send`, `end`, `result`) are taken from the call that
 * `next()` started last.
 *
 * The caller's `signal` ends the call even while an interceptor waits. If the
 * signal is aborted before the call, no interceptor runs.
 *
 * @param request the call to make
 * @param next passes a request on to the next interceptor, or makes the call
 * @returns the result of `next()`, or a replacement for it
 *
 * @example Send metadata with every call
 * ```ts
 * import type { Interceptor } from "@lengthwise/lengthwise";
 *
 * const traced: Interceptor = (request, next) =>
 *   next({
 *     ...request,
 *     options: { ...request.options, metadata: { trace: crypto.randomUUID() } },
 *   });
 * ```
 *
 * @example Count the items of a stream
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
 *
 * @category Clients
 */
export type Interceptor = (
  request: OutgoingRequest,
  next: (request: OutgoingRequest) => unknown,
) => unknown;
