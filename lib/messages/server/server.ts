/**
 * Servers: one set of handlers that serves every connection, whatever its
 * transport.
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
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import { checkStore } from "../once/check_store.ts";
import { memoryOnceStore } from "../once/memory_once_store.ts";
import { OnceRuns } from "../once/once_runs.ts";
import { ALL_PLUGINS } from "../connection/all_plugins.ts";
import { sideTables } from "../connection/side_tables.ts";
import { reportRejection, withoutHandlers } from "../support/thenable.ts";
import { ServerSessionImpl, type SessionOwner } from "./server_session.ts";
import {
  lazyPublishers,
  type Publishers,
  resolveSlowOptions,
  type TopicFigures,
} from "../broadcast/fanout.ts";
import { describeType } from "../../support/describe_type.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import {
  checkDrainOptions,
  checkFunction,
  checkTime,
  type ResolvedSessionOptions,
  resolveSessionOptions,
  SESSION_OPTIONS,
} from "../connection/session_options.ts";
import type {
  ServeOptions,
  Server,
  ServerOptions,
  ServerSession,
  ServerSetup,
  Topic,
} from "./server_types.ts";
import { SessionError } from "../errors/call_error.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import { HealthRegistry } from "../health/health_registry.ts";
import { SessionTotals } from "../observe/session_totals.ts";
import type { ServerStats } from "../observe/stats.ts";
import { pause } from "../support/keep_alive.ts";
import type { BusFigures } from "../bus/bus_member.ts";
import { busMember } from "./server_bus.ts";
import { resumeRegistry } from "./resume_options.ts";
import { randomId } from "../support/random_id.ts";
import { Staggered } from "./staggered.ts";
import { NamedTopic, TopicRegistry } from "./topics.ts";

/**
 * Creates a server that does not listen.
 *
 * The handlers are passed to `handle()`, which returns the server. Use it to
 * serve connections that were accepted elsewhere, with
 * {@linkcode Server.accept}, or to listen on several addresses, with
 * {@linkcode Server.listen}. To listen on one address, use {@linkcode serve}.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam Auth type of what `authenticate` returns
 * @typeParam State type of what `state` returns
 * @param protocol the protocol that both sides share
 * @param options authentication, limits, codecs and more
 * @returns an object whose `handle()` takes the handlers and returns the server;
 * it throws a `TypeError` if a handler is missing, a function matches no method,
 * or an option is unknown or has the wrong type, and a `RangeError` if a limit or
 * an option is out of range
 *
 * @example
 * ```ts
 * import { connect, createServer, protocol, unary } from "@lengthwise/lengthwise";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({
 *   name: "echo",
 *   server: { echo: unary<string, string>() },
 * });
 * await using server = createServer(Echo).handle({ echo: (text) => text });
 *
 * const [near, far] = memoryPair();
 * server.accept(far);
 * await using session = await connect(Echo, near);
 * assertEquals(await session.remote.echo("hello"), "hello");
 * ```
 *
 * @category Servers
 */
export function createServer<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
>(
  protocol: P,
  options: ServerOptions<NoInfer<P>, Auth, State> = {},
): ServerSetup<P, Auth, State, Server<P, Auth, State>> {
  checkOptions("createServer()", options, SERVER_OPTIONS);
  return {
    handle(handlers) {
      return new HandlerServer<P, Auth, State>(protocol, handlers, options);
    },
  };
}

