/**
 * A server, its sessions and its topics, as programs see them.
 *
 * @module
 */
import type {
  Connection,
  Listener,
  SocketAddress,
} from "../../transport/connection.ts";
import type { ListenAddress, ListenOptions } from "../../transport/listen.ts";
import type {
  Publishers,
  SlowOptions,
  TopicStats,
} from "../broadcast/fanout.ts";
import type { ConnectionInfo } from "../handlers/context.ts";
import type { CallContext } from "../handlers/context.ts";
import type { SessionError } from "../errors/call_error.ts";
import type { MethodDifference } from "../introspection/protocol_diff.ts";
import type { AnyProtocol, Remote } from "../protocol/protocol_types.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import type { SessionOptions } from "../connection/session_options.ts";

/** What a server knows of a client when it decides whether to let it in. */
export interface ClientInfo extends ConnectionInfo {
  /** Name of the protocol that the client speaks. */
  readonly protocol: string;
}

/**
 * What handlers of a server are given.
 *
 * @typeParam P the protocol
 * @typeParam Auth what `authenticate` made of the credentials
 * @typeParam State what `state` made for the session
 */
export type ServerContext<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> = CallContext<Remote<P, "client">, ServerSession<P, Auth, State>>;

/**
 * Options of a server.
 *
 * @typeParam P the protocol
 * @typeParam Auth what `authenticate` makes of the credentials
 * @typeParam State what `state` makes for each session
 * @typeParam Extra what the middleware adds to the context
 */
export interface ServerOptions<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
  Extra extends object = Record<never, never>,
> extends SessionOptions<Extra, ServerContext<P, Auth, State>> {
  /**
   * Lets a client in, by returning what its handlers then find as
   * `context.session.auth`, or keeps it out, by throwing. Nothing that the
   * client sends is handled before. The text of a `CallError` reaches the
   * client, of anything else only an incident id. It must settle within
   * `limits.handshakeTimeout`. It is asked again when the client refreshes its
   * credentials; throwing then ends the session. Annotate its parameters, so
   * that the handlers know the type.
   */
  authenticate?: (
    credentials: unknown,
    client: ClientInfo,
  ) => Auth | Promise<Auth>;
  /**
   * Makes what each session keeps, `context.session.state`, before the client
   * is let in. It must settle within `limits.handshakeTimeout`, together with
   * `authenticate`. If it fails, the client is turned away: `internal`.
   */
  state?: () => State | Promise<State>;
  /**
   * Connections at the same time, those in their handshake included. Who comes
   * when they are there is told so (`too-many`) and gone again soon; if 64 are
   * being told, it is closed at once.
   *
   * @default {10000}
   */
  maxSessions?: number;
  /** How `server.broadcast` deals with slow clients. */
  broadcast?: SlowOptions;
  /**
   * Whether a client that was let in, and whose protocol differs, is told the
   * JSON Schemas of the methods in which it does: its `session.differences`
   * then name the fields. Without them they name the methods.
   *
   * @default {true}
   */
  discloseSchemas?: boolean;
  /** Told of each session once its handshake is done. What it throws goes to `onError`. */
  onSession?: (session: ServerSession<P, Auth, State>) => void | Promise<void>;
}

/** Options of {@linkcode serve}. */
export interface ServeOptions<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
  Extra extends object = Record<never, never>,
> extends ServerOptions<P, Auth, State, Extra> {
  /**
   * Told where it listens. What it throws `serve()` rejects with, and nothing
   * listens then; nobody waits for a promise, and what that rejects with goes
   * to `onError`.
   */
  onListen?: (addr: SocketAddress) => void;
  /** Stops listening and closes every session at once when aborted. */
  signal?: AbortSignal;
  /** Options of the listener: backlog, keep-alive, modes, TLS. */
  transport?: Omit<ListenOptions, "signal">;
}

/**
 * A server: handlers, and the sessions that they serve.
 *
 * @typeParam P the protocol
 * @typeParam Auth what `authenticate` made of the credentials
 * @typeParam State what `state` made for each session
 */
