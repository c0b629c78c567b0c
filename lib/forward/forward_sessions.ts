/**
 * Gateways that relay sessions, one upstream session for each of a client.
 *
 * @module
 */
import type { ConnectOptions } from "../transport/connect.ts";
import type {
  Connection,
  Listener,
  SocketAddress,
} from "../transport/connection.ts";
import type { ConnectionInfo } from "../transport/connection_info.ts";
import {
  listen,
  type ListenAddress,
  type ListenOptions,
} from "../transport/listen.ts";
import { proxyLine } from "../transport/proxy/proxy_line.ts";
import { writeAll } from "../transport/io.ts";
import { connectionInfo } from "../messages/connection/connection_info.ts";
import { linkSettings } from "../messages/connection/link.ts";
import {
  DEFAULT_MEMORY,
  MemoryBudget,
} from "../messages/connection/memory_budget.ts";
import {
  checkDrainOptions,
  checkFunction,
} from "../messages/connection/session_options.ts";
import type { DrainOptions } from "../messages/session/control/drain.ts";
import type { Hello } from "../messages/session/wire/hello.ts";
import { resolveSessionLimits } from "../messages/session/wire/limits.ts";
import { DEFAULT_MAX_SESSIONS } from "../messages/server/server.ts";
import { Staggered } from "../messages/server/staggered.ts";
import {
  checkObject,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { checkTimeLimit } from "../transport/with_timeout.ts";
import type { UpstreamAddress } from "./forward.ts";
import { Relay, type RelayHost } from "./relay.ts";
import { ResumableSessions } from "./relayed_session.ts";
import {
  type Address,
  type Reached,
  ServerAddresses,
} from "./server_addresses.ts";

/** A client of a gateway, as its HELLO describes it. */
export interface ForwardedClient {
  /** Facts about its connection. */
  readonly info: ConnectionInfo;
  /** Name of its protocol. */
  readonly protocol: string;
  /** Its credentials, encoded with the first of its codecs. */
  readonly credentials: Uint8Array | undefined;
}

/** Options for {@linkcode forwardSessions}. */
export interface ForwardSessionsOptions {
  /** Addresses of the servers, by names that `pick` returns. */
  upstreams: Readonly<Record<string, UpstreamAddress>>;
  /**
   * Returns the name of the server for a client.
   *
   * @default the only server
   */
  pick?: ((client: ForwardedClient) => string) | undefined;
  /**
   * Milliseconds in which a server must be reached.
   *
   * Clients wait 5 s for the whole handshake by default.
   *
   * @default {4000}
   */
  wait?: number | undefined;
  /**
   * Maximum number of sessions; further clients are refused with `refused-busy`.
   *
   * @default {10000}
   */
  maxSessions?: number | undefined;
  /**
   * Heap bytes for all sessions; half of them are for garbage.
   *
   * When they hold the half, no session is opened, and the heaviest ones end with
   * `refused-busy`. These are frames that have not arrived completely, and bytes
   * that a client or a server has not read.
   *
   * @default {268435456} 256 MiB
   */
  memory?: number | undefined;
  /** Milliseconds for the client's HELLO. @default {5000} */
  handshakeTimeout?: number | undefined;
  /**
   * Whether servers receive the addresses of clients in a PROXY header.
   *
   * They must accept it: see the option `proxyProtocol` of listeners.
   *
   * @default {false}
   */
  proxyProtocol?: boolean | undefined;
  /** Options of the listener, such as TLS. */
  listen?: ListenOptions | undefined;
  /** Options of the connections to servers, such as TLS. */
  connect?: Omit<ConnectOptions, "signal" | "retry"> | undefined;
  /**
   * Called with failures, such as a server that cannot be reached.
   *
   * @default failures are dropped
   */
  onError?: ((error: unknown) => void) | undefined;
}

/** A gateway for sessions. Disposing it shuts it down gracefully. */
export interface SessionGateway extends AsyncDisposable {
  /** Address on which the gateway listens. */
  readonly addr: SocketAddress;
  /** Number of sessions. */
  readonly sessions: number;
  /** Number of bytes that were read and not taken yet. */
  readonly unsent: number;
  /** Number of heap bytes that the sessions hold; the option `memory` bounds it. */
  readonly held: number;
  /**
   * Drains all sessions: their clients open the next ones elsewhere.
   *
   * @param options options of the drain; `stagger` is the time in milliseconds
   * over which the sessions begin to drain, by default one for each session, at
   * most 10 s
   * @throws {RangeError} if an option is out of range
   */
  shutdown(
    options?: DrainOptions & { stagger?: number | undefined },
  ): Promise<void>;
}

const OPTIONS: OptionNames<ForwardSessionsOptions> = {
  upstreams: true,
  pick: true,
  wait: true,
  maxSessions: true,
  memory: true,
  handshakeTimeout: true,
  proxyProtocol: "flag",
  listen: true,
  connect: true,
  onError: true,
};

const CONNECT_OPTIONS: OptionNames<
  Required<ForwardSessionsOptions>["connect"] & object
> = {
  timeout: true,
  noDelay: "flag",
  keepAlive: "flag",
  autoSelectFamily: "flag",
  autoSelectFamilyAttemptDelay: true,
  link: true,
  tls: true,
};

/** Longest time of a timer, in ms. */
const MAX_TIME = 0x7fff_ffff;

/** Longest default of `stagger` in ms. */
const MAX_STAGGER = 10_000;

/**
 * Starts a gateway that relays sessions.
 *
 * Each session of a client has a session with a server of its own.
 *
 * Frames pass as they arrive, in both directions: a part of a large body does not
 * wait for the rest. Everything that belongs to a session passes: credentials,
 * calls of servers to clients, topics, credit, positions of streams, calls that
 * are `once`, and resumption. The gateway decodes no body, and needs neither the
 * protocol nor its codecs. Servers see the credentials of the clients, and so
 * authenticate them.
 *
 * Metadata of clients whose keys begin with `lw-forwarded-` is dropped.
 *
 * To share sessions with servers among many clients, use `forward()`.
 *
 * @param address where to listen, or a listener, which the gateway then owns
 * @param options the servers, and how clients are routed
 * @throws {TypeError} if an option is unknown, has another type, or has no effect
 * at any server, or `pick` is missing with several servers
 * @throws {RangeError} if an option is out of range, or a server has no address
 * @throws {TransportError} if the gateway cannot listen on the address, or one of a
 * server is not valid
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { forwardSessions } from "@lengthwise/lengthwise/forward";
 * import { assertEquals } from "@std/assert";
 *
 * const Chat = protocol({
 *   name: "chat",
 *   server: { greet: unary<void, string>() },
 *   client: { name: unary<void, string>() },
 * });
 * await using server = await serve(Chat, { port: 0 }).handle({
 *   greet: async (_, { session }) => `Hello, ${await session.remote.name()}!`,
 * });
 * await using gateway = await forwardSessions({ port: 0 }, {
 *   upstreams: { chat: server.addr },
 * });
 *
 * await using session = await connect(Chat, gateway.addr, {
 *   handlers: { name: () => "Ada" },
 * });
 * assertEquals(await session.remote.greet(), "Hello, Ada!");
 * ```
 */
export async function forwardSessions(
  address: ListenAddress | Listener,
  options: ForwardSessionsOptions,
): Promise<SessionGateway> {
  checkOptions("forwardSessions()", options, OPTIONS);
  const { upstreams, pick, onError, listen: listening, connect = {} } = options;
  checkObject('the option "upstreams" of forwardSessions()', upstreams);
  checkFunction("pick", pick);
  checkFunction("onError", onError);
  const names = Object.keys(upstreams);
  if (names.length === 0) {
    throw new TypeError(
      "Cannot forward sessions without upstreams: name at least one server",
    );
  }
  if (names.length > 1 && pick === undefined) {
    throw new TypeError(
      "Cannot forward sessions to several upstreams without the option pick: return the name of one",
    );
  }
  const { wait = 4_000, handshakeTimeout = 5_000 } = options;
  const { maxSessions = DEFAULT_MAX_SESSIONS } = options;
  checkRange("wait", wait, 0);
  checkRange("handshakeTimeout", handshakeTimeout, 1);
  checkRange("maxSessions", maxSessions, 1);
  const memory = new MemoryBudget(
    "server",
    options.memory ?? DEFAULT_MEMORY,
    "gateway",
  );
  const given = isListener(address);
  if (given && listening !== undefined) {
    throw new TypeError(
      'Cannot use the option "listen" with a listener: pass an address, or omit the option',
    );
  }
  const connecting = checkOptions(
    "the option connect of forwardSessions()",
    connect,
    CONNECT_OPTIONS,
  );
  checkTimeLimit("connect", connecting.timeout ?? 0);
  const report = (error: unknown) => {
    // An error in `onError` must not end the gateway.
    (async () => await onError?.(error))().catch(() => {});
  };
  const targets = new Map<string, ServerAddresses>();
  try {
    for (const [name, addresses] of Object.entries(upstreams)) {
      const target = new ServerAddresses(addresses, connecting, report);
      targets.set(name, target);
    }
    const listener = given ? address : await listen(address, listening);
    return new RelayingGateway(listener, memory, {
      ...{ targets, report, pick, wait, handshakeTimeout, maxSessions },
      proxyProtocol: options.proxyProtocol ?? false,
    });
  } catch (error) {
    for (const target of targets.values()) target.close();
    throw error;
  }
}

interface Settings {
  readonly targets: ReadonlyMap<string, ServerAddresses>;
  readonly report: (error: unknown) => void;
  readonly pick: ForwardSessionsOptions["pick"];
  readonly wait: number;
  readonly handshakeTimeout: number;
  readonly maxSessions: number;
  readonly proxyProtocol: boolean;
}

class RelayingGateway implements SessionGateway, RelayHost {
  readonly id: Uint8Array = crypto.getRandomValues(new Uint8Array(16));
  readonly maxFrameBody: number;
  readonly memory: MemoryBudget;
  readonly handshakeTimeout: number;
  readonly grace: number;
  readonly client: RelayHost["client"];
  readonly server: RelayHost["server"];
  readonly resumable: RelayHost["resumable"] = new ResumableSessions();
  readonly #listener: Listener;
  readonly #options: Settings;
  readonly #targets: ReadonlyMap<string, ServerAddresses>;
  readonly #relays: Set<Relay> = new Set();
  readonly #refused: Set<Relay> = new Set();
  readonly #accepting: Promise<void>;
  #shutdown: Promise<void> | undefined = undefined;

  constructor(listener: Listener, memory: MemoryBudget, options: Settings) {
    const limits = resolveSessionLimits({});
    this.#listener = listener;
    this.memory = memory;
    this.#options = options;
    this.handshakeTimeout = options.handshakeTimeout;
    this.maxFrameBody = limits.maxFrameBody;
    this.grace = limits.drainGrace;
    this.client = linkSettings(limits);
    // Servers are trusted, and wait for slow clients in the middle of a frame.
    this.server = {
      framing: this.client.framing,
      options: { ...this.client.options, frameTimeout: 0 },
    };
    this.#targets = options.targets;
    this.#accepting = this.#acceptAll();
  }

  get addr(): SocketAddress {
    return this.#listener.addr;
  }

  get sessions(): number {
    return this.#relays.size;
  }

  get unsent(): number {
    let sum = 0;
    for (const { unsent } of this.#relays) sum += unsent;
    return sum;
  }

  get held(): number {
    return this.memory.used;
  }

  async #acceptAll(): Promise<void> {
    try {
      for await (const connection of this.#listener) this.#open(connection);
    } catch (error) {
      if (this.#shutdown === undefined) this.report(error);
    }
  }

  #open(connection: Connection): void {
    const { size } = this.#relays;
    const { maxSessions } = this.#options;
    const refusal = size >= maxSessions
      ? "the gateway has its maximum of sessions"
      : this.memory.refusal;
    const isRefused = refusal !== undefined;
    // Further ones are refused, unless there are many of them.
    if (
      this.#shutdown !== undefined ||
      isRefused && this.#refused.size >= MAX_REFUSING
    ) {
      return connection[Symbol.dispose]();
    }
    const relay = new Relay(this, connection);
    this.#relays.add(relay);
    void relay.ended.then(() => this.#relays.delete(relay));
    if (isRefused && this.mayTell(relay)) relay.refuse("refused-busy", refusal);
  }

  mayTell(relay: Relay): boolean {
    if (this.#refused.size >= MAX_REFUSING) return false;
    this.#refused.add(relay);
    void relay.ended.then(() => this.#refused.delete(relay));
    return true;
  }

  async dial(
    hello: Hello,
    client: Connection,
    { first, signal }: {
      readonly first?: Address;
      readonly signal: AbortSignal;
    },
  ): Promise<Reached> {
    const { wait, pick, proxyProtocol } = this.#options;
    const target = this.#targetOf(pick, hello, client);
    const expired = new AbortController();
    const end = () => expired.abort(new Error("No server was reached in time"));
    const timer = setTimeout(end, wait);
    signal.addEventListener("abort", end, { once: true });
    try {
      const reached = await target.reach(first, expired.signal);
      if (proxyProtocol) await announce(client, reached.connection);
      return reached;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  }

  #targetOf(
    pick: Settings["pick"],
    { protocol, auth }: Hello,
    client: Connection,
  ): ServerAddresses {
    const names = [...this.#targets.keys()];
    const name = pick === undefined ? names[0] : pick({
      info: connectionInfo(client),
      protocol,
      credentials: auth,
    });
    const target = this.#targets.get(name ?? "");
    if (target !== undefined) return target;
    throw new TypeError(
      `The option pick returned ${JSON.stringify(name)}; expected one of ${
        names.join(", ")
      }`,
    );
  }

  report(error: unknown): void {
    this.#options.report(error);
  }

  shutdown(
    options: DrainOptions & { stagger?: number | undefined } = {},
  ): Promise<void> {
    const { stagger, ...drain } = checkDrainOptions("shutdown()", options, {
      stagger: true,
    });
    const time = stagger ?? Math.min(this.#relays.size, MAX_STAGGER);
    checkRange("stagger", time, 0);
    return this.#shutdown ??= this.#drain(drain, time);
  }

  async #drain(options: DrainOptions, time: number): Promise<void> {
    this.#listener.close();
    for (const target of this.#targets.values()) target.close();
    const relays = new Set(this.#relays);
    const drains = new Staggered(relays, time, (relay) => relay.drain(options));
    await Promise.all([...relays].map(({ ended }) => ended));
    drains.stop();
    await this.#accepting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

/** Writes the addresses of a client to its server. */
async function announce(client: Connection, server: Connection): Promise<void> {
  const { remoteAddr, localAddr } = connectionInfo(client);
  try {
    await writeAll(server, proxyLine(remoteAddr, localAddr));
  } catch (error) {
    server[Symbol.dispose]();
    throw error;
  }
}

/** Maximum number of simultaneous refusals. */
const MAX_REFUSING = 64;

function checkRange(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= MAX_TIME) return;
  throw new RangeError(
    `Cannot forward sessions as '${name}' must be an integer from ${least} to ${MAX_TIME}: current value is ${value}`,
  );
}

function isListener(value: ListenAddress | Listener): value is Listener {
  return typeof value === "object" && value !== null && "accept" in value &&
    typeof value.accept === "function";
}
