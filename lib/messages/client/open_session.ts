/**
 * Opens a client's session: connects, and performs the handshake.
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
import type { SideTables } from "../connection/side_tables.ts";
import type { ResolvedSessionOptions } from "../connection/session_options.ts";
import { SessionError } from "../errors/call_error.ts";
import { markForeign } from "../errors/call_stack.ts";
import { mayBeUnawaited } from "../errors/unawaited.ts";
import type { Outcomes } from "../session/wire/once_field.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import type { ClientSession } from "./client_session.ts";
import { type Connector, isConnector } from "./connector.ts";

/** Methods, handlers and options of sessions. */
export interface SessionParts {
  /** Methods of both sides, and this side's handlers. */
  readonly tables: SideTables;
  /** Options of the sessions. */
  readonly resolved: ResolvedSessionOptions;
}

/** Options for opening one session; see `ClientOptions`. */
export interface OpenOptions {
  /** Credentials for the server. */
  readonly credentials?: unknown;
  /** Cancels connecting; closes the open session. */
  readonly signal?: AbortSignal | undefined;
  /** Whether calls may precede the server's HELLO. */
  readonly early?: boolean | undefined;
  /** Options for the transport. */
  readonly transport?: Omit<TransportConnectOptions, "signal"> | undefined;
}

/** An address, several addresses to try in order, or an open connection. */
export type Target =
  | ConnectAddress
  | readonly ConnectAddress[]
  | Connector
  | Connection;

/**
 * Opens a session. The connection is closed if this fails.
 *
 * @throws {TransportError} if no connection can be established
 * @throws {SessionError} if the server does not accept the handshake
 * @throws {CodecError} if the codec cannot encode the credentials
 */
export async function openSession<P extends AnyProtocol>(
  { tables, resolved }: SessionParts,
  target: Target,
  options: OpenOptions,
): Promise<ClientSessionImpl<P>> {
  const connection = isConnection(target)
    ? target
    : await connectTo(target, options);
  try {
    const session = new ClientSessionImpl<P>(connection, tables, resolved);
    const early = options.early && resolved.codecs.length === 1;
    await session.open({ ...options, early });
    return session;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error instanceof SessionError
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

function connectTo(
  address: ConnectAddress | readonly ConnectAddress[] | Connector,
  { signal, transport = {} }: OpenOptions,
): Promise<Connection> {
  if (isConnector(address)) {
    return address.connect(signal ?? new AbortController().signal);
  }
  return dial(
    address,
    signal === undefined ? transport : { ...transport, signal },
  );
}

/** The implementation of {@linkcode ClientSession}. */
export class ClientSessionImpl<P extends AnyProtocol>
  extends TypedSession<P, "server">
  implements ClientSession<P> {
  readonly #opened: PromiseWithResolvers<void> = Promise.withResolvers();
  #lastRefresh: Promise<void> = Promise.resolve();
  /** Time at which the server's HELLO arrived, in ms. */
  #openedAt = 0;
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
    { credentials, early = false, signal }: Omit<OpenOptions, "transport">,
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

  override get outcomes(): Outcomes | undefined {
    const { outcomes } = this.session.peer ?? {};
    if (outcomes === undefined) return undefined;
    const time = outcomes.time + Math.floor(this.now() - this.#openedAt);
    return { ...outcomes, time };
  }

  override onOpened(): void {
    this.#openedAt = this.now();
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

/** Returns whether a target is an open connection. */
export function isConnection(value: Target): value is Connection {
  return typeof value === "object" && value !== null && "read" in value &&
    "write" in value;
}
