/**
 * The side that is dialled: one set of handlers for every connection, wherever
 * it comes from.
 *
 * @module
 */
import {
  listen,
  type ListenAddress,
  type ListenOptions,
} from "../../transport/listen.ts";
import type {
  Connection,
  Listener,
  SocketAddress,
} from "../../transport/connection.ts";
import { type SideTables, sideTables } from "../connection/method_tables.ts";
import { unawaited } from "../support/thenable.ts";
import { ServerSessionImpl, type SessionOwner } from "./server_session.ts";
import {
  buildPublishers,
  type Publishers,
  resolveSlowOptions,
  type TopicStats,
} from "../broadcast/fanout.ts";
import type { AnyProtocol, Handlers } from "../protocol/protocol_types.ts";
import {
  type ResolvedSessionOptions,
  resolveSessionOptions,
} from "../connection/session_options.ts";
import type {
  OwnOptions,
  ServeOptions,
  Server,
  ServerContext,
  ServerOptions,
  ServerSession,
  Topic,
} from "./server_types.ts";
import { NamedTopic, TopicRegistry } from "./topics.ts";

/**
 * A server that does not listen by itself: for connections that somebody else
 * accepts, or for several addresses.
 *
 * @param protocol what it speaks
 * @param handlers a function for each method of the server's side
 * @param options options
 * @throws {TypeError} for handlers that are missing or too many
 * @throws {RangeError} for a limit or option out of its range
 */
export function createServer<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
  Extra extends object = Record<never, never>,
>(
  protocol: P,
  handlers: Handlers<P, "server", ServerContext<P, Auth, State> & Extra>,
  options: ServerOptions<NoInfer<P>, Auth, State, Extra> = {},
): Server<P, Auth, State> {
  return new HandlerServer<P, Auth, State>(
    sideTables(protocol, "server", handlers, {
      discloseSchemas: options.discloseSchemas ?? true,
    }),
    resolveSessionOptions(options),
    options,
  );
}

/**
 * Listens, and serves every client that connects.
 *
 * @param protocol what it speaks
 * @param handlers a function for each method of the server's side
 * @param address where to listen: `{ port: 7000 }`, `"unix:/run/shop.sock"`, …
 * @param options options
 * @throws {TransportError} where it cannot listen
 * @throws {TypeError} for handlers that are missing or too many
 * @throws {RangeError} for a limit or option out of its range
 * @throws the signal's reason, or what `onListen` throws; nothing listens then
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, { cents: number }>() },
 * });
 * await using server = await serve(Shop, {
 *   price: ({ sku }) => ({ cents: sku.length * 100 }),
 * }, { port: 0 });
 * await using session = await connect(Shop, server.addr);
 * assertEquals(await session.remote.price({ sku: "A-1" }), { cents: 300 });
 * ```
 */
export async function serve<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
  Extra extends object = Record<never, never>,
>(
  protocol: P,
  handlers: Handlers<P, "server", ServerContext<P, Auth, State> & Extra>,
  address: ListenAddress | Listener,
  options: ServeOptions<NoInfer<P>, Auth, State, Extra> = {},
): Promise<Server<P, Auth, State>> {
  const { signal, transport = {}, onListen } = options;
  signal?.throwIfAborted();
  const server = new HandlerServer<P, Auth, State>(
    sideTables(protocol, "server", handlers, {
      discloseSchemas: options.discloseSchemas ?? true,
    }),
    resolveSessionOptions(options),
    options,
  );
  try {
    const addr = await server.listen(address, transport);
    signal?.throwIfAborted();
    server.abortWith(signal);
    unawaited(onListen?.(addr), (error) => server.resolved.report(error, ""));
    return server;
  } catch (error) {
    await server.abort();
    throw error;
  }
}

const DEFAULT_MAX_SESSIONS = 10_000;

/** Connections above `maxSessions` that are told so at the same time, rather than cut. */
const MAX_REFUSING = 64;

const DONE: Promise<void> = Promise.resolve();