/**
 * Listens on an address and serves every client that connects.
 *
 * The handlers are passed to `handle()`, which starts to listen.
 *
 * The hostname is 127.0.0.1 unless the address has one, so that only programs on
 * this machine can connect. A container is a machine of its own here: the ports
 * that Docker or Kubernetes forward do not reach 127.0.0.1 inside of it. Use
 * `{ hostname: "0.0.0.0", port: 7000 }` there, or `"::"` for IPv6 as well.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam Auth type of what `authenticate` returns
 * @typeParam State type of what `state` returns
 * @param protocol the protocol that both sides share
 * @param address where to listen, such as `{ port: 7000 }` or
 * `"unix:/run/shop.sock"`, or a listener, which the server then owns
 * @param options authentication, limits, codecs, TLS and more
 * @returns an object whose `handle()` takes the handlers and resolves to the
 * server, once it is listening; it rejects with a `TransportError` if the server
 * cannot listen on the address, with a `TypeError` if a handler is missing, a
 * function matches no method, or an option is unknown or has the wrong type,
 * with a `RangeError` if a limit or an option is out of range, with the reason of
 * `options.signal` if it is aborted before the server is listening, or with an
 * error thrown by `options.onListen`; the server is then not left listening
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
 * await using server = await serve(Shop, { port: 0 }).handle({
 *   price: ({ sku }) => ({ cents: sku.length * 100 }),
 * });
 * await using session = await connect(Shop, server.addr);
 * assertEquals(await session.remote.price({ sku: "A-1" }), { cents: 300 });
 * ```
 *
 * @category Servers
 */
export function serve<
  P extends AnyProtocol,
  Auth = undefined,
  State = undefined,
>(
  protocol: P,
  address: ListenAddress | Listener,
  options: ServeOptions<NoInfer<P>, Auth, State> = {},
): ServerSetup<P, Auth, State, Promise<Server<P, Auth, State>>> {
  const setup: ServerSetup<P, Auth, State, Promise<Server<P, Auth, State>>> = {
    async handle(handlers) {
      checkOptions("serve()", options, SERVE_OPTIONS);
      const { signal, transport, onListen } = options;
      signal?.throwIfAborted();
      const server = new HandlerServer<P, Auth, State>(
        protocol,
        handlers,
        options,
      );
      try {
        const addr = await server.listen(address, transport);
        signal?.throwIfAborted();
        server.abortWith(signal);
        reportRejection(onListen?.(addr), (error) => server.report(error));
        return server;
      } catch (error) {
        await server.abort();
        throw error;
      }
    },
  };
  return withoutHandlers("serve()", setup);
}

const SERVER_OPTIONS: OptionNames<ServerOptions<AnyProtocol>> = {
  ...SESSION_OPTIONS,
  authenticate: true,
  state: true,
  principal: true,
  once: true,
  maxSessions: true,
  spread: true,
  maxConnectionAge: true,
  maxConnectionAgeGrace: true,
  resume: true,
  broadcast: true,
  bus: true,
  busOptions: true,
  onSession: true,
};

/** The options that are functions. */
const FUNCTIONS = ["authenticate", "state", "principal", "onSession"] as const; // names of options

const SERVE_OPTIONS: OptionNames<ServeOptions<AnyProtocol>> = {
  ...SERVER_OPTIONS,
  onListen: true,
  signal: true,
  transport: true,
};

const ACCEPT_OPTIONS = { info: true } as const; // the literal type that checkOptions() wants

const INFO_OPTIONS: OptionNames<ConnectionInfo> = {
  localAddr: true,
  remoteAddr: true,
  peerCertificate: true,
  request: true,
  proxy: true,
};

/** Maximum number of sessions of a server unless `maxSessions` is set. */
export const DEFAULT_MAX_SESSIONS: number = 10_000;

/** Longest default of `stagger` in ms. */
const MAX_STAGGER = 10_000;

/**
 * Maximum number of simultaneous rejections with `refused-busy`. While that many
 * are in progress, further connections are closed without a GOAWAY.
 */
const MAX_REJECTING = 64;

const DONE: Promise<void> = Promise.resolve();

