/**
 * Clients that outlive their connections.
 *
 * ```text
 *   client.remote ─▶ interceptors ─▶ resender ─▶ the session that is chosen
 *                                      │  ▲
 *                             no session  session opened, onSession() done
 *                                      ▼  │
 *                                 waiting calls
 * ```
 *
 * @module
 */
import type {
  ConnectAddress,
  ConnectOptions,
} from "../../transport/connect.ts";
import { buildRemote } from "../calls/remote.ts";
import type { OnceNumbers } from "../calls/once_numbers.ts";
import { type SideTables, sideTables } from "../connection/side_tables.ts";
import type { SessionPlugins } from "../connection/session_plugins.ts";
import { checkReason } from "../connection/typed_session.ts";
import { CallError } from "../errors/call_error.ts";
import { mayBeUnawaited } from "../errors/unawaited.ts";
import type {
  AnyProtocol,
  BoundMethod,
  Remote,
} from "../protocol/protocol_types.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import { checkDrainOptions } from "../connection/session_options.ts";
import { AddressList, type ListedAddress } from "./address_list.ts";
import { Backoff } from "./backoff.ts";
import type { StartBalance } from "./balance_policy.ts";
import { type ClientEvent, ClientEvents } from "./client_events.ts";
import type { ClientSession } from "./client_session.ts";
import { type ClientStatus, STATUS } from "./client_status.ts";
import { type ClientTransport, endpointName } from "./client_transport.ts";
import {
  checkUnusedTransport,
  type ClientAddress,
  isConnector,
} from "./connector.ts";
import {
  type ClientBaseOptions,
  resolveClientOptions,
  type ResolvedClientOptions,
} from "./create_client_options.ts";
import { SessionTotals } from "../observe/session_totals.ts";
import type { ClientStats } from "../observe/stats.ts";
import {
  type ClientSessionImpl,
  openSession,
  type ResumeAttempt,
  type ResumeOptions,
  type SessionParts,
} from "./open_session.ts";
import { directCalls, resender, type ResendHost } from "./resender.ts";
import { onReachable } from "./page_events.ts";
import { RetryBudget } from "./retry_budget.ts";
import { LeastLoaded } from "./least_loaded.ts";
import type { ClientSlot, SessionChoice } from "./session_choice.ts";
import type { SlotHost } from "./session_slot.ts";
import { CONNECT_TIMEOUT, whileConnecting, within } from "./time_limits.ts";
import { WaitingCalls } from "./waiting_calls.ts";

/**
 * A client that keeps sessions open for as long as it lives.
 *
 * Returned by {@linkcode createClient}. Disposing it closes it.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export interface Client<P extends AnyProtocol> extends AsyncDisposable {
  /** The server's methods, as functions. */
  readonly remote: Remote<P, "server">;
  /**
   * Status of the client. With several connections, that of the best one:
   * `connected` as long as one has a session.
   */
  readonly status: ClientStatus;
  /**
   * The session for new calls, if there is one.
   *
   * A session that is being resumed counts; its calls wait.
   */
  readonly session: ClientSession<P> | undefined;
  /**
   * Figures of the client, at the moment of reading: its sessions together, also ended
   * ones.
   */
  readonly stats: ClientStats;
  /**
   * Waits until a session is open. After a loss, waits for the next session.
   *
   * It waits without a time limit, for example while no server runs. A session
   * that is being resumed counts as open.
   *
   * @throws {CallError} `unavailable`, if the client is refused, drains or is closed
   */
  ready(): Promise<void>;
  /**
   * Returns the events from now on; ends when the client is closed.
   *
   * The client begins to connect when it is created: read {@linkcode Client.status}
   * for its state before the first event.
   *
   * A reader that is slow misses the oldest of more than 100 events.
   *
   * @example Log why a client has no session
   * ```ts
   * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
   * import { assertEquals } from "@std/assert";
   *
   * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
   * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
   * const client = createClient(Echo, server.addr);
   *
   * const kinds: string[] = [];
   * const logging = (async () => {
   *   for await (const { kind, address, cause, delay } of client.events()) {
   *     kinds.push(kind);
   *     if (cause !== undefined) console.warn(address, kind, cause, `${delay} ms`);
   *   }
   * })();
   * await client.ready();
   * await client.close();
   * await logging; // ends with the client
   * assertEquals(kinds, ["connected", "closed"]);
   * ```
   */
  events(): AsyncIterableIterator<ClientEvent>;
  /**
   * Waits for calls in flight, then closes the client.
   *
   * New calls fail, and so do calls that wait for a session.
   *
   * Streams count as calls. Calls that still run after the grace period fail.
   * `close()` ends a drain in progress; another `drain()` waits for its end.
   *
   * @param options the grace period, and the code that the servers receive
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  drain(options?: DrainOptions): Promise<void>;
  /**
   * Closes the client and its sessions. Calls in flight and calls that wait
   * fail.
   *
   * @param reason the reason, which the servers receive
   * @throws {TypeError} if the reason is not a string
   */
  close(reason?: string): Promise<void>;
  /** Keeps the process alive while the client is open. This is the default. */
  ref(): void;
  /**
   * Lets the process exit while the client is open.
   *
   * An attempt to connect, with `credentials` and `onSession`, still keeps it alive
   * until it ends, and so does a call that waits.
   */
  unref(): void;
}

