/**
 * Public types of servers: options, sessions and topics.
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
  TopicFigures,
} from "../broadcast/fanout.ts";
import type { Bus, TopicSubscription } from "../bus/bus.ts";
import type { BusFigures, BusOptions } from "../bus/bus_member.ts";
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import type { CallContext } from "../handlers/context.ts";
import type { OnceStore } from "../once/once_store.ts";
import type { ServerHealth } from "../health/health_registry.ts";
import type { SessionError } from "../errors/call_error.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type {
  AnyProtocol,
  Handlers,
  Remote,
} from "../protocol/protocol_types.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import type { FrameRecord } from "../errors/frame_record.ts";
import type { ServerStats, SessionStats } from "../observe/stats.ts";
import type { SessionOptions } from "../connection/session_options.ts";

/**
 * Information about a client, passed to `authenticate`.
 *
 * @category Servers
 */
export interface ClientInfo extends ConnectionInfo {
  /** Name of the client's protocol, as the client states it. */
  readonly protocol: string;
}

/**
 * Context of a server's handlers: a {@linkcode CallContext} of its sessions.
 *
 * Handlers that are written for `ServerContext<typeof Shop>` fit every server of
 * that protocol, with or without `authenticate` and `state`.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returns
 * @typeParam State the value that `state` returns
 *
 * @category Servers
 */
export type ServerContext<
  P extends AnyProtocol,
  Auth = unknown,
  State = unknown,
> = CallContext<Remote<P, "client">, ServerSession<P, Auth, State>>;

/**
 * Options for {@linkcode createServer}.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returns
 * @typeParam State the value that `state` returns
 *
 * @category Servers
 */
export interface ServerOptions<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends SessionOptions {
  /**
   * Called with a client's credentials to accept or reject the client.
   *
   * The value that it returns is available to handlers as
   * `context.session.auth`. If it throws, the client is rejected with
   * `unauthenticated`. The client receives the message of a `CallError`, but
   * only an incident id for any other error (see `exposeErrors`). Nothing that
   * the client sends is handled before `authenticate` has settled, which must
   * happen within `limits.handshakeTimeout`.
   *
   * It is called again when the client refreshes its credentials; an
   * error then ends the session.
   *
   * @default every client is accepted, and `auth` is `undefined`
   */
  authenticate?:
    | ((
      credentials: unknown,
      client: ClientInfo,
    ) => Auth | Promise<Auth>)
    | undefined;
  /**
   * Called for each session to create `context.session.state`.
   *
   * It runs after `authenticate` and before the client is accepted; both
   * together must settle within `limits.handshakeTimeout`. If it fails, the
   * client is rejected with `internal`.
   *
   * @default `state` is `undefined`
   */
  state?: (() => State | Promise<State>) | undefined;
  /**
   * Returns the name of a session's principal: the user or service that all
   * sessions with equal names belong to.
   *
   * Calls that run at most once are kept apart by principal, so that no client
   * receives the outcome of another's, and a session is resumed by its own
   * principal only. Required with `authenticate` if there are such methods, or if
   * sessions are resumed.
   *
   * @default all sessions belong to the same principal, `""`
   */
  principal?: ((auth: Auth) => string) | undefined;
  /**
   * Store of the outcomes of methods that are declared `once`.
   *
   * Servers that clients use in turn need a store that they share, such as that
   * of `examples/once_redis/`. Otherwise, a client cannot repeat a call on
   * another server.
   *
   * @default `memoryOnceStore()`, which is lost when the process ends
   */
  once?: OnceStore | undefined;
  /**
   * Maximum number of simultaneous sessions, including handshakes in progress.
   *
   * Sessions that the server drains do not count: their clients open the next ones
   * first. Further clients are rejected with `refused-busy`. While 64 such rejections
   * are in progress, new connections are closed immediately.
   *
   * @default {10000}
   */
  maxSessions?: number | undefined;
  /**
   * Milliseconds over which clients spread their next connections after a loss.
   *
   * It keeps the clients of a server that fails from reaching the next one at the
   * same moment. Clients receive it in the handshake, and use at most half of
   * their `wait.timeout`, because calls wait meanwhile. For a drain, see
   * {@linkcode Server.shutdown}.
   *
   * @default {2000}
   */
  spread?: number | undefined;
  /**
   * Milliseconds after which the server drains a session with the code `age`.
   *
   * The clients of `createClient()` then open the next one first, and lose no
   * call. New servers after the same load balancer thereby receive their share of
   * the clients. Each session has an age of its own, up to 10 % less or more. A
   * session that waits for a connection is drained once it is resumed.
   *
   * @default {0} for no limit
   */
  maxConnectionAge?: number | undefined;
  /**
   * Milliseconds that calls in flight may take when their session is old.
   *
   * Afterwards, they fail with `unavailable`.
   *
   * @default {30000}
   */
  maxConnectionAgeGrace?: number | undefined;
  /**
   * How sessions continue after their connection was lost.
   *
   * A client that supports it connects again, and both sides send what the other
   * has not received: calls, streams and notifications in flight go on, and
   * nothing is lost or repeated. Handlers are not aborted meanwhile. The client is
   * authenticated again, and must have the same `principal`, which is required
   * with `authenticate`.
   *
   * Sessions that wait for a connection hold at most a tenth of `memory`, and end
   * before others when memory is short. They do not count in `maxSessions`;
   * a server that is full still resumes its sessions.
   *
   * @default sessions end with their connections
   */
  resume?: {
    /** Milliseconds that a session waits for a connection; 0 for none. */
    grace: number;
    /**
     * Maximum number of sessions of a principal that wait for a connection.
     *
     * Without `authenticate`, and for the principal `""`, sessions of an address
     * count together. Increase it for clients that share an address, such as the
     * clients of a proxy.
     *
     * @default {4}
     */
    perPrincipal?: number | undefined;
    /**
     * Address at which clients reach this process itself.
     *
     * For example `"tls://10.0.0.5:7000"`; 1 to 255 bytes.
     * A client that reached it through a load balancer resumes its session there,
     * if its option `resume.locations` permits that.
     *
     * @default clients connect to the same address again
     */
    location?: string | undefined;
  } | undefined;
  /**
   * Options for slow clients of `server.broadcast`.
   *
   * @default `{ slow: "drop-oldest", maxQueuedBytes: 1_048_576 }`
   */
  broadcast?: SlowOptions | undefined;
  /**
   * Bus that joins the topics and broadcasts of several servers.
   *
   * Subscribers receive the messages of all servers that share the bus and have a
   * protocol of the same name: at most once, and in the order of each server. Give
   * each server a bus of its own, such as `broadcastChannelBus("chat")` of
   * `@lengthwise/lengthwise/bus` for threads, or `natsBus(connection)` of
   * `@lengthwise/lengthwise/nats`. The bus stays yours, and may be closed after the
   * server. Messages are encoded with the first of `codecs`.
   *
   * @default messages reach the sessions of this server
   */
  bus?: Bus | undefined;
  /**
   * How the server uses its bus: the first part of subjects, how long subscriptions
   * are kept, and what is called when messages are missing.
   *
   * @default `{ prefix: "lw", linger: 5_000, maxTopics: 50_000 }`
   */
  busOptions?: BusOptions | undefined;
  /**
   * Called with each session once its handshake is complete. Errors that it
   * throws are reported to `onError`.
   */
  onSession?:
    | ((session: ServerSession<P, Auth, State>) => void | Promise<unknown>)
    | undefined;
}

