/**
 * A session on a connection: the part that clients and servers share.
 *
 * The class moves frames between the connection and the pure session, arms one
 * timer, and runs handlers. The pure session holds all protocol rules.
 *
 * @module
 */
import { FrameError } from "../../framing/errors.ts";
import type { Connection, SocketAddress } from "../../transport/connection.ts";
import { buildRemote, type CallSite } from "../calls/remote.ts";
import type { BoundHandler } from "../handlers/bind_handlers.ts";
import type {
  ObservableSession,
  ObservedCall,
} from "../observe/observed_call.ts";
import type { FrameRecord } from "../errors/frame_record.ts";
import { isViolation } from "../observe/violation_log.ts";
import { formatAddress } from "../../transport/address.ts";
import type { DropReason } from "../observe/observer.ts";
import type { ObservedSession, Observers } from "../observe/observers.ts";
import type { Handling, OnceHost } from "../handlers/handling.ts";
import { contextRemote } from "../handlers/context_remote.ts";
import type {
  NotificationHandling,
  NotificationHost,
} from "../handlers/notification_handling.ts";
import type { Serving } from "../handlers/serving.ts";
import { SerialQueues } from "../handlers/serial_queues.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import type { ConnectionInfo } from "../../transport/connection_info.ts";
import type { CallContext } from "../handlers/context.ts";
import { type CallError, SessionError } from "../errors/call_error.ts";
import { addRecording } from "../errors/error_recordings.ts";
import { describeType } from "../../support/describe_type.ts";
import type { AnyProtocol, Remote, Side } from "../protocol/protocol_types.ts";
import type { Hello, MethodInfo } from "../session/wire/hello.ts";
import type {
  IncomingCall,
  ServedMethod,
} from "../session/calls/incoming_calls.ts";
import type { Fields } from "../session/wire/fields.ts";
import type { Outcomes } from "../session/wire/once_field.ts";
import type { SessionStats } from "../observe/stats.ts";
import {
  type MethodMismatch,
  methodMismatches,
} from "../session/control/method_matching.ts";
import type { DecodedCredentials } from "../session/control/credentials.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import { BUFFER_COST } from "../session/held_memory.ts";
import { Session, type SessionView } from "../session/session.ts";
import type { SessionHost } from "../session/session_host.ts";
import type { HelloEntries } from "../session/control/handshake.ts";
import type { ResumePoint, SessionToken } from "../session/wire/resumption.ts";
import type { ItemHead } from "../session/flow/item_frame.ts";
import { sendItem, type SendOutcome } from "../session/flow/outgoing_items.ts";
import { takeItem } from "../session/flow/received_items.ts";
import type { ItemSender } from "../session/flow/send_queue.ts";
import type { SessionStream } from "../session/flow/shared_state.ts";
import { connectionInfo } from "./connection_info.ts";
import { Link, type LinkReceiver } from "./link.ts";
import {
  BUSY_PAUSE,
  type MemoryAccount,
  type MemoryHolder,
} from "./memory_budget.ts";
import {
  checkDrainOptions,
  type ResolvedSessionOptions,
} from "./session_options.ts";
import {
  NO_TOPICS,
  recordingOf,
  statsOf,
  type SubscribedTopics,
} from "./session_stats.ts";
import type { SideTables } from "./side_tables.ts";
import { setRef } from "../support/keep_alive.ts";
import { randomId } from "../support/random_id.ts";

const DONE: Promise<void> = /* @__PURE__ */ Promise.resolve();

/** Items taken or sent before the timer is armed again. */
const ITEMS_BEFORE_ARMING = 16;

/** Items of a turn for which the clock is read once. */
const UNTIMED_ITEMS = 16;

/**
 * Microtasks after an item was taken that belong to the same turn. A loop takes
 * the next item after one, and a generator after a few more.
 */
const CLOCK_MICROTASKS = 8;