/** The parts of a client that its entry point chooses. */
export interface ClientParts {
  /** Connects to addresses. */
  readonly transport: ClientTransport;
  /** Optional parts of its sessions. */
  readonly plugins: SessionPlugins;
  /**
   * Begins to replace the addresses; absent if they are fixed.
   *
   * Its parameters have no names in bundles, unlike the members of an object.
   *
   * @param client the client
   * @param choice the choice of its sessions, which must be notified of each change
   * @param options options for the transport
   * @returns a function that is called when the client has ended
   */
  watch?(
    client: WatchingClient,
    choice: SessionChoice<AnyProtocol>,
    options: ConnectOptions,
  ): () => void;
  /**
   * How the client spreads its calls; absent if each one uses the session with the
   * fewest calls.
   */
  readonly balance?: StartBalance | undefined;
}

/** A client whose addresses change. */
export interface WatchingClient {
  /** The addresses. */
  readonly addresses: AddressList<ClientAddress>;
  /** The last failure, which calls that wait for a session report. */
  lastFailure: unknown;
}

/**
 * Creates a client from its parts; see `createClient()`.
 *
 * @param protocol the protocol that both sides share
 * @param addresses the addresses of the servers
 * @param given the options
 */
export function startClient<P extends AnyProtocol>(
  protocol: P,
  addresses: readonly ClientAddress[],
  given: ClientBaseOptions<P> & { handlers?: object },
  { transport, plugins, ...more }: ClientParts,
): Client<P> {
  if (!addresses.length && !more.watch) {
    throw new RangeError("Cannot create a client without an address");
  }
  // A list that changes is empty, and may have several addresses.
  const resolved = resolveClientOptions<P>(
    given,
    addresses.length || 2,
    plugins,
  );
  const { handlers = {}, resume } = given;
  const sockets = resolved.transport;
  // With several addresses, the timeout bounds attempts by connectors, too.
  const unused = addresses.length > 1
    ? { ...sockets, timeout: undefined }
    : sockets;
  const moves = resume?.locations !== undefined;
  checkUnusedTransport("createClient()", addresses, unused, moves);
  const named = listedAddresses(addresses, transport, sockets);
  const tables = sideTables(protocol, "client", handlers, plugins);
  return new ClientImpl<P>(named, { tables, transport, ...more }, resolved);
}

/**
 * Checks addresses and names them.
 *
 * @throws {TransportError} `address-invalid`, if a text is not an address
 * @throws {TypeError} if an option has no effect at any of the addresses
 */
export function listedAddresses(
  list: readonly ClientAddress[],
  transport: ClientTransport,
  options: ConnectOptions,
): ListedAddress<ClientAddress>[] {
  const sockets = list.filter((address): address is ConnectAddress =>
    !isConnector(address)
  );
  if (sockets.length > 0) transport.check(sockets, options);
  return list.map((address) => ({
    address,
    name: endpointName(address, transport),
  }));
}

