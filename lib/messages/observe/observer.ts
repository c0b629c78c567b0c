/**
 * The interfaces of observers: what happens to the sessions and calls of a
 * client or server.
 *
 * @module
 */
import type { SocketAddress } from "../../transport/connection.ts";
import type {
  CallErrorCode,
  Processed,
  SessionError,
  SessionErrorCode,
} from "../errors/call_error.ts";
import type { Side } from "../protocol/protocol_types.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type { SessionStats } from "./stats.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { Metadata } from "../session/wire/metadata.ts";
import type { TraceFields } from "../session/wire/trace_field.ts";

export type { TraceFields };

/**
 * Observer of the sessions and calls of a client or server.
 *
 * Pass it with the option `observers`. Every member is optional, and receives
 * sizes, metadata and outcomes, never the values of messages. Its functions are
 * synchronous and must be fast: they run between two frames. An error that one
 * of them throws is reported to `onError`, once a minute for each function, and
 * has no other effect.
 *
 * @example Count calls by method and outcome
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import type { Observer } from "@lengthwise/lengthwise/observe";
 * import { assertEquals } from "@std/assert";
 *
 * const counts: Record<string, number> = {};
 * const counter: Observer = {
 *   call: ({ method = "unknown" }) => ({
 *     end({ code }) {
 *       const key = `${method} ${code}`;
 *       counts[key] = (counts[key] ?? 0) + 1;
 *     },
 *   }),
 * };
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }, { observers: [counter] })
 *   .handle({ echo: (text) => text });
 * await using session = await connect(Echo, server.addr);
 * await session.remote.echo("hello");
 * assertEquals(counts, { "echo ok": 1 });
 * ```
 *
 * @category Observers
 */
export interface Observer {
  /**
   * Called when a session opens.
   *
   * @returns the observer of the session, or `undefined`
   */
  session?(info: SessionInfo): SessionObserver | undefined;
  /**
   * Called when a server refuses a client, or loses it before HELLO.
   *
   * Examples are a full server, wrong credentials, a client that sends no HELLO
   * in time, and bytes of another protocol.
   */
  refused?(info: RefusalInfo): void;
  /** Called after each attempt to open or resume a session. */
  connect?(info: ConnectAttempt): void;
  /**
   * Called when a call or notification begins, at either end.
   *
   * A client's call is one call, however often it is sent. Calls that are
   * refused before their handlers begin and end too.
   *
   * @returns the observer of the call, or `undefined`: the call then costs
   * nothing more
   */
  call?(info: CallInfo): CallObserver | undefined;
}

/**
 * An open session, as its observers see it.
 *
 * @category Observers
 */
export interface SessionInfo {
  /** Random id of the session. */
  readonly id: string;
  /** Name of this side's protocol. */
  readonly protocol: string;
  /** This side's role. */
  readonly role: Side;
  /**
   * The configured address of the server, as text; `""` at a server.
   *
   * For a connector, it is the connector's name. Several addresses are joined with
   * `", "`.
   */
  readonly endpoint: string;
  /**
   * Name of the client's principal, at a server with the option `principal`;
   * else `""`.
   */
  readonly principal: string;
  /** Address of this side. */
  readonly localAddr: SocketAddress;
  /** Address of the peer. */
  readonly remoteAddr: SocketAddress;
  /** Whether both sides have the same protocol hash. */
  readonly sameProtocol: boolean;
  /** Methods that the peer declares differently. */
  readonly mismatches: readonly MethodMismatch[];
  /** Figures of the session. */
  readonly stats: SessionStats;
}

/**
 * Observer of one session.
 *
 * @category Observers
 */
export interface SessionObserver {
  /** Called once when the session ends. */
  ended?(reason: SessionError): void;
  /**
   * Called when messages to the peer are dropped.
   *
   * @param reason `"unsent"`: the session ended first; `"limit"`: too many were
   * queued; `"slow"`: the peer reads a topic too slowly
   * @param count number of messages
   */
  dropped?(reason: DropReason, count: number): void;
  /** Called when a round trip was measured, with its milliseconds. */
  roundTrip?(ms: number): void;
}

/**
 * Reason why messages are dropped.
 *
 * @category Observers
 */
export type DropReason = "unsent" | "limit" | "slow";

/**
 * A client that a server did not accept.
 *
 * @category Observers
 */
export interface RefusalInfo {
  /** Code of the error. */
  readonly reason: SessionErrorCode;
  /** The error, whose message says more. */
  readonly error: SessionError;
  /** Address of this side. */
  readonly localAddr: SocketAddress;
  /** Address of the client. */
  readonly remoteAddr: SocketAddress;
}