/** Options for a {@linkcode TypedSession}. */
export interface TypedSessionOptions {
  /** This side's role in the connection. */
  readonly role: Side;
  /** The connection, which the session then owns. */
  readonly connection: Connection;
  /** Facts about the connection from the application. */
  readonly info?: Partial<ConnectionInfo> | undefined;
  /** Methods of both sides, and this side's handlers. */
  readonly tables: SideTables;
  /** Options of the client or the server. */
  readonly resolved: ResolvedSessionOptions;
  /**
   * Milliseconds that the session waits for another link after a cut.
   *
   * With 0, it ends instead.
   *
   * @default {0}
   */
  readonly grace?: number;
  /** Whether credentials are checked. @default {false} */
  readonly checksCredentials?: boolean;
  /** Milliseconds over which a server's clients connect again after a loss. */
  readonly spread?: number | undefined;
}

/**
 * The members that a client's and a server's session share.
 *
 * Applications see it as `ClientSession` or `ServerSession`. Its data is in
 * private fields, so that printing a session does not print its options.
 */
export abstract class TypedSession<P extends AnyProtocol, PeerSide extends Side>
  implements
    SessionHost,
    LinkReceiver,
    NotificationHost,
    ObservableSession,
    MemoryHolder,
    ConnectionInfo,
    AsyncDisposable {
  readonly #session: Session;
  readonly #role: Side;
  /** Created on first use. */
  #id = "";
  /** The session's observers, once it is open. */
  #observed: ObservedSession | undefined = undefined;
  #opened = false;
  /** The current link. */
  #link: Link;
  /** Resolves when all that belongs to lost links has been released. */
  #lostLinks: Promise<unknown> = DONE;
  /** Whether another session continues with the link. */
  #handedOver = false;
  readonly #tables: SideTables;
  readonly #resolved: ResolvedSessionOptions;
  #info: ConnectionInfo;
  readonly #memory: MemoryAccount;

  // These parts are created on first use: a server may hold thousands of idle
  // sessions.

  #callSite: CallSite | undefined = undefined;
  #notifications: Set<NotificationHandling> | undefined = undefined;
  #remote: Remote<P, PeerSide> | undefined = undefined;
  #serial: SerialQueues | undefined = undefined;
  #draining: AbortController | undefined = undefined;
  #watching: Set<Handling> | undefined = undefined;
  /** Why the session drains or ended; the reason of `#draining`. */
  #drainReason: SessionError | undefined = undefined;
  /** Why the session ended. */
  #endReason: SessionError | undefined = undefined;
  #finished: PromiseWithResolvers<SessionError> | undefined = undefined;
  #closed: PromiseWithResolvers<void> | undefined = undefined;
  /** Whether all resources have been released. */
  #isReleased = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #armedFor = Infinity;
  /** Milliseconds by which recent timers were late. */
  timerDelay = 0;
  #armQueued = false;
  /** Number of items taken or sent since the timer was armed. */
  #unarmedItems = 0;
  /** Number of items since the clock was read. */
  #untimedItems = 0;
  /** Number of microtasks for which the clock is not read again. */
  #clockLeft = 0;
  /** Created on first use. */
  #countMicrotask: (() => void) | undefined = undefined;
  /** Whether bytes were unsent when the timer was armed. */
  #watchesUnsent = false;
  /** Arms the timer; allocated once, because `enter` queues it often. */
  readonly #armLater = () => {
    this.#armQueued = false;
    this.#afterEvent();
  };
  /** Whether the session keeps the process alive. */
  #ref = true;
  #now: number = performance.now();
  #inRead = false;

  constructor(
    options: TypedSessionOptions,
  ) {
    const { role, connection, tables, resolved } = options;
    const { checksCredentials = false } = options;
    const { limits, codecs } = resolved;
    this.#role = role;
    this.#tables = tables;
    this.#resolved = resolved;
    this.#info = connectionInfo(connection, options.info);
    this.#link = new Link(connection, resolved.links, this);
    this.#memory = resolved.memory.open();
    const { grace = 0 } = options;
    const { stream } = this.#link;
    const resume = grace === 0
      ? undefined
      : resolved.resumption?.begin(stream, grace);
    this.#session = new Session({
      role,
      sink: resume?.sink ?? stream,
      resume,
      codecs,
      limits,
      methods: tables,
      checksCredentials,
      features: tables.features,
      host: this,
      calls: tables.serving?.calls,
      budget: this.#memory,
      spread: options.spread,
      recorder: resolved.recordedFrames,
      now: this.#now,
    });
    this.#memory.holder = this;
    this.#afterEvent(); // before reading: the connection may be dead already
    this.#read(this.#link);
  }

  // ── members that applications use ──────────────────────────────────────

  /** Resolves with the reason when the session has ended. */
  get finished(): Promise<SessionError> {
    if (this.#finished === undefined) {
      this.#finished = Promise.withResolvers();
      if (this.#endReason !== undefined) {
        this.#finished.resolve(this.#endReason);
      }
    }
    return this.#finished.promise;
  }

  /** Resolves when the connection is closed and its resources are released. */
  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      if (this.#isReleased) this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  /** The call site of all calls that this side makes. */
  get #site(): CallSite {
    const { observers, callDefaults, interceptors, once } = this.#resolved;
    return this.#callSite ??= {
      protocol: this.#tables.name,
      session: this,
      observers,
      once,
      peer: () => this,
      timeLeft: () => Infinity,
      defaults: callDefaults,
      interceptors,
    };
  }

  /** Random id of the session. */
  get id(): string {
    return this.#id ||= randomId();
  }

  /** This side's role. */
  get role(): Side {
    return this.#role;
  }

  /** Name of this side's protocol. */
  get protocol(): string {
    return this.#tables.name;
  }

  /** The address that a client was given; servers have none. */
  get principal(): string {
    return "";
  }

  /** @inheritdoc */
  get endpoint(): string {
    return "";
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

  get request(): ConnectionInfo["request"] {
    return this.#info.request;
  }

  get proxy(): ConnectionInfo["proxy"] {
    return this.#info.proxy;
  }

  /** The peer's methods, as functions. */
  get remote(): Remote<P, PeerSide> {
    return this.#remote ??= buildRemote(
      this.#tables.calls,
      this.#site,
    ) as Remote<P, PeerSide>; // built from the protocol P
  }

  /**
   * Whether both sides have the same protocol hash; `false` until the handshake
   * is complete.
   */
  get sameProtocol(): boolean {
    return this.session.peer?.protocolHash === this.#tables.hash;
  }

  /**
   * Methods that this side knows to be declared differently by the peer; empty
   * until the handshake is complete.
   */
  get mismatches(): readonly MethodMismatch[] {
    const { peer } = this.session;
    return peer === undefined ? [] : methodMismatches(peer, this.#tables);
  }

  /** Aborted when either side drains, or when the session ends. */
  get draining(): AbortSignal {
    this.#draining ??= new AbortController();
    if (this.#drainReason !== undefined) {
      this.#draining.abort(this.#drainReason);
    }
    return this.#draining.signal;
  }

  /** @inheritdoc */
  get drainReason(): SessionError | undefined {
    return this.#drainReason;
  }

  /** @inheritdoc */
  get watching(): Set<Handling> {
    return this.#watching ??= new Set();
  }

  /** Counters of the session. */
  get stats(): SessionStats {
    const { recordedFrames } = this.#resolved;
    return statsOf(
      this.#session,
      this.subscribedTopics,
      recordedFrames,
      this.timerDelay,
    );
  }

  /** Returns the headers of the last frames, the oldest first. */
  recording(): FrameRecord[] {
    return recordingOf(this.session.log);
  }

  /** Topics of the session; only servers have them. */
  protected get subscribedTopics(): SubscribedTopics {
    return NO_TOPICS;
  }

  /** Round-trip time of the last heartbeat in ms. */
  get roundTrip(): number | undefined {
    return this.session.roundTrip;
  }

  /** Waits for calls in flight, then closes. */
  async drain(options: DrainOptions = {}): Promise<void> {
    checkDrainOptions("drain()", options);
    this.enter().drain(options);
    const { code = "drain", retryAfter, spread } = options;
    this.#stopCalls(
      new SessionError("This side drains the session", {
        code,
        retryAfter,
        spread,
      }),
    );
    await this.closed;
  }

  /** Aborts `draining` of the session and of its handlers. */
  #stopCalls(reason: SessionError): void {
    this.#drainReason ??= reason;
    this.#draining?.abort(this.#drainReason);
    for (const handling of this.#watching ?? []) {
      handling.onDraining(this.#drainReason);
    }
    this.#watching?.clear();
  }

  /** Closes the session; calls in flight fail. */
  close(reason = ""): Promise<void> {
    checkReason(reason);
    this.enter().close(reason);
    return this.closed;
  }

  /** Closes the session and the connection at once; unsent messages are lost. */
  abort(): Promise<void> {
    this.enter().close("", 0);
    this.#link.close("abort");
    return this.closed;
  }

  /** Keeps the process alive while the session is open. */
  ref(): void {
    this.#setRef(true);
  }

  /** Lets the process exit while the session is open. */
  unref(): void {
    this.#setRef(false);
  }

  /** Whether the session keeps the process alive. */
  get keepsAlive(): boolean {
    return this.#ref;
  }

  #setRef(ref: boolean): void {
    this.#ref = ref;
    setRef(this.#link.connection, ref);
    setRef(this.#timer, ref);
  }

  abstract [Symbol.asyncDispose](): Promise<void>;

  // ── members that calls and handlers use ────────────────────────────────

  /** @inheritdoc */
  get session(): SessionView {
    return this.#session;
  }

  /** @inheritdoc */
  get observable(): ObservableSession {
    return this;
  }

  /** Whether new calls may be made: neither side drains, and it has not ended. */
  get takesCalls(): boolean {
    return this.#drainReason === undefined;
  }

  /** Number of this side's calls that are in flight or queued. */
  get load(): number {
    const { calls, waiting } = this.#session.outgoing;
    return calls.size + waiting;
  }

  /** Only servers store outcomes. @inheritdoc */
  get outcomes(): Outcomes | undefined {
    return undefined;
  }

  /** @inheritdoc */
  get once(): OnceHost | undefined {
    return undefined;
  }

  /** Account of the memory that the session holds. */
  protected get memory(): MemoryAccount {
    return this.#memory;
  }

  /** @inheritdoc */
  get accepted(): boolean {
    return this.session.state === "open" || this.session.state === "cut";
  }

  /** @inheritdoc */
  restrict(restricted: boolean): void {
    this.enter().restrict(restricted);
  }

  /** @inheritdoc */
  evict(message: string): void {
    this.enter().expel("refused-busy", message, BUSY_PAUSE);
  }

  /** @inheritdoc */
  get serial(): SerialQueues {
    return this.#serial ??= new SerialQueues();
  }

  /** @inheritdoc */
  get notifications(): Set<NotificationHandling> {
    return this.#notifications ??= new Set();
  }

  /**
   * Returns the current time. The clock is read only once for all frames of an
   * incoming chunk.
   */
  now(): number {
    return this.#inRead ? this.#now : this.#now = performance.now();
  }

  /** The time at which the clock was read last. */
  get recent(): number {
    return this.#now;
  }

  /**
   * Enters the pure session. Sets its time, and arms its timer in a microtask,
   * after the command that follows, or at the end of the read in progress.
   * Commands are available only through this method, so the timer is always
   * updated.
   *
   * @param now the current time, if the clock was just read
   */
  enter(now: number = this.now()): Session {
    this.#armSoon();
    return this.#session.enter(now);
  }

  #armSoon(): void {
    if (this.#armQueued || this.#inRead) return;
    this.#armQueued = true;
    queueMicrotask(this.#armLater);
  }

  /** @inheritdoc */
  takeItem(call: SessionStream): Uint8Array | undefined {
    const { shared } = this.#session.enter(this.#itemTime(this.#clockLeft > 0));
    try {
      const body = takeItem(shared, call);
      if (body !== undefined) this.#keepClock();
      this.#armAfterItem(body === undefined);
      return body;
    } catch (error) {
      this.#armSoon();
      throw error;
    }
  }

  /** @inheritdoc */
  sendItem(
    call: SessionStream,
    value: unknown,
    sender: ItemSender,
    head?: ItemHead,
  ): SendOutcome {
    const { shared } = this.#session.enter(this.#itemTime(this.#framesInTurn));
    try {
      const outcome = sendItem(shared, call, value, sender, head);
      this.#armAfterItem(outcome !== "accepted");
      return outcome;
    } catch (error) {
      this.#armSoon();
      throw error;
    }
  }

  /**
   * Returns the time at which an item is taken or sent.
   *
   * @param read whether the clock has been read in this turn; it is then read again
   * only after some items, for each of which the application may work
   */
  #itemTime(read: boolean): number {
    if (read && ++this.#untimedItems < UNTIMED_ITEMS) return this.#now;
    this.#untimedItems = 0;
    return this.now();
  }

  /** Lets the items that follow in this turn use the time. */
  #keepClock(): void {
    if (this.#clockLeft === 0) {
      queueMicrotask(
        this.#countMicrotask ??= () => {
          if (--this.#clockLeft > 0) queueMicrotask(this.#countMicrotask!); // set above
        },
      );
    }
    this.#clockLeft = CLOCK_MICROTASKS;
  }

  /**
   * Whether frames wait for the end of this turn. The clock was read in this turn
   * then, and need not be read again.
   */
  get #framesInTurn(): boolean {
    const { bytesFramed, bytesHanded, bytesWritten } = this.#link.stream;
    return bytesFramed > bytesHanded && bytesHanded === bytesWritten &&
      this.#session.state === "open";
  }

  /**
   * Arms the timer after some items. Arming takes as long as half of what else is
   * done for an item, and is rarely necessary: a write, which arms it as well,
   * follows soon.
   *
   * @param waits whether the application or the item waits
   */
  #armAfterItem(waits: boolean): void {
    const { shared: { writer, timerWheel }, state } = this.#session;
    const due = waits || state !== "open" ||
      timerWheel.wakeAt < this.#armedFor ||
      (writer.unsent > 0 && !this.#watchesUnsent) ||
      ++this.#unarmedItems === ITEMS_BEFORE_ARMING;
    if (due) this.#armSoon();
  }

  /** @inheritdoc */
  report(error: unknown, method: string): IncidentReport {
    return this.#resolved.report(error, method);
  }

  /** @inheritdoc */
  remoteFor(context: CallContext<unknown, unknown>): unknown {
    return contextRemote(this.#tables.calls, context, this.#site);
  }

  // ── events of the pure session ─────────────────────────────────────────

  get #serving(): Serving {
    return this.#tables.serving!; // without it, the session refuses all calls
  }

  /** @inheritdoc */
  onRequest(call: IncomingCall, body: Uint8Array): void {
    const served = this.#tables.handlers[call.method.index]!; // both tables have the same order
    const { observers } = this.#resolved;
    const observed = observers &&
      this.#handled(observers, served, call.fields, body);
    const { CallHandling } = this.#serving;
    const handling = new CallHandling(this, call, served, observed);
    call.observer = handling;
    handling.begin(body);
  }

  /**
   * @inheritdoc
   *
   * A notification that waited may arrive after the end of the session; its
   * handler's signal is then aborted.
   */
  onNotified(
    method: number,
    body: Uint8Array,
    fields: Readonly<Fields>,
  ): void {
    const served = this.#tables.handlers[method]!; // as in onRequest()
    const { observers } = this.#resolved;
    const observed = observers &&
      this.#handled(observers, served, fields, body);
    const { NotificationHandling } = this.#serving;
    const handling = new NotificationHandling(this, served, fields, observed);
    handling.begin(body);
    if (this.session.state === "closed") {
      handling.cancel("the session has ended");
    }
  }

  /** Observes a call or notification that the peer has sent. */
  #handled(
    observers: Observers,
    { bound: { name, shape } }: BoundHandler,
    fields: Readonly<Fields>,
    body: Uint8Array,
  ): ObservedCall | undefined {
    const observed = observers.call({
      side: "callee",
      protocol: this.protocol,
      method: name,
      methodOriginal: name,
      shape,
      session: this,
      timeLeft: fields.timeout,
      traceBytes: fields.trace,
      metadata: fields.metadata,
    });
    observed?.received(body.length);
    return observed;
  }

  /** @inheritdoc */
  onCallRefused(
    method: ServedMethod | MethodInfo | undefined,
    error: CallError,
  ): void {
    const { observers } = this.#resolved;
    if (observers === undefined) return;
    const served = method !== undefined && "info" in method;
    observers.refusedCall(this, served ? method.info : method, served, error);
  }

  /** @inheritdoc */
  onOpened(): void {
    this.#opened = true;
    this.#observed = this.#resolved.observers?.session(this);
  }

  /** @inheritdoc */
  onPeerDraining(reason: SessionError): void {
    this.#stopCalls(reason);
  }

  /** @inheritdoc */
  onDrained(): void {
    this.enter().close("drained");
  }

  /** @inheritdoc */
  onClosing(reason: SessionError): void {
    for (const notification of this.#notifications ?? []) {
      notification.cancel(reason.message);
    }
    this.#stopCalls(reason);
  }

  /** @inheritdoc */
  onEnded(reason: SessionError): void {
    this.onClosing(reason);
    // Without GOAWAY, drop unsent bytes, because their calls have already
    // failed as unsent.
    if (this.session.sentGoaway) this.#link.finish();
    else this.#link.close();
    this.charge();
    if (isViolation(reason)) addRecording(reason, this.recording());
    this.#finish(reason);
    this.#observeEnd(reason);
  }

  #observeEnd(error: SessionError): void {
    if (isViolation(error) && !error.remote) {
      this.#resolved.violations.add(() => ({
        error,
        session: this.id,
        peer: formatAddress(this.remoteAddr),
        recording: error.recording,
      }), performance.now());
    }
    this.#observed?.ended(error);
    if (this.#opened || this.#role === "client") return;
    const { localAddr, remoteAddr } = this;
    this.#resolved.observers?.refused({
      reason: error.code,
      error,
      localAddr,
      remoteAddr,
    });
  }

  /** @inheritdoc */
  onDropped(count: number, error: CallError): void {
    const ended = error.code !== "overloaded";
    this.observeDropped(ended ? "unsent" : "limit", count);
    this.#resolved.onDropped?.(count, error);
  }

  /** Notifies observers of messages to the peer that were dropped. */
  observeDropped(reason: DropReason, count: number): void {
    this.#observed?.dropped(reason, count);
  }

  // Only servers receive these events.

  /** @inheritdoc */
  onAuthenticate(_hello: Hello, _credentials: DecodedCredentials): void {}

  /** @inheritdoc */
  onRefresh(_id: number, _credentials: DecodedCredentials): void {}

  /** @inheritdoc */
  onRoom(): void {}

  // Only clients receive these events.

  /** @inheritdoc */
  onRefreshed(_id: number): void {}

  /** @inheritdoc */
  onResumed(_point: ResumePoint, _token: SessionToken): void {}

  // ── links ──────────────────────────────────────────────────────────────

  /** Begins to read; the frames go to the session that then has the link. */
  #read(link: Link): void {
    link.read(
      (frame) => link.receiver?.onFrame(frame),
      () => link.receiver?.onTurnEnd(),
    );
  }

  /**
   * @inheritdoc
   *
   * Nothing that the link still delivers reaches the session any more.
   */
  onCut(_reason: SessionError): void {
    const link = this.#link;
    this.#inRead = false;
    link.receiver = undefined;
    link.close("abort");
    this.closeAfter(link.ended.then(() => link.dispose()));
  }

  /** Lets `closed` wait for a promise, which never rejects. */
  closeAfter(released: Promise<unknown>): void {
    this.#lostLinks = Promise.all([this.#lostLinks, released]);
  }

  /**
   * Continues this session on the link of another one, which ends silently.
   *
   * @param fresh the other session, whose handshake asked for this
   * @param peer positions of the frames that the peer has received and kept
   * @param entries entries of a server's HELLO
   */
  continueOn(
    fresh: TypedSession<P, PeerSide>,
    peer: ResumePoint,
    entries?: HelloEntries,
  ): void {
    const link = fresh.#handOver();
    this.enter().resume(link.stream, peer, entries);
    this.#link = link;
    this.#info = fresh.#info;
    link.receiver = this;
    if (!this.#ref) setRef(link.connection, false);
  }

  /** Ends this session silently and returns its link. */
  #handOver(): Link {
    this.#session.enter(this.now()).handOver();
    this.#inRead = false;
    this.#handedOver = true;
    this.charge();
    this.#finish(
      new SessionError("Another session continues", { code: "closed" }),
    );
    return this.#link;
  }

  /** Resolves when nothing more is read from the link. */
  get linkEnded(): Promise<void> {
    return this.#link.ended;
  }

  /** Whether another session has continued with this one's link. */
  get handedOver(): boolean {
    return this.#handedOver;
  }

  // ── bytes and time ─────────────────────────────────────────────────────

  /** Ends the session, once: resolves `finished`, then releases the links. */
  #finish(reason: SessionError): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    this.#finished?.resolve(reason);
    this.#release().then(() => {
      this.#isReleased = true;
      this.#closed?.resolve();
      this.onReleased();
    });
  }

  /** Called when the connection is closed and its resources are released. */
  protected onReleased(): void {
    const { memory } = this.#resolved;
    this.linkEnded.then(() => memory.close(this.#memory)); // another session may use it
  }

  async #release(): Promise<void> {
    await DONE; // replies may have to be sent
    try {
      if (!this.#handedOver) await this.#link.ended;
      clearTimeout(this.#timer);
      this.#armedFor = -Infinity;
      if (!this.#handedOver) await this.#link.dispose();
      await this.#lostLinks;
      this.charge();
    } catch (error) {
      this.report(error, ""); // a custom implementation of `Connection` may throw
    }
  }

  /**
   * Reports a violation of the framing to the peer. A truncated stream or a frame
   * timeout counts as a lost connection instead.
   */
  onInputEnded(error: unknown): void {
    this.#inRead = false;
    const violation = error instanceof FrameError &&
      error.code !== "truncated" && error.code !== "timeout";
    if (violation) this.enter().framingFailed(error.message);
    else this.enter().inputEnded(error);
  }

  /** @inheritdoc */
  onWriteFailed(error: unknown): void {
    this.enter().outputFailed(error);
  }

  /** @inheritdoc */
  onLinkError(error: unknown): void {
    this.report(error, "");
  }

  /** @inheritdoc */
  onFrame(frame: Uint8Array): void {
    if (!this.#inRead) {
      this.#inRead = true;
      this.#now = performance.now();
    }
    this.enter().receive(frame);
  }

  /** @inheritdoc */
  onTurnEnd(): void {
    this.#inRead = false;
    this.#session.enter(this.now()).readSome();
    this.#afterEvent();
  }

  /** @inheritdoc */
  onWritten(): void {
    this.#session.enter(this.now()).written();
    this.#afterEvent();
  }

  /** Accounts for the memory and arms the timer. */
  #afterEvent(): void {
    this.#unarmedItems = 0;
    this.#watchesUnsent = this.#session.shared.writer.unsent > 0;
    this.#observed?.roundTrip(this.roundTrip);
    this.charge();
    this.#arm();
  }

  /** Charges the bytes that the session holds, or sends after its end. */
  charge(): void {
    const { held, heldByOwnCalls, state, log } = this.#session;
    const sends = state === "closed" && !this.#handedOver;
    const unsent = sends ? this.#link.unsent : 0;
    const recorded = state === "closed" ? 0 : log.held;
    const all = held + recorded + BUFFER_COST * unsent;
    this.#memory.update(all, heldByOwnCalls);
  }

  /** Rearms the timer if the session must now wake up earlier. */
  #arm(): void {
    const { wakeAt } = this.#session;
    if (wakeAt >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = wakeAt;
    const wait = Math.max(1, Math.min(wakeAt - this.now(), 2 ** 31 - 1));
    this.#timer = setTimeout(() => this.#onTimer(), wait);
    if (!this.#ref) setRef(this.#timer, false);
  }

  #onTimer(): void {
    const delay = this.now() - this.#armedFor;
    this.timerDelay = Math.max(delay, this.timerDelay / 2);
    this.#armedFor = Infinity;
    this.enter().tick();
  }
}

/** @throws {TypeError} if the reason is not a string */
export function checkReason(reason: unknown): void {
  if (typeof reason === "string") return;
  throw new TypeError(
    `Cannot close the session with ${
      describeType(reason)
    } as the reason: expected a string`,
  );
}
