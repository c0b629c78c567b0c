/**
 * Interceptors: functions around every call that one side makes.
 *
 * @module
 */
import type { CallOptions, Items } from "../protocol/client_types.ts";
import type { OnceIdentity } from "./once_identity.ts";
import type { StreamProgress } from "./stream_progress.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { Metadata } from "../session/wire/metadata.ts";

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
  /** Input of the call; `undefined` for `clientStream` and `duplex`. */
  readonly input: unknown;
  /**
   * Items to send; exists for `clientStream` and `duplex` only.
   *
   * If the caller passed items to the call, these are the same object. Otherwise
   * they are the items that the caller passes to `send()`, and can be iterated
   * once.
   */
  readonly items?: Items<unknown> | undefined;
  /**
   * Options for the call.
   *
   * `signal` is always set: it is aborted when the caller's signal is aborted,
   * or when the caller cancels the call. It ends every attempt, even one whose
   * options lack it. A signal that an interceptor puts in its place applies in
   * addition.
   */
  readonly options: CallOptions;
  /**
   * How often the call was sent before; at most 255.
   *
   * Its handler reads it as `context.attempt`. A client sets it when it sends a
   * call again. An interceptor that repeats calls may do so too.
   *
   * @default {0}
   */
  readonly attempt?: number | undefined;
}

/** A request, and what a client keeps over all attempts. */
export interface AttemptRequest extends OutgoingRequest {
  /** Identity of a once call. */
  readonly once?: OnceIdentity | undefined;
  /** Progress of the stream that the call continues. */
  readonly progress?: StreamProgress | undefined;
}

/** The parts of a request that are set for each attempt. */
export type AttemptDetails = Pick<
  AttemptRequest,
  "attempt" | "once" | "progress"
>;

/**
 * Result of an interceptor's `next()`.
 *
 * Calls that return an output have a response once they have succeeded; calls
 * that return items have one as soon as they have begun. `metadata` is the
 * metadata of the result: it is empty until the result has arrived, which
 * precedes the end of the items.
 *
 * @category Clients
 */
export type CallResponse =
  | {
    /** Shape of the method. */
    readonly shape: "unary" | "clientStream";
    /** Output of the call. */
    readonly output: unknown;
    /** Metadata of the result. */
    readonly metadata: Metadata;
  }
  | {
    /** Shape of the method. */
    readonly shape: "serverStream" | "duplex";
    /** Received items, which can be iterated once. */
    readonly items: AsyncIterable<unknown>;
    /** Metadata of the result; complete after the last item. */
    readonly metadata: Metadata;
  }
  | {
    /** Shape of the method. */
    readonly shape: "notification";
    /** Always empty. */
    readonly metadata: Metadata;
  };

/**
 * Function around every call that one side makes, streams included.
 *
 * An interceptor can change the request, wait before it calls `next()`, and call
 * `next()` again to retry. It returns the response of a `next()`, or a copy of
 * one with another `output` or other `items`, such as a generator around the
 * items. Returning anything else is a `TypeError`. If the interceptor throws,
 * the call fails with that error.
 *
 * For methods that return an output, `next()` resolves when the call has
 * succeeded, and rejects if it has failed. For methods that return items, it
 * resolves when the call has begun; an error of the call is thrown by the
 * iteration over `items`.
 *
 * The caller receives its promise or stream at once. Its `signal`, `cancel()` or
 * disposal ends the call even while an interceptor waits. If the signal is
 * aborted before the call, no interceptor runs. When the call ends, attempts
 * that are still in progress are cancelled, and no further attempt begins:
 * `next()` then rejects.
 *
 * If the caller passes items to `send()` and one cannot be encoded, the call
 * fails, as it does for items in an iterable.
 *
 * @param request the call to make
 * @param next passes a request on to the next interceptor, or makes the call
 * @returns the response of `next()`, or a copy of it
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
 * @example Retry calls that the server refused
 * ```ts
 * import { CallError, type Interceptor } from "@lengthwise/lengthwise";
 *
 * const retried: Interceptor = async (request, next) => {
 *   for (let attempt = 1;; attempt++) {
 *     try {
 *       return await next(request);
 *     } catch (error) {
 *       const again = error instanceof CallError && error.retry === "now";
 *       if (!again || attempt === 3) throw error;
 *     }
 *   }
 * };
 * ```
 *
 * @example Count the items of a stream
 * ```ts
 * import { connect, type Interceptor, protocol, serve, serverStream } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * let count = 0;
 * async function* counting(items: AsyncIterable<unknown>) {
 *   for await (const item of items) {
 *     count++;
 *     yield item;
 *   }
 * }
 * const counted: Interceptor = async (request, next) => {
 *   const response = await next(request);
 *   if (response.shape !== "serverStream") return response;
 *   return { ...response, items: counting(response.items) };
 * };
 *
 * const Clock = protocol({ name: "clock", server: { ticks: serverStream<number, number>() } });
 * await using server = await serve(Clock, { port: 0 }).handle({
 *   async *ticks(upTo) {
 *     for (let tick = 0; tick < upTo; tick++) yield tick;
 *   },
 * });
 * await using session = await connect(Clock, server.addr, { interceptors: [counted] });
 * assertEquals((await Array.fromAsync(session.remote.ticks(3))).length, count);
 * ```
 *
 * @category Clients
 */
export type Interceptor = (
  request: OutgoingRequest,
  next: (request: OutgoingRequest) => Promise<CallResponse>,
) => Promise<CallResponse>;
