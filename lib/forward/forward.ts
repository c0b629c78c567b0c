/**
 * Gateways, which pass the calls of many clients on to servers.
 *
 * @module
 */
import type { ConnectAddress } from "../transport/connect.ts";
import type { Listener, SocketAddress } from "../transport/connection.ts";
import type { ListenAddress } from "../transport/listen.ts";
import { createClient } from "../messages/client/create_client.ts";
import type { Client } from "../messages/client/client.ts";
import type { Connector } from "../messages/client/connector.ts";
import type { ClientBaseOptions } from "../messages/client/create_client_options.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";
import { msgpack } from "../messages/codec/msgpack.ts";
import { buildTree } from "../messages/protocol/method_tree.ts";
import type { AnyProtocol } from "../messages/protocol/protocol_types.ts";
import { serve } from "../messages/server/server.ts";
import type {
  ClientInfo,
  ServeOptions,
  Server,
  ServerSession,
} from "../messages/server/server_types.ts";
import { checkFunction } from "../messages/connection/session_options.ts";
import {
  checkObject,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { type AnyContext, forwardingHandler } from "./forwarded_call.ts";
import { type Identity, withIdentity } from "./identity.ts";
import { RawBody, rawCodec } from "./raw_body.ts";
import { rawProtocol } from "./raw_protocol.ts";
import { Upstream } from "./upstream.ts";

/** Addresses of a server or of several equal ones, as for `createClient()`. */
export type UpstreamAddress =
  | ConnectAddress
  | Connector
  | readonly (ConnectAddress | Connector)[]
  | ((
    signal: AbortSignal,
  ) => AsyncIterable<readonly (ConnectAddress | Connector)[]>);

/**
 * A call that a gateway passes on; its input is not known.
 *
 * @typeParam Auth the value that `authenticate` returns
 */
export interface ForwardedCall<Auth> {
  /** Dotted name of the method. */
  readonly method: string;
  /** Metadata that the client sent. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The session of the client. */
  readonly session: ServerSession<AnyProtocol, Auth>;
}

/**
 * Options for {@linkcode forward}.
 *
 * @typeParam Auth the value that `authenticate` returns
 */
export interface ForwardOptions<Auth = undefined> {
  /** Addresses of the servers, by names that `pick` returns. */
  upstreams: Readonly<Record<string, UpstreamAddress>>;
  /**
   * Returns the name of the server for a call.
   *
   * @default the only server
   */
  pick?: ((call: ForwardedCall<Auth>) => string) | undefined;
  /**
   * Returns facts about a client, such as `{ user: "ada" }`.
   *
   * Servers receive them as metadata whose keys begin with `lw-forwarded-`, and
   * read them with {@linkcode forwardedIdentity}. Metadata of clients with such
   * keys is dropped.
   *
   * @default servers receive none
   */
  identity?:
    | ((session: ServerSession<AnyProtocol, Auth>) => Identity)
    | undefined;
  /**
   * Codec of the clients and the servers, which decodes credentials only.
   *
   * Peers with another codec are refused in the handshake.
   *
   * @default `msgpack()`
   */
  codec?: MessageCodec | undefined;
  /**
   * Milliseconds that a call may wait for a session with its server.
   *
   * @default {10000}
   */
  wait?: number | undefined;
  /** Options of the sessions with clients; write them before `identity`. */
  server?: Omit<ServeOptions<AnyProtocol, Auth>, "codecs"> | undefined;
  /** Options of the sessions with servers, such as credentials and TLS. */
  client?: Omit<ClientBaseOptions<AnyProtocol>, "codecs"> | undefined;
}

/**
 * A gateway. Disposing it shuts it down gracefully.
 *
 * @typeParam Auth the value that `authenticate` returns
 */
export interface Gateway<Auth = undefined> extends AsyncDisposable {
  /** Address on which the gateway listens. */
  readonly addr: SocketAddress;
  /** The server of the clients. */
  readonly server: Server<AnyProtocol, Auth>;
  /** The clients of the servers, by the names of `upstreams`. */
  readonly upstreams: ReadonlyMap<string, Client<AnyProtocol>>;
  /**
   * Drains the sessions of clients, and then closes those with servers.
   *
   * @param options options of the drain, as for `Server.shutdown()`
   */
  shutdown(
    options?: Parameters<Server<AnyProtocol>["shutdown"]>[0],
  ): Promise<void>;
}

const OPTIONS: OptionNames<ForwardOptions> = {
  upstreams: true,
  pick: true,
  identity: true,
  codec: true,
  wait: true,
  server: true,
  client: true,
};

/** Longest time of a timer, in ms. */
const MAX_TIME = 0x7fff_ffff;

/**
 * Starts a gateway that passes calls on without decoding their bodies.
 *
 * The calls of all clients share the sessions with the servers. Inputs, outputs,
 * items and the data of errors pass as they are, so that schemas are checked by
 * the two ends only; so do declared errors, incident ids, metadata and
 * cancellations. Deadlines shrink by the time that the gateway takes. A call is
 * never sent again by the gateway: its error says whether it ran.
 *
 * Not passed on: calls of servers to clients, topics, methods that are `once`, and
 * the positions of streams, so that a stream ends with its session. All of these
 * pass through `forwardSessions()`, which has a session with a server for each
 * client.
 *
 * @typeParam Auth the value that `authenticate` returns
 * @param protocol the protocol of the clients and the servers
 * @param address where to listen, or a listener, which the gateway then owns
 * @param options the servers, and how calls are routed
 * @throws {TypeError} if the protocol has methods that cannot be forwarded, an
 * option is unknown, or `pick` is missing with several servers
 * @throws {TransportError} if the gateway cannot listen on the address
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { forward, forwardedIdentity } from "@lengthwise/lengthwise/forward";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { whoami: unary<void, string>() } });
 * await using server = await serve(Shop, { port: 0 }).handle({
 *   whoami: (_, context) => forwardedIdentity(context, true)?.user ?? "anonymous",
 * });
 * await using gateway = await forward(Shop, { port: 0 }, {
 *   upstreams: { shop: server.addr },
 *   server: { authenticate: (credentials) => String(credentials) },
 *   identity: (session) => ({ user: session.auth }),
 * });
 *
 * await using session = await connect(Shop, gateway.addr, { credentials: "ada" });
 * assertEquals(await session.remote.whoami(), "ada");
 * ```
 */
export async function forward<Auth = undefined>(
  protocol: AnyProtocol,
  address: ListenAddress | Listener,
  options: ForwardOptions<Auth>,
): Promise<Gateway<Auth>> {
  checkOptions("forward()", options, OPTIONS);
  const { upstreams, pick, identity, wait = 10_000 } = options;
  const { codec = msgpack(), client = {}, server: given = {} } = options;
  checkObject('the option "upstreams" of forward()', upstreams);
  checkFunction("pick", pick);
  checkFunction("identity", identity);
  const names = Object.keys(upstreams);
  const [only] = names;
  if (only === undefined || names.length > 1 && pick === undefined) {
    throw new TypeError(
      only === undefined
        ? "Cannot forward calls without upstreams: name at least one server"
        : "Cannot forward calls to several upstreams without the option pick: return the name of one",
    );
  }
  if (!(typeof wait === "number" && wait >= 0 && wait <= MAX_TIME)) {
    throw new RangeError(
      `Cannot forward calls as 'wait' must be from 0 to ${MAX_TIME}: current value is ${wait}`,
    );
  }
  const raw = rawProtocol(protocol);
  const codecs: [MessageCodec] = [rawCodec(codec)];
  const clients = new Map<string, Client<AnyProtocol>>();
  const targets = new Map<string, Upstream>();
  let instance = ""; // of the server, which begins later
  const close = () =>
    Promise.all([...clients.values()].map((client) => client.close()));
  try {
    for (const name of names) {
      const made = createClient(raw, upstreams[name]!, { ...client, codecs });
      clients.set(name, made);
      const { server } = raw.methods;
      targets.set(name, new Upstream(made, server, wait, () => instance));
    }
    const route = {
      upstreamOf: (context: AnyContext) => {
        const name = pick === undefined ? only : pick(callOf(context));
        const target = targets.get(name);
        if (target !== undefined) return target;
        throw new TypeError(
          `The option pick returned ${JSON.stringify(name)}; expected one of ${
            names.join(", ")
          }`,
        );
      },
      identityOf: (context: AnyContext) =>
        identity?.(callOf<Auth>(context).session),
    };
    const handlers = buildTree(
      raw.methods.server,
      (bound) => forwardingHandler(bound, route),
    );
    const { authenticate } = given;
    const server = await serve<AnyProtocol, Auth>(raw, address, {
      ...given,
      codecs,
      ...authenticate && {
        authenticate: (credentials: unknown, info: ClientInfo) =>
          authenticate(decoded(credentials, codec), info),
      },
    }).handle(handlers as never); // a handler for each method of the protocol
    instance = server.instance;
    return new SharedGateway(server, clients, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Returns the part of a context that the options see. */
function callOf<Auth>(context: AnyContext): ForwardedCall<Auth> {
  const { method, metadata, session } = context;
  return {
    method,
    metadata: withIdentity(metadata, undefined) ?? {},
    session: session as ServerSession<AnyProtocol, Auth>, // of this server
  };
}

function decoded(credentials: unknown, codec: MessageCodec): unknown {
  return credentials instanceof RawBody
    ? codec.decode(credentials.bytes)
    : credentials;
}

class SharedGateway<Auth> implements Gateway<Auth> {
  readonly server: Server<AnyProtocol, Auth>;
  readonly upstreams: ReadonlyMap<string, Client<AnyProtocol>>;
  readonly #close: () => Promise<unknown>;

  constructor(
    server: Server<AnyProtocol, Auth>,
    upstreams: ReadonlyMap<string, Client<AnyProtocol>>,
    close: () => Promise<unknown>,
  ) {
    this.server = server;
    this.upstreams = upstreams;
    this.#close = close;
  }

  get addr(): SocketAddress {
    return this.server.addr;
  }

  async shutdown(
    options?: Parameters<Server<AnyProtocol>["shutdown"]>[0],
  ): Promise<void> {
    try {
      await this.server.shutdown(options);
    } finally {
      await this.#close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
