/**
 * Clients: connecting to a server.
 *
 * @module
 */
import {
  connect as dial,
  type ConnectAddress,
  type ConnectOptions as TransportConnectOptions,
} from "../../transport/connect.ts";
import { formatAddress } from "../../transport/address.ts";
import type { Connection } from "../../transport/connection.ts";
import { TypedSession } from "../connection/typed_session.ts";
import { type SideTables, sideTables } from "../connection/side_tables.ts";
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import type { CallContext } from "../handlers/context.ts";
import { SessionError } from "../errors/call_error.ts";
import { markForeign } from "../errors/call_stack.ts";
import { mayBeUnawaited } from "../errors/unawaited.ts";
import type {
  AnyProtocol,
  Handlers,
  Remote,
} from "../protocol/protocol_types.ts";
import type { MethodMismatch } from "../session/control/method_matching.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import {
  type ResolvedSessionOptions,
  resolveSessionOptions,
  SESSION_OPTIONS,
  type SessionOptions,
} from "../connection/session_options.ts";

/**
 * Context of a client's handlers: a {@linkcode CallContext} of its session.
 *
 * @category Clients
 */
export type ClientContext<P extends AnyProtocol> = CallContext<
  Remote<P, "server">,
  ClientSession<P>
>;

/**
 * Options for {@linkcode connect}, except for the handlers.
 *
 * @category Clients
 */
export interface ClientOptions extends SessionOptions {
  /** Credentials for the server's `authenticate`: any value that the codec can encode. */
  credentials?: unknown;
  /**
   * Signal that aborts connecting: `connect()` then rejects with its reason.
   * Once the session is open, the signal closes the session.
   */
  signal?: AbortSignal | undefined;
  /**
   * Whether `connect()` resolves before the server has accepted the client.
   *
   * Calls are then sent right after the client's HELLO, which saves a round
   * trip. They fail if the server rejects the client. Has no effect with
   * several {@linkcode SessionOptions.codecs | codecs}: the server then chooses
   * the codec of the calls.
   *
   * @default {false}
   */
  early?: boolean | undefined;
  /**
   * Options for the transport, such as timeout, retry, keep-alive and TLS. Not
   * allowed if a connection is passed instead of an address.
   */
  transport?: Omit<TransportConnectOptions, "signal"> | undefined;
}

const CLIENT_OPTIONS: OptionNames<ClientOptions & { handlers: object }> = {
  ...SESSION_OPTIONS,
  credentials: true,
  signal: true,
  early: true,
  transport: true,
  handlers: true,
};

/**
 * Options for {@linkcode connect}. `handlers` is required if the protocol has a
 * client side.
 *
 * @category Clients
 */
export type ConnectOptions<P extends AnyProtocol> = [keyof P["client"]] extends
  [never] ? ClientOptions & { handlers?: never }
  : ClientOptions & {
    /** A function for each method of the protocol's client side. */
    handlers: Handlers<P, "client", ClientContext<P>>;
  };

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
   * no incident is reported. If a handler has read `context.session` and its
   * stream of items ends after this signal was aborted, the stream ends with
   * `unavailable` too, so that the caller does not take it for complete.
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
  /** Counters of the session. */
  readonly stats: Readonly<SessionStats>;
  /** Round-trip time of the last heartbeat in ms; `undefined` before the first. */
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
 * Connects to a server and performs the handshake.
 *
 * @param protocol the protocol that both sides share
 * @param address the server's address, several addresses to try in order, or an
 * open connection, which the session then owns; the connection is closed if
 * `connect()` rejects
 * @param options handlers for the methods that the server may call,
 * credentials, limits, codecs and more; may be omitted if the protocol has no
 * client side
 * @returns the session, once the server has accepted the handshake
 * @throws {TransportError} if no connection can be established
 * @throws {SessionError} if the server does not accept the handshake
 * @throws {CodecError} if the codec cannot encode the credentials
 * @throws {TypeError} if a handler is missing, a function matches no method, or
 * an option is unknown, has the wrong type or cannot have an effect
 * @throws {RangeError} if a limit or a timeout is out of range
 * @throws the reason of `options.signal` if it is aborted
 *
 * @example
 * ```ts
 * import { connect, notification, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Chat = protocol({
 *   name: "chat",
 *   server: { say: unary<string, void>() },
 *   client: { heard: notification<string>() },
 * });
 * await using server = await serve(Chat, { port: 0 }).handle({
 *   say: async (text, { session }) => void await session.remote.heard(text),
 * });
 *
 * const { promise, resolve } = Promise.withResolvers<string>();
 * await using session = await connect(Chat, server.addr, {
 *   handlers: { heard: resolve },
 * });
 * await session.remote.say("hello");
 * assertEquals(await promise, "hello");
 * ```
 *
 * @category Clients
 */