/**
 * Options for {@linkcode serve}.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam Auth type of what `authenticate` returns
 * @typeParam State type of what `state` returns
 *
 * @category Servers
 */
export interface ServeOptions<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends ServerOptions<P, Auth, State> {
  /**
   * Called with the address once the server is listening.
   *
   * If it throws, the server stops listening and `serve()` rejects with the
   * error. A promise that it returns is not awaited; a rejection is reported to
   * `onError`.
   *
   * Log the hostname as well as the port: with 127.0.0.1, the default, no client
   * outside of this machine, or of this container, can connect.
   *
   * @example
   * ```ts
   * import { protocol, serve } from "@lengthwise/lengthwise";
   *
   * const Empty = protocol({ name: "empty", server: {} });
   * await using server = await serve(Empty, { port: 0 }, {
   *   onListen: ({ hostname, port }) => console.log(`${hostname}:${port}`),
   * }).handle({});
   * ```
   */
  onListen?: ((addr: SocketAddress) => void) | undefined;
  /** Signal that stops listening and closes every session immediately. */
  signal?: AbortSignal | undefined;
  /**
   * Options for the listener, such as backlog, keep-alive, socket mode and TLS.
   * Not allowed if a listener is passed instead of an address.
   */
  transport?: Omit<ListenOptions, "signal"> | undefined;
}

/**
 * A server: a set of handlers and the sessions that they serve.
 *
 * Returned by {@linkcode serve} and {@linkcode createServer}. Disposing it
 * shuts it down gracefully.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returns
 * @typeParam State the value that `state` returns
 *
 * @category Servers
 */