class HandlerServer<P extends AnyProtocol, Auth, State>
  implements Server<P, Auth, State> {
  readonly sessions: ReadonlySet<ServerSession<P, Auth, State>>;
  readonly broadcast: Publishers<P["client"]>;
  readonly health: HealthRegistry = new HealthRegistry();
  /** Private, so that printing a server hides its options, which contain keys. */
  readonly #owner: SessionOwner<P, Auth, State>;
  readonly finished: Promise<void>;
  readonly #accepted: Set<ServerSessionImpl<P, Auth, State>> = new Set();
  readonly #listeners: Set<Listener> = new Set();
  readonly #loops: Set<Promise<void>> = new Set();
  readonly #maxSessions: number;
  #rejecting = 0;
  #ref = true;
  #addr: SocketAddress | undefined = undefined;
  #shutdown: Promise<void> | undefined = undefined;
  readonly #aborted: AbortController = new AbortController();
  #finish!: () => void;

  constructor(
    protocol: P,
    handlers: object,
    options: ServerOptions<P, Auth, State>,
  ) {
    const tables = sideTables(protocol, "server", handlers, ALL_PLUGINS);
    const resolved = resolveSessionOptions("server", options, ALL_PLUGINS);
    for (const name of FUNCTIONS) {
      checkFunction(name, options[name]);
    }
    // Checks the options now rather than when the first client connects.
    const {
      maxSessions = DEFAULT_MAX_SESSIONS,
      broadcast = {},
    } = options;
    const topics = new TopicRegistry<P, Auth, State>(
      tables.calls,
      resolveSlowOptions(broadcast, "broadcast"),
      resolved.codecs,
    );
    this.sessions = topics.sessions;
    const publishers = lazyPublishers(
      topics.published,
      (...message) => topics.publish(undefined, ...message),
    );
    this.broadcast = publishers as Publishers<P["client"]>; // built from the protocol P
    this.#owner = {
      server: this,
      instance: randomId(),
      topics,
      tables,
      options,
      resolved,
      totals: new SessionTotals(),
      draining: new Set(),
      runs: onceRuns(protocol, options, resolved.report),
      resumable: resumeRegistry(options, resolved.memory.limit),
      released: (session) => this.#released(session),
    };
    resolved.memory.endHibernating = () =>
      this.#owner.resumable?.endHeaviest("the server's memory is used up") ??
        false;
    if (!Number.isInteger(maxSessions) || maxSessions < 1) {
      throw new RangeError(
        `Cannot serve with maxSessions ${maxSessions}: it must be an integer of at least 1`,
      );
    }
    checkTime("serve with spread", options.spread ?? 0);
    checkTime("serve with maxConnectionAge", options.maxConnectionAge ?? 0);
    checkTime(
      "serve with maxConnectionAgeGrace",
      options.maxConnectionAgeGrace ?? 0,
    );
    this.#maxSessions = maxSessions;
    this.finished = new Promise((resolve) => this.#finish = resolve);
    // Last, so that nothing is left subscribed if an option is rejected.
    topics.bus = busMember({
      options,
      instance: this.instance,
      protocol: protocol.name,
      deliver: (topic, message) => topics.deliver(topic, message),
      report: (error) => this.report(error),
    });
  }

  get instance(): string {
    return this.#owner.instance;
  }

  get addr(): SocketAddress {
    if (this.#addr === undefined) {
      throw new TypeError(
        "Cannot get the address: the server is not listening; call listen() first",
      );
    }
    return this.#addr;
  }

  get broadcastStats(): TopicFigures {
    return this.#owner.topics.allSessions.figures();
  }

  get bus(): BusFigures | undefined {
    return this.#owner.topics.bus?.figures();
  }

  get stats(): ServerStats {
    const { totals, resolved, draining, resumable, tables } = this.#owner;
    const { bus } = this;
    return {
      ...totals.traffic(),
      sessions: {
        open: totals.size,
        draining: draining.size,
        waiting: resumable?.hibernating ?? 0,
        opened: totals.openedSessions,
        ended: { ...totals.endedByCode },
        endedByPeer: { ...totals.endedByPeer },
        refused: { ...totals.refusedByCode },
      },
      memory: resolved.memory.figures(),
      ...bus === undefined ? undefined : { bus },
      timerDelay: totals.timerDelay,
      methods: Object.fromEntries(
        [...tables.serves].map((
          [name, { counters }],
        ) => [name, counters.figures()]),
      ),
    };
  }

  topic(name: string): Topic<P, Auth, State> {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot use ${describeType(name)} as a topic: expected its name`,
      );
    }
    return new NamedTopic(name, this.#owner.topics);
  }

  get topics(): Iterable<Topic<P, Auth, State>> {
    const { topics } = this.#owner;
    return {
      *[Symbol.iterator]() {
        for (const name of topics.names) yield new NamedTopic(name, topics);
      },
    };
  }

  async listen(
    address: ListenAddress | Listener,
    options?: ListenOptions,
  ): Promise<SocketAddress> {
    this.#checkOpen("listen");
    const given = isListener(address);
    if (given && options !== undefined) {
      throw new TypeError(
        "Cannot use transport options with a listener: pass an address, or omit the options",
      );
    }
    const listener = given ? address : await listen(address, options);
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
      for await (const connection of listener) this.#open(connection);
    } catch (error) {
      this.report(error);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /**
   * Number of sessions that count. Clients of sessions that drain open the next
   * one first; each counted before, so there are at most `maxSessions` of them.
   */
  get #counted(): number {
    const draining = Math.min(this.#owner.draining.size, this.#maxSessions);
    const waiting = this.#owner.resumable?.hibernating ?? 0;
    return this.#accepted.size - this.#rejecting - draining - waiting;
  }

  /** Why new clients are rejected, or `undefined`. */
  get #rejection(): string | undefined {
    if (this.#counted >= this.#maxSessions) {
      return "the server has reached its maximum number of sessions";
    }
    return this.#owner.resolved.memory.refusal;
  }

  async accept(
    connection: Connection,
    options: { info?: Partial<ConnectionInfo> | undefined } = {},
  ): Promise<void> {
    checkOptions("accept()", options, ACCEPT_OPTIONS);
    const { info } = options;
    if (info !== undefined) {
      checkOptions("the option info of accept()", info, INFO_OPTIONS);
    }
    const session = this.#open(connection, info);
    await session?.closed;
    await session?.linkEnded; // another session may use it
  }

  /** Begins a session, unless the server cannot have another one. */
  #open(
    connection: Connection,
    info?: Partial<ConnectionInfo>,
  ): ServerSessionImpl<P, Auth, State> | undefined {
    const rejection = this.#rejection;
    const full = rejection !== undefined;
    const flooded = full && this.#rejecting >= MAX_REJECTING;
    try {
      if (flooded) this.#observeRefusal(connection, rejection);
      if (this.#shutdown === undefined && !flooded) {
        const session = new ServerSessionImpl<P, Auth, State>(
          this.#owner,
          connection,
          { rejection, info },
        );
        this.#accepted.add(session);
        if (full) this.#rejecting++;
        return session;
      }
      connection.close();
    } catch (error) {
      // The application's own Connection implementation may throw anywhere.
      this.report(error);
      this.#dispose(connection);
    }
    return undefined;
  }

  #released(session: ServerSessionImpl<P, Auth, State>): void {
    this.#accepted.delete(session);
    this.#owner.draining.delete(session);
    if (session.rejection !== undefined) this.#rejecting--;
  }

  /** Notifies observers of a client that is closed without a GOAWAY. */
  #observeRefusal(
    { localAddr, remoteAddr }: Connection,
    rejection: string,
  ): void {
    const reason = "refused-busy";
    this.#owner.totals.refused(reason);
    const error = new SessionError(rejection, { code: reason });
    const info = { reason, error, localAddr, remoteAddr } as const; // the code's type
    this.#owner.resolved.observers?.refused(info);
  }

  #dispose(connection: Connection): void {
    try {
      connection[Symbol.dispose]();
    } catch (error) {
      this.report(error);
    }
  }

  /** Reports to `onError` a failure that concerns no method. */
  report(error: unknown): void {
    this.#owner.resolved.report(error, "");
  }

  abortWith(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = () => void this.abort();
    signal.addEventListener("abort", abort, { once: true });
    this.finished.then(() => signal.removeEventListener("abort", abort));
  }

  abort(): Promise<void> {
    const stopped = this.#stop(0);
    this.#aborted.abort();
    for (const session of this.#accepted) session.abort();
    return stopped;
  }

  async shutdown(
    options: DrainOptions & {
      stagger?: number | undefined;
      drainDelay?: number | undefined;
    } = {},
  ): Promise<void> {
    const { size } = this.#accepted;
    const {
      stagger = Math.min(size, MAX_STAGGER),
      drainDelay = 0,
      ...drain
    } = checkDrainOptions("shutdown()", options, {
      stagger: true,
      drainDelay: true,
    });
    checkTime("shut down with stagger", stagger);
    checkTime("shut down with drainDelay", drainDelay);
    this.health.stop();
    // Watchers receive the change before any GOAWAY, even without a delay.
    if (
      (drainDelay > 0 || this.health.watched) && this.#shutdown === undefined
    ) await pause(drainDelay, this.#aborted.signal);
    const { drainGrace } = this.#owner.resolved.limits;
    if (this.#shutdown !== undefined && drain.grace !== undefined) {
      this.#owner.runs?.shorten(drain.grace);
    }
    const stopped = this.#stop(drain.grace ?? drainGrace);
    const drains = new Staggered(
      this.#accepted,
      stagger,
      (session) => session.drain(drain),
    );
    await stopped;
    drains.stop(); // the sessions may have ended by themselves
  }

  /**
   * Stops listening; the promise resolves when all sessions have ended, and with
   * them, or after the grace, the once calls whose callers have left.
   */
  #stop(grace: number): Promise<void> {
    this.health.stop();
    // Set first, so that no new connection is accepted during the shutdown.
    const settled = this.#shutdown ??= this.#settle(grace);
    for (const listener of this.#listeners) listener.close();
    this.#owner.resumable?.endAll("the server shuts down");
    return settled;
  }

  async #settle(grace: number): Promise<void> {
    await DONE; // #stop() closes the listeners first, its caller ends the sessions
    await Promise.allSettled([
      this.#owner.runs?.idle(grace, this.#aborted.signal),
      ...this.#loops,
      ...[...this.#accepted].map((session) => session.closed),
    ]);
    this.#owner.topics.bus?.close();
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

/**
 * Returns the once calls of a server, if it has such methods.
 *
 * @throws {TypeError} if the options lack the principal or a valid store
 * @throws {RangeError} if the store's lease is out of range
 */
function onceRuns<P extends AnyProtocol, Auth, State>(
  { methods }: AnyProtocol,
  { authenticate, principal, once }: ServerOptions<P, Auth, State>,
  report: ResolvedSessionOptions["report"],
): OnceRuns | undefined {
  const declared = methods.server.find(({ method }) => method.once);
  if (declared === undefined) {
    if (once === undefined) return undefined;
    throw new TypeError(
      'Cannot use the option "once": no method of the server is declared once',
    );
  }
  if (authenticate !== undefined && principal === undefined) {
    throw new TypeError(
      `Cannot serve ${declared.name}, which is once, without the option "principal": name the principal of a session, as in (auth) => auth.user, so that outcomes are kept apart`,
    );
  }
  const store = once === undefined ? memoryOnceStore() : once;
  checkStore(store);
  return new OnceRuns(store, (error) => report(error, declared.name));
}

function isListener(value: ListenAddress | Listener): value is Listener {
  return typeof value === "object" && value !== null && "accept" in value &&
    typeof value.accept === "function";
}