export async function connect<P extends AnyProtocol>(
  protocol: P,
  address: ConnectAddress | readonly ConnectAddress[] | Connection,
  ...[options]: [keyof P["client"]] extends [never]
    ? [options?: ConnectOptions<P>]
    : [options: ConnectOptions<P>]
): Promise<ClientSession<P>> {
  // The conditional type's branches differ only in `handlers`.
  const clientOptions: ClientOptions & { handlers?: object } = options ?? {};
  let connection = isConnection(address) ? address : undefined;
  try {
    checkOptions("connect()", clientOptions, CLIENT_OPTIONS);
    if (connection !== undefined && clientOptions.transport !== undefined) {
      throw new TypeError(
        'Cannot use the option "transport" with an open connection: pass an address, or omit the option',
      );
    }
    clientOptions.signal?.throwIfAborted();
    const resolved = resolveSessionOptions(clientOptions);
    const tables = sideTables(protocol, "client", clientOptions.handlers ?? {});
    connection ??= await dialAddress(address as DialTarget, clientOptions); // isConnection() returned false
    const session = new ClientSessionImpl<P>(connection, tables, resolved);
    const early = clientOptions.early && resolved.codecs.length === 1;
    await session.open({ ...clientOptions, early });
    return session;
  } catch (error) {
    connection?.[Symbol.dispose]();
    throw error instanceof SessionError && connection !== undefined
      ? withAddress(error, connection)
      : error;
  }
}

/** Returns the error of a handshake with the address in its message. */
function withAddress(
  error: SessionError,
  { remoteAddr }: Connection,
): SessionError {
  return prefixed(`Cannot connect to ${formatAddress(remoteAddr)}`, error);
}

/** Returns the error with what failed before its message. */
function prefixed(what: string, error: SessionError): SessionError {
  const { message, code, remote, retryAfter, spread } = error;
  return new SessionError(
    `${what}: ${message}`,
    { code, remote, retryAfter, spread, cause: error },
  );
}

type DialTarget = ConnectAddress | readonly ConnectAddress[];

function dialAddress(
  address: DialTarget,
  { signal, transport = {} }: Pick<ClientOptions, "signal" | "transport">,
): Promise<Connection> {
  return dial(
    address,
    signal === undefined ? transport : { ...transport, signal },
  );
}

class ClientSessionImpl<P extends AnyProtocol> extends TypedSession<P, "server">
  implements ClientSession<P> {
  readonly #opened: PromiseWithResolvers<void> = Promise.withResolvers();
  #lastRefresh: Promise<void> = Promise.resolve();
  #refreshing: PromiseWithResolvers<void> | undefined = undefined;

  constructor(
    connection: Connection,
    tables: SideTables,
    resolved: ResolvedSessionOptions,
  ) {
    super({ role: "client", connection, tables, resolved });
    this.#opened.promise.catch(() => {});
  }

  /** Sends HELLO and, unless `early` is set, waits for the server's HELLO. */
  async open(
    { credentials, early = false, signal }: Pick<
      ClientOptions,
      "credentials" | "early" | "signal"
    >,
  ): Promise<void> {
    const abort = () => void this.abort();
    try {
      this.enter().start(credentials);
      if (signal !== undefined) this.#closeWith(signal);
      if (early) return;
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      await this.#opened.promise;
    } catch (error) {
      if (this.session.state === "new") abort();
      await this.closed;
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #closeWith(signal: AbortSignal): void {
    const close = () => void this.close();
    signal.addEventListener("abort", close, { once: true });
    this.finished.then(() => signal.removeEventListener("abort", close));
    if (signal.aborted) close();
  }

  override onOpened(): void {
    this.#opened.resolve();
  }

  override onRefreshed(): void {
    this.#refreshing?.resolve();
  }

  override onEnded(reason: SessionError): void {
    this.#refreshing?.reject(reason);
    this.#opened.reject(reason);
    super.onEnded(reason);
  }

  refresh(credentials: unknown): Promise<void> {
    return mayBeUnawaited(this.#refreshInTurn(credentials));
  }

  /** Sends refreshes one at a time, so the last credentials take effect. */
  async #refreshInTurn(credentials: unknown): Promise<void> {
    try {
      await this.#opened.promise;
      const refreshed = this.#lastRefresh.then(() =>
        this.#refresh(credentials)
      );
      this.#lastRefresh = refreshed.catch(() => {});
      await refreshed;
    } catch (error) {
      throw error instanceof SessionError
        ? markForeign(prefixed("Cannot refresh the credentials", error))
        : error;
    }
  }

  async #refresh(credentials: unknown): Promise<void> {
    if (this.session.state !== "open") {
      throw await this.finished;
    }
    this.enter().refresh(credentials);
    this.#refreshing = Promise.withResolvers();
    await this.#refreshing.promise;
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isConnection(
  value: ConnectAddress | readonly ConnectAddress[] | Connection,
): value is Connection {
  return typeof value === "object" && value !== null && "read" in value &&
    "write" in value;
}
