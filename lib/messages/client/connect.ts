/**
 * Connecting to a server for one session.
 *
 * @module
 */
import type {
  ConnectAddress,
  ConnectOptions as TransportConnectOptions,
} from "../../transport/connect.ts";
import type { Connection } from "../../transport/connection.ts";
import { ALL_PLUGINS } from "../connection/all_plugins.ts";
import { sideTables } from "../connection/side_tables.ts";
import type { AnyProtocol, Handlers } from "../protocol/protocol_types.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import {
  checkFunction,
  checkTime,
  resolveSessionOptions,
  SESSION_OPTIONS,
  type SessionOptions,
} from "../connection/session_options.ts";
import { ANY_TRANSPORT } from "./any_transport.ts";
import type { ClientContext, ClientSession } from "./client_session.ts";
import {
  checkUnusedTransport,
  type Connector,
  isConnector,
} from "./connector.ts";
import {
  isConnection,
  openSession,
  type ResumeOptions,
  type SessionParts,
  type Target,
} from "./open_session.ts";
import { checkUnusedLocations } from "./unused_locations.ts";
import { whileConnecting } from "./time_limits.ts";

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
   * How the session continues after its connection was lost.
   *
   * The server must support it, with its option `resume`. Not allowed with
   * several addresses, or with an open connection, which cannot be opened again.
   *
   * @default the session ends with its connection
   */
  resume?: {
    /** Milliseconds for which the session tries to connect again. @default {0} */
    patience?: number | undefined;
    /**
     * Returns whether to resume the session at another address.
     *
     * The server has named it; see the option of `createClient()`.
     *
     * @default the address that was passed to `connect()` only
     */
    locations?: ((location: string) => boolean) | undefined;
  } | undefined;
  /**
   * Options for the transport, such as timeout, retry, keep-alive and TLS. Not
   * allowed if a connection or a connector is passed instead of an address.
   */
  transport?: Omit<TransportConnectOptions, "signal"> | undefined;
}

const CLIENT_OPTIONS: OptionNames<ClientOptions & { handlers: object }> = {
  ...SESSION_OPTIONS,
  credentials: true,
  signal: true,
  early: "flag",
  resume: true,
  transport: true,
  handlers: true,
};

/**
 * Options for {@linkcode connect}. `handlers` is required if the protocol has a
 * client side.
 *
 * @typeParam P the protocol: `typeof Shop`
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
 * Connects to a server and performs the handshake.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @param protocol the protocol that both sides share
 * @param address the server's address, several addresses to try in order, a
 * connector, or an open connection, which the session then owns; the connection
 * is closed if `connect()` rejects
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
  address:
    | ConnectAddress
    | readonly ConnectAddress[]
    | Connector
    | Connection,
  ...options: [keyof P["client"]] extends [never]
    ? [options?: ConnectOptions<P>]
    : [options: ConnectOptions<P>]
): Promise<ClientSession<P>> {
  // The conditional type's branches differ only in `handlers`.
  const clientOptions: ClientOptions & { handlers?: object } = options[0] ?? {};
  try {
    checkOptions("connect()", clientOptions, CLIENT_OPTIONS);
    if (isConnection(address) && clientOptions.transport !== undefined) {
      throw new TypeError(
        'Cannot use the option "transport" with an open connection: pass an address, or omit the option',
      );
    }
    if (typeof clientOptions.credentials === "function") {
      throw new TypeError(
        "Cannot use a function as the credentials of connect(): pass what it returns; only createClient() calls it",
      );
    }
    if (!isConnection(address) && isConnector(address)) {
      const { transport, resume } = clientOptions;
      const moves = resume?.locations !== undefined;
      checkUnusedTransport("connect()", [address], transport, moves);
    }
    clientOptions.signal?.throwIfAborted();
    const resolved = resolveSessionOptions(
      "client",
      clientOptions,
      ALL_PLUGINS,
    );
    const { handlers = {} } = clientOptions;
    const tables = sideTables(protocol, "client", handlers, ALL_PLUGINS);
    const parts = { tables, resolved, transport: ANY_TRANSPORT };
    const { credentials, transport, early, signal } = clientOptions;
    const resume = resumeOptions<P>(parts, address, clientOptions);
    const options = { credentials, transport, early, signal, resume };
    return await openSession<P>(parts, address, options);
  } catch (error) {
    if (isConnection(address)) address[Symbol.dispose]();
    throw error;
  }
}

const RESUME = { patience: true, locations: true } as const; // the literal type that checkOptions() wants

/**
 * Returns how the session is resumed, or `undefined` if it is not.
 *
 * @throws {RangeError} if `patience` is out of range
 * @throws {TypeError} if the same server cannot be reached again
 */
function resumeOptions<P extends AnyProtocol>(
  parts: SessionParts,
  target: Target,
  { resume: given = {}, transport }: ClientOptions,
): ResumeOptions<P> | undefined {
  checkOptions("the option resume of connect()", given, RESUME);
  const { patience = 0, locations = () => false } = given;
  checkFunction("resume.locations", locations);
  checkTime("connect with resume.patience", patience);
  if (patience === 0) {
    checkUnusedLocations("connect()", given.locations);
    return undefined;
  }
  if (isConnection(target) || Array.isArray(target) && target.length !== 1) {
    throw new TypeError(
      'Cannot use the option "resume" with several addresses or an open connection: pass one address, or omit the option',
    );
  }
  const resume: ResumeOptions<P> = {
    patience,
    follows: (location) => locations(location) === true,
    open: (resumes, { location = target, signal, limit }) =>
      whileConnecting(signal, (signal) => {
        const credentials = resumes.lastCredentials;
        const options = { credentials, transport, signal, resume };
        return openSession<P>(parts, location, options, resumes);
      }, limit),
    onChanged() {},
    onReplaced: (session) => void session.close(),
  };
  return resume;
}