/** Milliseconds that `credentials` may take. */
const CREDENTIALS_TIMEOUT = 10_000;
/** Milliseconds that `onSession` may take. */
const ON_SESSION_TIMEOUT = 5_000;
/** Age in ms of a session that may receive all waiting calls. */
const RELEASE_AFTER = 1_000;

class ClientImpl<P extends AnyProtocol>
  implements Client<P>, SlotHost<P, ClientAddress>, WatchingClient, ResendHost {
  readonly addresses: AddressList<ClientAddress>;
  readonly backoff: Backoff;
  readonly waiting: WaitingCalls;
  readonly budget: RetryBudget;
  readonly pauses: Set<(error: CallError) => void> = new Set();
  readonly once: OnceNumbers | undefined;
  readonly remote: Remote<P, "server">;
  ended: CallError | undefined = undefined;
  lastFailure: unknown = undefined;
  readonly #options: ResolvedClientOptions<P>;
  /** Methods and options of all sessions. */
  readonly #parts: SessionParts;
  readonly #methods: ReadonlyMap<string, BoundMethod>;
  readonly #choice: SessionChoice<P>;
  readonly #events: ClientEvents = new ClientEvents();
  readonly #totals: SessionTotals = new SessionTotals();
  #failedConnects = 0;
  readonly #stopListening: () => void;
  /** The wait for a session, of which `ready()` returns the promise. */
  #ready: PromiseWithResolvers<void> = waitForSession();
  #closed: Promise<void> | undefined = undefined;
  /** Ends the replacement of addresses. */
  readonly #unwatch: (() => void) | undefined;
  /** Releases the calls that still wait after the first ones. */
  #release: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(
    addresses: readonly ListedAddress<ClientAddress>[],
    { tables, transport, watch, balance }: Omit<ClientParts, "plugins"> & {
      readonly tables: SideTables;
    },
    options: ResolvedClientOptions<P>,
  ) {
    this.#options = options;
    this.#parts = { tables, resolved: options.session, transport };
    this.#methods = new Map(tables.calls.map((bound) => [bound.name, bound]));
    this.addresses = new AddressList(addresses);
    this.backoff = new Backoff(options.reconnect, Math.random);
    this.waiting = new WaitingCalls(options.wait);
    this.budget = new RetryBudget(options.budget);
    const { interceptors, once } = options.session;
    this.once = once?.numbers();
    this.remote = buildRemote(tables.calls, {
      peer: (info, input, options) =>
        this.#choice.take(info, input, options) ?? this.#unavailable(),
      timeLeft: () => Infinity,
      defaults: options.session.callDefaults,
      interceptors: [...interceptors, resender(this)],
      protocol: tables.name,
      observers: options.session.observers,
      once,
      direct: interceptors.length === 0 ? directCalls(this) : undefined,
    }) as Remote<P, "server">; // built from the protocol P
    this.#choice = balance?.(this, options, tables) ??
      new LeastLoaded<P>(this, options.connections);
    this.#stopListening = onReachable(() => {
      for (const slot of this.#slots) slot.endPause();
    });
    for (const slot of this.#slots) slot.run();
    this.#unwatch = watch?.(this, this.#choice, options.transport);
  }

  // ── members that applications use ──────────────────────────────────────

  get status(): ClientStatus {
    const states = this.#slots.map(({ state }) => STATUS[state]);
    const best = ([
      "connected",
      "resuming",
      "connecting",
      "backing-off",
      "refused",
    ] as const)
      .find((status) => states.includes(status));
    return best ?? "closed";
  }

  get stats(): ClientStats {
    const totals = this.#totals;
    return {
      ...totals.traffic(),
      sessions: {
        open: totals.size,
        opened: totals.openedSessions,
        ended: { ...totals.endedByCode },
        endedByPeer: { ...totals.endedByPeer },
      },
      memory: this.#options.session.memory.figures(),
      failedConnects: this.#failedConnects,
      waitingCalls: this.waiting.size,
      waitingBytes: this.waiting.bytes,
      ...this.#choice.figures,
    };
  }

  get session(): ClientSession<P> | undefined {
    return this.#choice.take();
  }

  ready(): Promise<void> {
    return this.ended === undefined
      ? this.#ready.promise
      : mayBeUnawaited(Promise.reject(this.ended));
  }

  events(): AsyncIterableIterator<ClientEvent> {
    return this.#events.read();
  }

  async drain(options: DrainOptions = {}): Promise<void> {
    checkDrainOptions("drain()", options);
    const sessions = this.#stop("the client drains");
    await Promise.all(sessions.map((session) => session.drain(options)));
    await this.close();
  }

  close(reason = ""): Promise<void> {
    checkReason(reason); // before anything has ended
    return this.#closed ??= this.#close(reason);
  }

  async #close(reason: string): Promise<void> {
    const sessions = this.#stop("the client is closed");
    this.#emit({ kind: "closed", address: "", attempt: 0 });
    this.#events.end();
    await Promise.all(sessions.map((session) => session.close(reason)));
    await Promise.all(this.#slots.map((slot) => slot.run()));
  }

  ref(): void {
    for (const slot of this.#slots) slot.setRef(true);
  }

  unref(): void {
    for (const slot of this.#slots) slot.setRef(false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ── sessions ───────────────────────────────────────────────────────────

  get freshCredentials(): boolean {
    return this.#options.freshCredentials;
  }

  connect(
    address: ClientAddress,
    signal: AbortSignal,
    slot: ClientSlot<P>,
  ): Promise<ClientSessionImpl<P>> {
    const { patience, locations } = this.#options;
    const resume: ResumeOptions<P> = {
      patience,
      follows: (location) =>
        this.addresses.find(location) !== undefined ||
        locations(location) === true,
      open: (resumes, attempt) => {
        const { location } = attempt;
        const target = location === undefined
          ? address
          : this.addresses.find(location) ?? location;
        return this.#open(target, slot, resume, attempt, resumes);
      },
      onChanged: (change, cause) => slot.onChanged(change, cause),
      onReplaced: (session) => slot.onReplaced(session),
    };
    const limit = this.#limitOf(slot.attempt);
    return this.#open(address, slot, resume, { signal, limit });
  }

  /**
   * Returns how long an attempt may take, with the handshake, in ms.
   *
   * With several addresses, the attempts of the first round are short, so that
   * calls that wait can still reach another server. Later ones are longer, because
   * the servers may be slow.
   */
  #limitOf(attempt: number): number {
    const { timeout = 0 } = this.#options.transport;
    const { size } = this.addresses;
    if (size === 1 || timeout === 0) return CONNECT_TIMEOUT;
    const round = Math.floor((attempt - 1) / size);
    return Math.min(CONNECT_TIMEOUT, timeout * 2 ** round);
  }

  async #open(
    address: ClientAddress,
    { secondary }: ClientSlot<P>,
    resume: ResumeOptions<P>,
    { signal, limit }: Omit<ResumeAttempt, "location">,
    resumes?: ClientSessionImpl<P>,
  ): Promise<ClientSessionImpl<P>> {
    const parts = this.#parts;
    const transport = isConnector(address)
      ? {}
      : parts.transport.optionsFor(address, this.#options.transport);
    const credentials = await within(
      CREDENTIALS_TIMEOUT,
      "credentials()",
      signal,
      () =>
        this.freshCredentials || resumes === undefined
          ? this.#options.credentials()
          : resumes.lastCredentials,
    );
    try {
      const session = await whileConnecting(
        signal,
        (signal) => {
          const options = {
            credentials,
            transport,
            signal,
            resume,
            secondary,
          };
          return openSession<P>(parts, address, options, resumes);
        },
        limit,
      );
      if (!session.handedOver) { // otherwise, another session continues
        this.#totals.opened(session);
        session.finished.then((reason) => this.#totals.ended(session, reason));
      }
      return session;
    } catch (error) {
      this.#failedConnects++;
      throw error;
    }
  }

  async prepare(
    session: ClientSessionImpl<P>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await within(
        ON_SESSION_TIMEOUT,
        "onSession()",
        signal,
        () => this.#options.onSession(session),
        "; it must make its calls with its session",
      );
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  changed(change: Omit<ClientEvent, "status">): void {
    if (change.kind === "connected") {
      this.lastFailure = undefined;
      this.#ready.resolve();
    } else if (change.cause !== undefined && this.addresses.size > 0) {
      this.lastFailure = change.cause; // without addresses, that is the reason
    }
    const lost = change.kind === "lost" || change.kind === "draining";
    if (lost && !this.hasSession && this.ended === undefined) {
      this.#ready = waitForSession();
    }
    const refused = change.kind === "refused";
    if (refused) { for (const slot of this.#slots) slot.refuse(change.cause); }
    this.#choice.onChanged?.(change);
    this.#emit(change);
    if (refused) {
      const { cause } = change;
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      this.#end(`every server has refused this client${why}`, cause);
    }
    this.#resume();
  }

  #emit(change: Omit<ClientEvent, "status">): void {
    this.#events.emit({ ...change, status: this.status });
  }

  get #slots(): readonly ClientSlot<P>[] {
    return this.#choice.slots;
  }

  /** Ends all attempts; returns the sessions that are open. */
  #stop(why: string): ClientSessionImpl<P>[] {
    this.#end(why);
    const sessions = this.#slots.flatMap(({ sessions }) => sessions);
    for (const slot of this.#slots) slot.close(this.ended);
    return sessions;
  }

  /** Fails all calls from now on. */
  #end(why: string, cause?: unknown): void {
    if (this.ended !== undefined) return;
    const ended = this.ended = unavailable(why, cause);
    this.#ready.reject(ended);
    this.#unwatch?.();
    clearTimeout(this.#release);
    this.#stopListening();
    this.waiting.failAll(ended);
    for (const fail of [...this.pauses]) fail(ended);
  }

  // ── calls ──────────────────────────────────────────────────────────────

  get maxAttempts(): number {
    return this.#options.maxAttempts;
  }

  get waitTimeout(): number {
    return this.#options.wait.timeout;
  }

  get callTimeout(): number | undefined {
    return this.#options.session.callDefaults.timeout;
  }

  get hasSession(): boolean {
    return this.#choice.take() !== undefined;
  }

  method(name: string): BoundMethod {
    return this.#methods.get(name)!; // the remote has only these methods
  }

  copy(value: unknown): { copy: unknown; bytes: number } {
    const [codec] = this.#options.session.codecs;
    const bytes = codec.encode(value);
    return { copy: codec.decode(bytes), bytes: bytes.length };
  }

  pause(attempt: number): number {
    const { minDelay, maxDelay } = this.#options.reconnect;
    return Math.random() * Math.min(maxDelay, minDelay * 2 ** attempt);
  }

  onSettled(): void {
    if (this.waiting.size > 0) this.#resume();
  }

  /** Lets waiting calls start, but not all at once. */
  #resume(): void {
    this.waiting.resume(() => this.#hasRoom());
    clearTimeout(this.#release);
    if (this.waiting.size === 0 || !this.hasSession) return;
    this.#release = setTimeout(() => this.#resume(), RELEASE_AFTER);
  }

  /**
   * Whether a waiting call may start. A new session receives half of the calls
   * that its server accepts; later, its own queue bounds them.
   */
  #hasRoom(): boolean {
    const now = performance.now();
    return this.#slots.some(({ session, openedAt }) => {
      if (!session?.takesCalls) return false;
      const { maxCalls = 1 } = session.session.peer ?? {};
      return now - openedAt >= RELEASE_AFTER || session.load < maxCalls / 2;
    });
  }

  /** Reports a notification that has waited in vain. */
  onDropped(error: CallError): void {
    this.#options.session.onDropped?.(1, error);
  }

  #unavailable(): never {
    throw this.ended ??
      unavailable("there is no session", this.lastFailure);
  }
}

/** Returns a promise that need not be awaited, and what settles it. */
function waitForSession(): PromiseWithResolvers<void> {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  return ready;
}

function unavailable(why: string, cause: unknown): CallError {
  return new CallError(why, {
    code: "unavailable",
    processed: "no",
    cause,
  });
}