export interface Server<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> extends AsyncDisposable {
  /**
   * Address of the server's first listener.
   *
   * @throws {TypeError} if the server has not started to listen
   */
  readonly addr: SocketAddress;
  /** Random id of this instance, in hexadecimal, which its clients know. */
  readonly instance: string;
  /** Sessions whose handshake is complete. */
  readonly sessions: ReadonlySet<ServerSession<P, Auth, State>>;
  /** Resolves when the server has shut down. */
  readonly finished: Promise<void>;
  /**
   * The client's notifications, as functions that send to every session.
   *
   * Each message is encoded once per codec, and a slow client does not delay
   * the others (see the option `broadcast`).
   */
  readonly broadcast: Publishers<P["client"]>;
  /**
   * Figures of the server, at the moment of reading: its sessions together, also ended
   * ones. Reading them takes time for each open session.
   */
  readonly stats: ServerStats;
  /** Health of the server, which `Health` and `healthResponse()` report. */
  readonly health: ServerHealth;
  /** Figures of `broadcast`. */
  readonly broadcastStats: TopicFigures;
  /** Figures of the bus; `undefined` without the option `bus`. */
  readonly bus: BusFigures | undefined;
  /**
   * Returns the topic with the given name. Topics need not be created: a topic
   * exists while it has subscribers.
   */
  topic(name: string): Topic<P, Auth, State>;
  /**
   * The topics that have subscribers on this server; each iteration reflects the
   * current ones.
   */
  readonly topics: Iterable<Topic<P, Auth, State>>;
  /**
   * Listens on another address.
   *
   * @param address where to listen, or a listener, which the server then owns
   * @param options options for the listener; not allowed if a listener is passed
   * @returns the address of the listener
   * @throws {TransportError} if the server cannot listen on the address
   * @throws {TypeError} if the server has been shut down, or an option is unknown
   * or cannot have an effect
   */
  listen(
    address: ListenAddress | Listener,
    options?: ListenOptions,
  ): Promise<SocketAddress>;
  /**
   * Serves a connection that was accepted elsewhere and takes ownership of it.
   *
   * If the server has been shut down, the connection is closed. If the server
   * already has `maxSessions` sessions, the client is rejected.
   *
   * @param connection the connection
   * @param options `info`: facts about the peer that you know because you have
   * accepted the connection; they take precedence over what the connection
   * reports. Connections of `listen` and `upgradeWebSocket` report everything.
   * @returns a promise that resolves when the connection is closed; it rejects
   * only with a `TypeError`, if an option is unknown
   */
  accept(
    connection: Connection,
    options?: { info?: Partial<ConnectionInfo> | undefined },
  ): Promise<void>;
  /**
   * Shuts the server down gracefully. Disposing the server does the same.
   *
   * It stops listening, drains every session, and waits until all are closed.
   * Sessions begin to drain one after the other, so that their clients do not all
   * reach another server at the same moment. Each session has its whole grace
   * period, and takes new calls until its turn comes.
   *
   * @param options the grace period for calls in flight, and when clients should
   * connect again; `stagger`: milliseconds over which the sessions begin to drain,
   * by default one for each session, at most 10,000; `drainDelay`: milliseconds
   * for which the server goes on as before, except that `server.health` is not
   * serving, by default 0. A load balancer then sends no more clients.
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   *
   * @example Ask clients to come back at different times
   * ```ts
   * import { connect, protocol, serve, type SessionError, unary } from "@lengthwise/lengthwise";
   * import { assertEquals } from "@std/assert";
   *
   * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
   * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
   * await using session = await connect(Echo, server.addr);
   *
   * await server.shutdown({ grace: 5_000, retryAfter: 1_000, spread: 10_000 });
   * const reason: SessionError = session.draining.reason;
   * assertEquals([reason.code, reason.retryAfter, reason.spread], ["drain", 1_000, 10_000]);
   * ```
   */
  shutdown(
    options?: DrainOptions & {
      stagger?: number | undefined;
      drainDelay?: number | undefined;
    },
  ): Promise<void>;
  /**
   * Stops listening and closes every session at once, also during `shutdown()`.
   *
   * Calls in flight fail, and messages that were not sent are lost. Use it when a
   * process is asked to stop a second time.
   *
   * @returns a promise that resolves when all connections are closed
   */
  abort(): Promise<void>;
  /** Keeps the process alive while the server is listening. This is the default. */
  ref(): void;
  /** Lets the process exit while the server is listening. */
  unref(): void;
}

/**
 * A server that still needs its handlers.
 *
 * Returned by {@linkcode serve} and {@linkcode createServer}. The handlers come
 * last, so that their types can be inferred from the options.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returns
 * @typeParam State the value that `state` returns
 * @typeParam Started the result of `handle()`
 *
 * @category Servers
 */
export interface ServerSetup<P extends AnyProtocol, Auth, State, Started> {
  /**
   * Starts the server with the given handlers.
   *
   * @param handlers a function for each method of the protocol's server side,
   * nested like the methods
   * @throws {TypeError} if a handler is missing, or a function matches no method
   */
  handle(
    handlers: Handlers<P, "server", ServerContext<P, Auth, State>>,
  ): Started;
}

