/**
 * Public type of the context that a handler receives.
 *
 * @module
 */
import type { Shape } from "../session/wire/shape.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { Metadata, Position } from "../session/wire/fields.ts";
import type { CallErrorCode, CallErrorOptions } from "../errors/call_error.ts";
import type { CallError } from "../errors/call_error.ts";

/**
 * Context that a handler receives as its second argument.
 *
 * It also has the members of {@linkcode MethodContext} (`opening` and
 * `error()`), which depend on the method, and the members that middleware adds.
 *
 * @typeParam Remote the peer's methods
 * @typeParam Session the session that the call belongs to
 *
 * @example Refuse a call, and send metadata with the result
 * ```ts
 * import { CallError, connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const Files = protocol({
 *   name: "files",
 *   server: { read: unary<string, string>() },
 * });
 * await using server = await serve(Files, { port: 0 }).handle({
 *   read(path, context) {
 *     if (path.startsWith("/")) {
 *       throw context.refuse("The path must be relative", { code: "forbidden" });
 *     }
 *     context.respondWith({ version: "2" });
 *     return `contents of ${path}`;
 *   },
 * });
 *
 * await using session = await connect(Files, server.addr);
 * await session.remote.read("a.txt", {
 *   onMetadata: ({ version }) => assertEquals(version, "2"),
 * });
 * const error = await assertRejects(() => session.remote.read("/etc"), CallError);
 * assertEquals(error.code, "forbidden");
 * ```
 *
 * @category Servers
 */
export interface CallContext<Remote, Session> {
  /** Dotted name of the method, such as `orders.create`. */
  readonly method: string;
  /** Shape of the method, such as `unary`. */
  readonly shape: Shape;
  /**
   * Unique name of the call if its method is `once`; otherwise `""`.
   *
   * All attempts of the call have the same key. Store it together with the effect
   * of the call, in one transaction, or pass it on to a service that accepts such
   * keys: the effect then happens at most once even if the server crashes. The
   * key consists of the characters of a URL's path; its length is that of the
   * principal and the method, and at most 400 characters.
   */
  readonly key: string;
  /**
   * Validated input of the call.
   *
   * It is `undefined` for `clientStream` and `duplex`, whose input is a stream.
   */
  readonly input: unknown;
  /**
   * Aborted when the caller is no longer waiting for the result.
   *
   * Its reason is a `CallError`. The `code` is `cancelled` if the caller
   * cancelled the call, `deadline` if the deadline passed, `disconnected` if
   * the session ended, or `unavailable` if the grace period of a drain is over.
   * The signal of a notification is aborted only when the session ends.
   */
  readonly signal: AbortSignal;
  /**
   * Aborted when either side begins to drain, or when the session ends.
   *
   * A handler that runs for long should then end. The signal's reason is a
   * `SessionError`, with the code `drain` or `age` for a drain. The signal belongs
   * to the call: it is not aborted after the handler has settled.
   *
   * To read this member is to say that the handler ends early: if its stream
   * ends after the signal was aborted, the caller receives `unavailable`, and
   * does not take the stream for complete. This also applies if middleware of
   * the handler has read the member. A handler of any shape may throw the
   * reason, which has the same effect. No incident is reported.
   *
   * If a stream is complete whenever it ends, use `session.draining`, which is
   * aborted at the same time and has no such effect.
   *
   * @example End an endless stream, so that its caller continues elsewhere
   * ```ts
   * import { CallError, connect, protocol, serve, serverStream } from "@lengthwise/lengthwise";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const Clock = protocol({ name: "clock", server: { ticks: serverStream<void, number>() } });
   * await using server = await serve(Clock, { port: 0 }).handle({
   *   async *ticks(_, { draining }) {
   *     for (let tick = 0; !draining.aborted; tick++) {
   *       yield tick;
   *       await new Promise((resolve) => setTimeout(resolve, 5));
   *     }
   *   },
   * });
   *
   * await using session = await connect(Clock, server.addr);
   * const error = await assertRejects(async () => {
   *   for await (const tick of session.remote.ticks()) {
   *     if (tick === 1) void server.shutdown();
   *   }
   * }, CallError);
   * assertEquals(error.code, "unavailable"); // not the end of the stream
   * ```
   */
  readonly draining: AbortSignal;
  /** Milliseconds until the caller's deadline, at least 0; `Infinity` without a deadline. */
  readonly timeLeft: number;
  /**
   * How often the caller has sent the call before; 0 for the first attempt.
   *
   * It is a hint for logs and load: handlers of earlier attempts may have run,
   * or not. A client counts only attempts that may have left its process.
   */
  readonly attempt: number;
  /** Metadata that the caller sent with the call; an object without a prototype. */
  readonly metadata: Metadata;
  /**
   * The caller's last item, if it continues a stream.
   *
   * Pass the context to {@linkcode Source.items}, which reads it. A handler that
   * returns other items cannot continue a stream: its caller then receives
   * `unimplemented`.
   */
  readonly resumeFrom: Position | undefined;
  /**
   * Sets the metadata that is sent with the result.
   *
   * Calling it again replaces the metadata.
   *
   * @param metadata keys and values
   * @throws {TypeError} if a key or a value is invalid, or the method is a
   * notification
   * @throws {RangeError} if the metadata exceeds `limits.maxMetadata` bytes or 128 pairs
   */
  respondWith(metadata: Metadata): void;
  /**
   * The peer's methods, for calls on behalf of this call.
   *
   * Those calls are cancelled together with this call and share its deadline.
   */
  readonly remote: Remote;
  /** The session that the call belongs to. */
  readonly session: Session;
  /**
   * Returns call options with this call's signal and remaining time.
   *
   * Use them for a call to another service on behalf of this call.
   *
   * @param options other options; a `timeout` can only shorten the time
   */
  inherit(options?: CallOptions): CallOptions;
  /**
   * Creates an error that ends the call with a framework code.
   *
   * The caller receives its message and data. Throw it:
   * `throw context.refuse("Only the owner may do this", { code: "forbidden" })`.
   *
   * @param message message for the caller
   * @param options code of the refusal, advice on retries, and data
   */
  refuse(message: string, options: RefusalOptions): CallError;
}

/**
 * Options for {@linkcode CallContext.refuse}.
 *
 * @category Handlers
 */
export interface RefusalOptions
  extends Pick<CallErrorOptions, "retry" | "retryAfter" | "data"> {
  /** Reason for the refusal. */
  readonly code: RefusalCode;
}

/**
 * Framework codes with which a handler may refuse a call.
 *
 * @category Handlers
 */
export type RefusalCode = Extract<
  CallErrorCode,
  "invalid" | "forbidden" | "unauthenticated" | "overloaded" | "unavailable"
>;
