/**
 * A client's session, as applications and handlers see it.
 *
 * @module
 */
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import type { SessionError } from "../errors/call_error.ts";
import type { CallContext } from "../handlers/context.ts";
import type { AnyProtocol, Remote } from "../protocol/protocol_types.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type { FrameRecord } from "../errors/frame_record.ts";
import type { SessionStats } from "../observe/stats.ts";

/**
 * Context of a client's handlers: a {@linkcode CallContext} of its session.
 *
 * @typeParam P the protocol: `typeof Shop`
 *
 * @category Clients
 */
export type ClientContext<P extends AnyProtocol> = CallContext<
  Remote<P, "server">,
  ClientSession<P>
>;

/**
 * A client's session with a server.
 *
 * Returned by {@linkcode connect}. Disposing it closes it.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export interface ClientSession<P extends AnyProtocol>
  extends ConnectionInfo, AsyncDisposable {
  /**
   * Random id of the session, which the server has too, for logs.
   *
   * Before the server has accepted the client, it is another one.
   */
  readonly id: string;
  /** The server's methods, as functions. */
  readonly remote: Remote<P, "server">;
  /**
   * Whether both sides have the same protocol hash.
   *
   * The hash covers the names, shapes and schemas of all methods. `false` until
   * the handshake is complete.
   */
  readonly sameProtocol: boolean;
  /**
   * Methods that the two sides declare differently, the server's methods first.
   * Empty until the handshake is complete.
   *
   * The list contains only methods that their caller declares. Calls to methods
   * with the reason `missing` or `shape` fail immediately with `unimplemented`.
   * To see the fields that differ, use `compareWithServer()`.
   */
  readonly mismatches: readonly MethodMismatch[];
  /**
   * Aborted when either side begins to drain, or when the session ends. From
   * then on, make calls in a new session.
   *
   * The signal's reason is a {@linkcode SessionError}: its `code` is `drain` or
   * `age` for a drain, and its `retryAfter` and `spread` say when to connect
   * again.
   *
   * A handler may throw the reason: its caller then receives `unavailable`, and
   * no incident is reported. A handler whose stream ends early because of a drain
   * should use `context.draining`, so that the caller does not take the stream
   * for complete.
   */
  readonly draining: AbortSignal;
  /**
   * Resolves with the reason when the session has ended; never rejects.
   *
   * Its `code` is `closed` for an orderly end. `remote` says whether the peer
   * ended the session, and `message` includes the reason that was passed to
   * `close()`. The socket may stay open for a moment longer; `close()` waits
   * until it is closed.
   */
  readonly finished: Promise<SessionError>;
  /** Id of the server's instance, in hexadecimal; `""` before it is known. */
  readonly instance: string;
  /** Figures of the session, at the moment of reading. */
  readonly stats: SessionStats;
  /**
   * Returns the headers of the last frames, the oldest first; see the option
   * `recorder`. `formatRecording()` prints them.
   */
  recording(): FrameRecord[];
  /** Round-trip time of the last PING in ms; `undefined` before the first. */
  readonly roundTrip: number | undefined;
  /**
   * Sends new credentials and waits until the server has accepted them.
   *
   * @param credentials credentials for the server's `authenticate`
   * @throws {SessionError} if the session has ended, or ends because the
   * credentials are refused or not accepted within `limits.handshakeTimeout`
   */
  refresh(credentials: unknown): Promise<void>;
  /**
   * Waits for calls in flight, then closes.
   *
   * New calls, in either direction, fail with `unavailable`. Calls that are still
   * running after the grace period fail. Has no effect on a session that drains
   * already.
   *
   * @param options the grace period, and the reason that the server receives
   * @returns a promise that resolves when the connection is closed
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  drain(options?: DrainOptions): Promise<void>;
  /**
   * Closes the session. Calls in flight fail at once. Disposing the session
   * does the same.
   *
   * Notifications that were accepted are sent first, for at most
   * `limits.closeTimeout`.
   *
   * @param reason the reason, which the peer receives in the message of its
   * `finished`
   * @returns a promise that resolves when the connection is closed
   * @throws {TypeError} if the reason is not a string
   */
  close(reason?: string): Promise<void>;
  /** Keeps the process alive while the session is open. This is the default. */
  ref(): void;
  /**
   * Lets the process exit while the session is open.
   *
   * WebSocket connections, and connections of your own without `unref`, still
   * keep the process alive.
   */
  unref(): void;
}