/**
 * An attempt of a client to open or resume a session.
 *
 * @category Observers
 */
export interface ConnectAttempt {
  /** The address, as text, or the name of the connector. */
  readonly endpoint: string;
  /**
   * How the attempt ended.
   *
   * - `"opened"`: a session is open.
   * - `"resumed"`: an earlier session continues.
   * - `"refused"`: the server did not accept the handshake.
   * - `"failed"`: there was no connection, or the attempt was aborted.
   */
  readonly outcome: "opened" | "resumed" | "refused" | "failed";
  /** Why it failed; `undefined` if it did not. */
  readonly error: unknown;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * A call or notification that begins.
 *
 * @category Observers
 */
export interface CallInfo {
  /** This side's end of the call. */
  readonly side: "caller" | "callee";
  /** Name of this side's protocol. */
  readonly protocol: string;
  /** Declared name of the method; `undefined` if this side does not have it. */
  readonly method: string | undefined;
  /** Name of the method at the peer, escaped; `""` if unknown. */
  readonly methodOriginal: string;
  /** Shape of the method; `undefined` if it is unknown. */
  readonly shape: Shape | undefined;
  /** The session; `undefined` while a client's call has none. */
  readonly session: SessionInfo | undefined;
  /** Milliseconds that are left for the call; `Infinity` without a deadline. */
  readonly timeLeft: number;
  /** Time at which the call began, in ms since 1970, with fractions. */
  readonly beganAt: number;
  /** Trace context that the caller sent; `undefined` at the caller. */
  readonly trace: TraceFields | undefined;
  /** Metadata of the caller; `undefined` if the call has no metadata. */
  readonly metadata: Metadata | undefined;
}

/**
 * Observer of one call.
 *
 * @category Observers
 */
export interface CallObserver {
  /**
   * Called at the caller to set the trace context of the call.
   *
   * All attempts of a call have the same. A context that is not valid is not
   * sent, and is reported to `onError`. The same holds for metadata that is not
   * valid or does not fit into `maxMetadata`.
   *
   * @param carrier receives the trace context
   * @param metadata receives further metadata; keys of the call take precedence
   */
  inject?(carrier: TraceFields, metadata: Record<string, string>): void;
  /** Called at the caller before each attempt. */
  attempt?(info: AttemptInfo): void;
  /**
   * Called for each message of the call: input, output and items.
   *
   * @param bytes its encoded size; 0 if it was never encoded
   */
  message?(direction: "sent" | "received", bytes: number): void;
  /** Called when the first item was sent, or is received. */
  firstItem?(): void;
  /**
   * Called at the callee to run each step of the handler.
   *
   * @param step enters the handler, calls `next()` or `return()` of the stream
   * that it returned, or calls `onError`; must be called once, within this
   * function
   * @returns the result of `step`
   */
  run?<T>(step: () => T): T;
  /** Called once when the call has ended. */
  end?(outcome: CallOutcome): void;
}

/**
 * An attempt of a call.
 *
 * @category Observers
 */
export interface AttemptInfo {
  /** `"transparent"` if the attempt before was never sent. */
  readonly kind: "first" | "retry" | "transparent";
  /** Code of the attempt before, which failed; `undefined` for the first. */
  readonly failed: Exclude<CallOutcome["code"], "ok"> | undefined;
  /** The session of the attempt. */
  readonly session: SessionInfo;
}

/**
 * How a call ended.
 *
 * @category Observers
 */
export interface CallOutcome {
  /**
   * `"ok"`, or the code of the error.
   *
   * `"local"`: the caller's side failed with an error that is not a `CallError`,
   * such as an input that cannot be encoded.
   */
  readonly code: "ok" | "local" | CallErrorCode;
  /**
   * The end that cancelled the call; `undefined` if neither did.
   *
   * A caller cancels a call by its signal, and by leaving a loop over its items.
   */
  readonly cancelledBy: "caller" | "callee" | undefined;
  /** Name of the declared error; `""` for other codes. */
  readonly declaredError: string;
  /** Whether the handler ran. */
  readonly processed: Processed;
  /** Number of attempts; 0 at the callee. */
  readonly attempts: number;
  /** Milliseconds from the beginning to the end. */
  readonly ms: number;
  /** Encoded bytes of the messages that this side sent. */
  readonly bytesSent: number;
  /** Encoded bytes of the messages that the application received. */
  readonly bytesReceived: number;
  /** Number of items that this side sent. */
  readonly itemsSent: number;
  /** Number of items that the application received. */
  readonly itemsReceived: number;
  /** Id of the incident that the callee reported, or `""`. */
  readonly incident: string;
}
