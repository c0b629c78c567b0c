/**
 * The side that dials.
 *
 * @module
 */
import {
  connect as dial,
  type ConnectAddress,
  type ConnectOptions as DialOptions,
} from "../../transport/connect.ts";
import type { Connection, SocketAddress } from "../../transport/connection.ts";
import { contextRemote } from "../handlers/context_remote.ts";
import { differencesOfClient } from "../connection/handshake_differences.ts";
import { LazySignal } from "../support/lazy_signal.ts";
import { Peer } from "../connection/peer.ts";
import { buildRemote, type CallSite } from "../calls/remote.ts";
import { sideTables } from "../connection/method_tables.ts";
import { connectionInfo } from "../connection/connection_info.ts";
import type { ConnectionInfo } from "../handlers/context.ts";
import type { CallContext } from "../handlers/context.ts";
import { SessionError } from "../errors/call_error.ts";
import type { Interceptor } from "../calls/interceptor.ts";
import type { MiddlewareContext } from "../handlers/middleware.ts";
import type {
  AnyProtocol,
  Handlers,
  Remote,
} from "../protocol/protocol_types.ts";
import type { MethodDifference } from "../introspection/protocol_diff.ts";
import type { SessionStats } from "../session/flow/shared_state.ts";
import {
  type ResolvedSessionOptions,
  resolveSessionOptions,
  type SessionOptions,
} from "../connection/session_options.ts";

/** What handlers of a client are given. */
export type ClientContext<P extends AnyProtocol> = CallContext<
  Remote<P, "server">,
  ClientSession<P>
>;

/** Options of {@linkcode connect}, but for the handlers. */
export interface ClientOptions<
  Extra extends object = Record<never, never>,
  Context extends MiddlewareContext = MiddlewareContext,
> extends SessionOptions<Extra, Context> {
  /** What the server's `authenticate` gets. */
  credentials?: unknown;
  /** Milliseconds for calls that say nothing else, by themselves or by their method. @default none */
  timeout?: number;
  /** See every call, the first outermost. */
  interceptors?: readonly Interceptor[];
  /** Gives up connecting when aborted, with its reason; later it closes the session. */
  signal?: AbortSignal;
  /**
   * Told of the session's `differences` when the handshake is done, if there
   * are any. What it throws goes to `onError`.
   */
  onDifferences?: (
    differences: readonly MethodDifference[],
  ) => void | Promise<void>;
  /**
   * Resolve before the server has answered the handshake: calls then leave
   * right behind it, and fail if it is refused.
   *
   * @default {false}
   */
  early?: boolean;
  /** Options of the transport: timeout, retry, keep-alive, TLS. */
  transport?: Omit<DialOptions, "signal">;
}

/** Options of {@linkcode connect}: handlers are asked for where the server may call the client. */
export type ConnectOptions<
  P extends AnyProtocol,
  Extra extends object = Record<never, never>,
> = [keyof P["client"]] extends [never]
  ? ClientOptions<Extra, ClientContext<P>> & { handlers?: never }
  : ClientOptions<Extra, ClientContext<P>> & {
    /** A function for each method of the client's side. */
    handlers: Handlers<P, "client", ClientContext<P> & Extra>;
  };

/**
 * A connection to a server.
 *
 * @typeParam P the protocol
 */
export interface ClientSession<P extends AnyProtocol>
  extends ConnectionInfo, AsyncDisposable {
  /** The server's methods. */
  readonly remote: Remote<P, "server">;
  /**
   * Whether the server's protocol hash is this side's: both know the same
   * methods, and nothing differs. `false` until the handshake is done.
   */
  readonly sameProtocol: boolean;
  /**
   * Where the two sides differ in the methods that one of them calls, those of
   * the server first; found out when first asked for. The texts name the
   * fields where both sides have JSON Schemas and the server discloses its own.
   * Only what is `incompatible` fails, at once and with `unimplemented`.
   */
  readonly differences: readonly MethodDifference[];
  /** Fires when the server drains: begin nothing more, elsewhere there is another. */
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
  /**
   * Sends new credentials; the session goes on under them.
   *
   * @throws {SessionError} by rejection, if they were refused: the session has ended then
   */
  refresh(credentials: unknown): Promise<void>;
  /** Closes at once: calls in flight fail. Disposing does the same. */
  close(): Promise<void>;
}

/**
 * Connects to a server.
 *
 * @param protocol what both sides speak
 * @param address where the server listens, several such places, or a connection
 * to it, which belongs to the session from here on, also if there comes none
 * @param options handlers for what the server may ask, and options
 * @throws {TransportError} where there is no connection to be had
 * @throws {SessionError} where the server does not accept the handshake
 * @throws {CodecError} for credentials that have no encoding
 * @throws {TypeError} for handlers that are missing or too many
 * @throws {RangeError} for a limit or timeout out of its range
 * @throws the signal's reason
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
 * await using server = await serve(Chat, {
 *   say: async (text, { session }) => void await session.remote.heard(text),
 * }, { port: 0 });
 *
 * const { promise, resolve } = Promise.withResolvers<string>();
 * await using session = await connect(Chat, server.addr, {
 *   handlers: { heard: resolve },
 * });
 * await session.remote.say("hello");
 * assertEquals(await promise, "hello");
 * ```
 */
export async function connect<
  P extends AnyProtocol,
  Extra extends object = Record<never, never>,
