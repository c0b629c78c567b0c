/**
 * A client, as the server sees it.
 *
 * @module
 */
import type { ConnectionInfo } from "./connection_info.ts";
import type { SessionError } from "./errors.ts";
import type { AnyProtocol, Remote } from "./protocol_types.ts";
import type { SessionStats } from "./session/link.ts";

/**
 * One connected client.
 *
 * @typeParam P the protocol
 * @typeParam Auth what `authenticate` made of its credentials
 * @typeParam State what `state` made for it
 */
export interface ServerSession<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends ConnectionInfo, AsyncDisposable {
  /** The client's methods. */
  readonly remote: Remote<P, "client">;
  /** Who the client is; changes when it refreshes its credentials. */
  readonly auth: Auth;
  /** What the handlers keep for this client. */
  readonly state: State;
  /** Fires when the session begins to drain: what never ends by itself should end now. */
  readonly draining: AbortSignal;
  /** Settles when the connection is closed: with the error that ended it, or with `undefined`. */
  readonly finished: Promise<SessionError | undefined>;
  /** Counters. */
  readonly stats: Readonly<SessionStats>;
  /** Round-trip time of the last heartbeat, ms. */
  readonly roundTrip: number | undefined;
  /** Lets calls in flight end within the grace, and closes. Disposing does the same. */
  drain(): Promise<void>;
  /** Closes at once: calls in flight fail. */
  close(): Promise<void>;
}