class HandlerServer<P extends AnyProtocol, Auth, State>
  implements Server<P, Auth, State>, SessionOwner<P, Auth, State> {
  readonly sessions: Set<ServerSession<P, Auth, State>> = new Set();
  readonly topics: TopicRegistry<P, Auth, State>;
  readonly broadcast: Publishers<P["client"]>;
  readonly tables: SideTables;
  readonly options: OwnOptions<P, Auth, State>;
  readonly resolved: ResolvedSessionOptions;
  readonly finished: Promise<void>;
  readonly #accepted: Set<ServerSessionImpl<P, Auth, State>> = new Set();
  readonly #listeners: Set<Listener> = new Set();
  readonly #loops: Set<Promise<void>> = new Set();
  readonly #maxSessions: number;
  #refusing = 0;
  #ref = true;
  #addr: SocketAddress | undefined = undefined;
  #shutdown: Promise<void> | undefined = undefined;
  #finish!: () => void;

  constructor(
    tables: SideTables,
    resolved: ResolvedSessionOptions,
    options: OwnOptions<P, Auth, State>,
  ) {
    this.tables = tables;
    // Options are checked now, and not when the first client comes.
    const { maxSessions = DEFAULT_MAX_SESSIONS, broadcast = {} } = options;
    this.topics = new TopicRegistry(
      tables.calls,
      resolveSlowOptions(broadcast),
    );
    const publishers = buildPublishers(
      tables.calls,
      () => this.topics.everyone,
    );
    this.broadcast = publishers as Publishers<P["client"]>; // built from the protocol that the type stands for
    this.options = options;
    this.resolved = resolved;
    if (!Number.isInteger(maxSessions) || maxSessions < 1) {
      throw new RangeError(
        `Cannot serve with maxSessions ${maxSessions}: it must be an integer of 1 or more`,
      );
    }
    this.#maxSessions = maxSessions;
    this.finished = new Promise((resolve) => this.#finish = resolve);
  }

  get addr(): SocketAddress {
    if (this.#addr === undefined) {
      throw new TypeError(
        "Cannot tell the address: the server does not listen; call listen() first",
      );
    }
    return this.#addr;
  }

  get broadcastStats(): Readonly<TopicStats> {
    return this.topics.everyone.stats;
  }

  topic(name: string): Topic<P, Auth, State> {
    return new NamedTopic(name, this.topics);
  }

  async listen(
    address: ListenAddress | Listener,
    options: ListenOptions = {},
  ): Promise<SocketAddress> {
    this.#checkOpen("listen");
    const listener = isListener(address)
      ? address
      : await listen(address, options);
    if (this.#shutdown !== undefined) {
      listener.close();
      this.#checkOpen("listen");
    }
    if (!this.#ref) listener.unref?.();
    this.#addr ??= listener.addr;
    this.#listeners.add(listener);
    const loop = this.#acceptAll(listener).finally(() =>
      this.#loops.delete(loop)
    );
    this.#loops.add(loop);
    return listener.addr;
  }

  #checkOpen(verb: string): void {
    if (this.#shutdown !== undefined) {
      throw new TypeError(`Cannot ${verb}: the server has been shut down`);
    }
  }

  async #acceptAll(listener: Listener): Promise<void> {
    try {
      for await (const connection of listener) this.accept(connection);
    } catch (error) {
      this.resolved.report(error, "");
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async accept(connection: Connection): Promise<void> {
    const full = this.#accepted.size - this.#refusing >= this.#maxSessions;
    const flooded = full && this.#refusing >= MAX_REFUSING;
    try {
      if (this.#shutdown !== undefined || flooded) return connection.close();
      const session = new ServerSessionImpl<P, Auth, State>(this, connection, {
        refused: full,
      });
      this.#accepted.add(session);
      if (full) this.#refusing++;
      await session.closed;
      this.#accepted.delete(session);
      if (full) this.#refusing--;
    } catch (error) {
      // A connection that somebody else has brought may be of any kind.
      this.resolved.report(error, "");
      this.#letGo(connection);
    }
  }

  #letGo(connection: Connection): void {
    try {
      connection[Symbol.dispose]();
    } catch (error) {
      this.resolved.report(error, "");
    }
  }

  abortWith(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = () => void this.abort();
    signal.addEventListener("abort", abort, { once: true });
    this.finished.then(() => signal.removeEventListener("abort", abort));
  }

  /** Closes everything at once. */
  abort(): Promise<void> {
    return this.#stop("abort");
  }

  shutdown(): Promise<void> {
    return this.#stop("drain");
  }

  #stop(how: "drain" | "abort"): Promise<void> {
    // First, so that nothing new comes in meanwhile.
    const settled = this.#shutdown ??= this.#settle();
    for (const listener of this.#listeners) listener.close();
    for (const session of this.#accepted) session[how]();
    return settled;
  }

  async #settle(): Promise<void> {
    await DONE; // until the listeners have been closed
    await Promise.allSettled([
      ...this.#loops,
      ...[...this.#accepted].map((session) => session.closed),
    ]);
    this.#finish();
  }

  ref(): void {
    this.#ref = true;
    for (const listener of this.#listeners) listener.ref?.();
  }

  unref(): void {
    this.#ref = false;
    for (const listener of this.#listeners) listener.unref?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

function isListener(value: ListenAddress | Listener): value is Listener {
  return typeof value === "object" && "accept" in value &&
    typeof value.accept === "function";
}