>(
  protocol: P,
  address: ConnectAddress | readonly ConnectAddress[] | Connection,
  ...[options]: [keyof P["client"]] extends [never]
    ? [options?: ConnectOptions<P, Extra>]
    : [options: ConnectOptions<P, Extra>]
): Promise<ClientSession<P>> {
  // Whatever P is, its options are these with or without handlers.
  const given: ClientOptions<Extra, ClientContext<P>> & { handlers?: object } =
    options ?? {};
  let connection = isConnection(address) ? address : undefined;
  try {
    given.signal?.throwIfAborted();
    checkTimeout(given.timeout);
    const resolved = resolveSessionOptions(given);
    const tables = sideTables(protocol, "client", given.handlers ?? {});
    connection ??= await dialFor(address as ConnectTarget, given); // it is no connection
    const session = new ClientSessionImpl<P>(connection, {
      tables,
      resolved,
      options: given,
    });
    await session.open(given);
    return session;
  } catch (error) {
    connection?.[Symbol.dispose]();
    throw error;
  }
}

type ConnectTarget = ConnectAddress | readonly ConnectAddress[];

function dialFor(
  address: ConnectTarget,
  { signal, transport = {} }: Pick<ClientOptions, "signal" | "transport">,
): Promise<Connection> {
  return dial(
    address,
    signal === undefined ? transport : { ...transport, signal },
  );
}

interface Parts {
  readonly tables: ReturnType<typeof sideTables>;
  readonly resolved: ResolvedSessionOptions;
  readonly options: Pick<
    ClientOptions,
    "timeout" | "interceptors" | "onDifferences"
  >;
}

const NONE: readonly MethodDifference[] = Object.freeze([]);

class ClientSessionImpl<P extends AnyProtocol> implements ClientSession<P> {
  readonly remote: Remote<P, "server">;
  readonly finished: Promise<SessionError | undefined>;
  #differences: readonly MethodDifference[] | undefined = undefined;
  readonly #peer: Peer;
  readonly #info: ConnectionInfo;
  readonly #parts: Parts;
  readonly #draining: LazySignal = new LazySignal();
  readonly #opened: PromiseWithResolvers<void> = Promise.withResolvers();
  #finish!: (error: SessionError | undefined) => void;

  constructor(connection: Connection, parts: Parts) {
    this.#info = connectionInfo(connection);
    this.#parts = parts;
    const { tables, resolved, options } = parts;
    this.finished = new Promise((resolve) => this.#finish = resolve);
    this.#opened.promise.catch(() => {});
    const site: CallSite = {
      link: () => this.#peer,
      timeLeft: () => Infinity,
      defaults: options.timeout === undefined
        ? {}
        : { timeout: options.timeout },
      interceptors: options.interceptors ?? [],
    };
    this.remote = buildRemote(tables.calls, site) as Remote<P, "server">; // built from the protocol that the type stands for
    this.#peer = new Peer({
      role: "client",
      connection,
      ...resolved,
      methods: tables.methods,
      handlers: tables.handlers,
      publicSession: this,
      events: {
        onAuthenticate() {}, // only servers authenticate
        onRefresh() {}, // as above
        onOpened: () => this.#onOpened(),
        onPeerDraining: () => this.#draining.fire(),
        onRoom() {}, // only servers send to many
        onEnded: (error) => this.#onEnded(error),
        report: resolved.report,
        remoteFor: (context) => contextRemote(tables.calls, context, site),
      },
    });
  }

  /** Sends HELLO, and waits for the answer unless told not to. */
  async open(
    { credentials, early = false, signal }: Pick<
      ClientOptions,
      "credentials" | "early" | "signal"
    >,
  ): Promise<void> {
    const peer = this.#peer;
    const abort = () => peer.abort();
    try {
      peer.session.start(credentials, peer.now());
      peer.touched();
      if (signal !== undefined) this.#abortWith(signal);
      if (early) return;
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      await this.#opened.promise;
    } catch (error) {
      if (peer.session.state === "new") peer.abort();
      await peer.closed;
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #abortWith(signal: AbortSignal): void {
    const abort = () => void this.close();
    signal.addEventListener("abort", abort, { once: true });
    this.finished.then(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  }

  #onOpened(): void {
    this.#opened.resolve();
    const { resolved, options: { onDifferences } } = this.#parts;
    if (onDifferences === undefined || this.differences.length === 0) return;
    (async () => await onDifferences(this.differences))().catch((error) =>
      resolved.report(error, "")
    );
  }

  #onEnded(error: SessionError | undefined): void {
    this.#draining.fire();
    this.#opened.reject(
      error ??
        new SessionError(
          "disconnected",
          "The connection was closed before the handshake was done",
        ),
    );
    this.#finish(error);
  }

  get localAddr(): SocketAddress {
    return this.#info.localAddr;
  }

  get remoteAddr(): SocketAddress {
    return this.#info.remoteAddr;
  }

  get peerCertificate(): ConnectionInfo["peerCertificate"] {
    return this.#info.peerCertificate;
  }

  get sameProtocol(): boolean {
    return this.#peer.sameProtocol;
  }

  get differences(): readonly MethodDifference[] {
    const { peer } = this.#peer.session;
    if (peer === undefined || this.sameProtocol) return NONE;
    return this.#differences ??= differencesOfClient(peer, this.#parts.tables);
  }

  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  get stats(): Readonly<SessionStats> {
    return this.#peer.session.stats;
  }

  get roundTrip(): number | undefined {
    return this.#peer.session.roundTrip;
  }

  async refresh(credentials: unknown): Promise<void> {
    await this.#opened.promise;
    await this.#peer.refresh(credentials);
  }

  close(): Promise<void> {
    this.#peer.session.close(this.#peer.now());
    return this.#peer.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkTimeout(timeout: number | undefined): void {
  if (timeout === undefined || timeout > 0) return;
  throw new RangeError(
    `Cannot connect with a timeout of ${timeout} for calls: it must be more than 0 ms, or left out`,
  );
}

function isConnection(
  value: ConnectAddress | readonly ConnectAddress[] | Connection,
): value is Connection {
  return typeof value === "object" && "read" in value && "write" in value;
}