export interface Server<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends AsyncDisposable {
  /** Where it listens; of several the first. @throws {TypeError} if it does not listen */
  readonly addr: SocketAddress;
  /** The sessions whose handshake is done. */
  readonly sessions: ReadonlySet<ServerSession<P, Auth, State>>;
  /** Settles when it has shut down. */
  readonly finished: Promise<void>;
  /**
   * The client's notifications, each sent to every session: encoded once, and
   * never held up by a slow client (option `broadcast`).
   */
  readonly broadcast: Publishers<P["client"]>;
  /** Counters of `broadcast`. */
  readonly broadcastStats: Readonly<TopicStats>;
  /** The topic of that name; it exists as long as somebody is subscribed. */
  topic(name: string): Topic<P, Auth, State>;
  /** Listens at one more address. */
  listen(
    address: ListenAddress | Listener,
    options?: ListenOptions,
  ): Promise<SocketAddress>;
  /**
   * Serves a connection that somebody else has accepted, and owns it from here
   * on. After a shutdown, or above `maxSessions`, it refuses it.
   *
   * @returns settles, and never rejects, when the connection is closed
   */
  accept(connection: Connection): Promise<void>;
  /**
   * Stops listening, lets calls in flight end within the grace
   * (`limits.drainGrace`), and closes. Disposing does the same.
   */
  shutdown(): Promise<void>;
  /** Keeps the process alive while it listens (default). */
  ref(): void;
  /** Lets the process end although it listens. */
  unref(): void;
}

/** What is left of the options once those of both sides have been resolved. */
export type OwnOptions<P extends AnyProtocol, Auth, State> = Omit<
  ServerOptions<P, Auth, State>,
  "middleware"
>;

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
  /** The server that it belongs to: its topics, its other sessions. */
  readonly server: Server<P, Auth, State>;
  /** The client's methods. */
  readonly remote: Remote<P, "client">;
  /** Who the client is; changes when it refreshes its credentials. */
  readonly auth: Auth;
  /** What the handlers keep for this client. */
  readonly state: State;
  /**
   * Whether the client's protocol hash is this side's: both know the same
   * methods, and nothing differs.
   */
  readonly sameProtocol: boolean;
  /**
   * Where the methods that the client may call differ from those that are
   * served. What the client handles it does not list: if nothing is named here
   * and `sameProtocol` is `false`, it differs there, or does not know all that
   * is served.
   */
  readonly differences: readonly MethodDifference[];
  /** Fires when the session begins to drain: what never ends by itself should end now. */
  readonly draining: AbortSignal;
  /**
   * Settles as soon as the session has ended: with the error that ended it, or
   * with `undefined`. The socket may take a moment longer: `close()` waits for it.
   */
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

/**
 * Clients that get the same notifications: a room, a channel, the watchers of
 * one price.
 *
 * @typeParam P the protocol
 * @typeParam Auth what `authenticate` made of the credentials
 * @typeParam State what `state` made for the session
 */
export interface Topic<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> {
  /** Its name. */
  readonly name: string;
  /** The client's notifications, each sent to every subscriber: encoded once. */
  readonly publish: Publishers<P["client"]>;
  /** Who is subscribed, each time that it is looped over. */
  readonly sessions: Iterable<ServerSession<P, Auth, State>>;
  /** How many are subscribed. */
  readonly size: number;
  /** Counters, since the first of those who are subscribed came. */
  readonly stats: Readonly<TopicStats>;
  /**
   * Adds a session; it leaves by itself when it ends. Again, with other
   * options, changes them; what waits for it is kept as far as these allow, and
   * else counted in `stats.dropped`.
   *
   * @returns what unsubscribes it when disposed
   * @throws {RangeError} for an option out of its range
   */
  subscribe(
    session: ServerSession<P, Auth, State>,
    options?: SlowOptions,
  ): Disposable;
  /** Removes a session; harmless for one that is not there. */
  unsubscribe(session: ServerSession<P, Auth, State>): void;
}