/**
 * A server's session with one client.
 *
 * Disposing it drains it.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returned
 * @typeParam State the value that `state` returned
 *
 * @category Servers
 */
export interface ServerSession<
  P extends AnyProtocol,
  Auth = unknown,
  State = unknown,
> extends ConnectionInfo, AsyncDisposable {
  /** Random id of the session, which the client has too. */
  readonly id: string;
  /** The server that the session belongs to. */
  readonly server: Server<P, Auth, State>;
  /** The client's methods, as functions. */
  readonly remote: Remote<P, "client">;
  /** Result of `authenticate`; changes when the client refreshes its credentials. */
  readonly auth: Auth;
  /** Result of the option `principal`: whom the session belongs to; else `""`. */
  readonly principal: string;
  /** Result of the option `state`: data that handlers keep for this client. */
  readonly state: State;
  /**
   * Whether both sides have the same protocol hash.
   *
   * The hash covers the names, shapes and schemas of all methods.
   */
  readonly sameProtocol: boolean;
  /**
   * Methods of the server that the client declares differently.
   *
   * The list contains only methods that clients may call, because a client does
   * not announce the methods that it handles. If the list is empty and
   * `sameProtocol` is `false`, the methods that the client handles differ, or
   * the server has methods that the client does not know.
   */
  readonly mismatches: readonly MethodMismatch[];
  /**
   * Aborted when either side begins to drain, or when the session ends.
   * Long-running handlers should then end.
   *
   * The signal's reason is a {@linkcode SessionError}, with the code `drain` or
   * `age` for a drain.
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
   * Waits for calls in flight, then closes. Disposing the session does the
   * same.
   *
   * New calls fail with `unavailable`. Calls that are still running after the
   * grace period are cancelled. Has no effect on a session that drains already.
   *
   * @param options the grace period, and when the client should connect again
   * @returns a promise that resolves when the connection is closed
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  drain(options?: DrainOptions): Promise<void>;
  /**
   * Closes the session. Calls in flight fail at once.
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

/**
 * A group of sessions that receive the same notifications.
 *
 * Use a topic for a chat room, a channel, or the subscribers to one price.
 *
 * @typeParam P the protocol
 * @typeParam Auth the value that `authenticate` returns
 * @typeParam State the value that `state` returns
 *
 * @example
 * ```ts
 * import { connect, notification, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Chat = protocol({
 *   name: "chat",
 *   server: { join: unary<string, void>() },
 *   client: { said: notification<string>() },
 * });
 * await using server = await serve(Chat, { port: 0 }).handle({
 *   join(room, { session }) {
 *     session.server.topic(room).subscribe(session);
 *   },
 * });
 *
 * const { promise, resolve } = Promise.withResolvers<string>();
 * await using session = await connect(Chat, server.addr, {
 *   handlers: { said: resolve },
 * });
 * await session.remote.join("lobby");
 * assertEquals(server.topic("lobby").publish.said("hello"), 1); // one subscriber
 * assertEquals(await promise, "hello");
 * ```
 *
 * @category Servers
 */
export interface Topic<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
> {
  /** Name of the topic. */
  readonly name: string;
  /**
   * The client's notifications, as functions that send to every subscriber.
   *
   * Each message is encoded once per codec.
   */
  readonly publish: Publishers<P["client"]>;
  /**
   * The subscribed sessions of this server; each iteration reflects the current
   * ones.
   */
  readonly sessions: Iterable<ServerSession<P, Auth, State>>;
  /** Number of subscribed sessions of this server. */
  readonly size: number;
  /** Figures; the counters start at 0 when the topic gets its first subscriber. */
  readonly stats: TopicFigures;
  /**
   * The session for which most bytes wait, `stats.mostQueuedBytes` of them;
   * `undefined` if none wait.
   */
  readonly slowest: ServerSession<P, Auth, State> | undefined;
  /**
   * Subscribes a session. It is unsubscribed automatically when it drains or
   * ends.
   *
   * Subscribing a session again changes its options: messages in its queue that
   * exceed the new limit are dropped and counted in `stats.dropped`. With
   * `slow: "disconnect"` none are dropped; the next message to the full queue
   * then disconnects the session.
   *
   * @param session the session to subscribe; ignored if it drains or has ended,
   * or if it is not the first of a client's `connections`
   * @param options how to treat the session if it is slow
   * @returns a disposable that unsubscribes the session, with `ready`: await it if
   * the server has a bus, and the caller expects messages of other servers
   * @throws {CallError} `overloaded` if the server has a bus, and too many topics
   * have subscribers
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  subscribe(
    session: ServerSession<P, Auth, State>,
    options?: SlowOptions,
  ): TopicSubscription;
  /** Unsubscribes a session. Has no effect if it is not subscribed. */
  unsubscribe(session: ServerSession<P, Auth, State>): void;
}
