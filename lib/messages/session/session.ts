/**
 * One side of a connection as a pure state machine: frames and commands in,
 * frames and events out. Time is an argument (ms, any origin), the next time
 * it wants to be called is {@linkcode Session.wakeAt}. It never waits, reads no
 * clock, and throws only what its commands document.
 *
 * ```text
 *  dialler   new ──start──▶ greeting ─────────HELLO──────────▶ open ──▶ closed
 *  listener  waiting ─HELLO─▶ authenticating ──accept──▶ open ──▶ closed
 * ```
 *
 * | kind of method | names |
 * | --- | --- |
 * | inputs | `receive`, `readSome`, `written`, `inputEnded`, `tick` |
 * | commands | `start`, `accept`, `refuse`, `call`, `notify`, `sendItem`, `endItems`, `cancel`, `takeItem`, `respond`, `fail`, `drain`, `close` |
 * | outputs | frames to the sink, events to the host and the calls' observers, `wakeAt` |
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import {
  CallError,
  SESSION_ERROR_CODES,
  SessionError,
  type SessionErrorCode,
} from "../errors.ts";
import { Callee, type IncomingCall, type RequestHost } from "./callee.ts";
import {
  Caller,
  type CallerObserver,
  type OpenOptions,
  type OutgoingCall,
} from "./caller.ts";
import { MalformedError, NO_FIELDS } from "./fields.ts";
import {
  decodeHello,
  encodeHello,
  type Hello,
  helloVersion,
  type MethodInfo,
  VERSION,
} from "./hello.ts";
import {
  differences,
  type MethodTables,
  servedMethods,
} from "./method_table.ts";
import { INITIAL_PEER_LIMITS, type SessionLimits } from "./limits.ts";
import { Link, type SessionStats, type StreamCall } from "./link.ts";
import { Liveness } from "./liveness.ts";
import { RateLimit } from "./rate_limit.ts";
import {
  creditOf,
  maySendItem,
  messageOf,
  sendItem,
  takeItem,
  wakeBlocked,
} from "./streams.ts";
import { Flag, getU48, HEADER, Kind, MAX_ID, putU48, readId } from "./wire.ts";
import { type FrameSink, Writer } from "./writer.ts";

/** Told what happens to a session. */
export interface SessionHost extends RequestHost {
  /**
   * A client has come (listener only). Answer with {@linkcode Session.accept}
   * or {@linkcode Session.refuse}, now or later.
   *
   * @param hello what it says of itself
   * @param credentials decoded, `undefined` if it sent none
   */
  onAuthenticate(hello: Hello, credentials: unknown): void;
  /** The handshake is done. */
  onOpened(hello: Hello): void;
  /** The client sends new credentials. Answer with {@linkcode Session.refreshed}. */
  onRefresh(id: number, credentials: unknown): void;
  /** The listener has taken new credentials. */
  onRefreshed(id: number): void;
  /** The peer wants nothing new to be started. */
  onPeerDraining(): void;
  /** There is room again for notifications that were held back; see {@linkcode Session.mayNotify}. */
  onRoom(): void;
  /** A drain is over: nothing is in flight any more, or the grace has passed. */
  onDrained(): void;
  /** It is over; `undefined`: in good order. Called once. */
  onEnded(error: SessionError | undefined): void;
}

/** What a session is made of. */
export interface SessionOptions {
  /** Which side dialled. */
  readonly role: "dialler" | "listener";
  /** Where frames go. */
  readonly sink: FrameSink;
  /** Codecs that this side speaks; the dialler offers the first. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** Limits, whole. */
  readonly limits: SessionLimits;
  /** The methods of both sides. */
  readonly methods: MethodTables;
  /** Who is told. */
  readonly host: SessionHost;
  /** The time. */
  readonly now: number;
}

type State =
  | "new"
  | "greeting"
  | "waiting"
  | "authenticating"
  | "open"
  | "closed";

/** Bytes of frames that a listener keeps while it authenticates: the initial credit, and as much again for overhead. */
const MAX_EARLY_BYTES = 2 * INITIAL_PEER_LIMITS.connectionWindow;

/** One side of a connection. */
export class Session {
  /** What the peer said of itself, once it has. */
  peer: Hello | undefined = undefined;
  #state: State;
  readonly #options: SessionOptions;
  readonly #link: Link;
  readonly #caller: Caller;
  readonly #callee: Callee;
  readonly #liveness: Liveness;
  readonly #pings: RateLimit;
  #deadline: number;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #drainStage: "none" | "announced" | "settled" | "over" = "none";
  #peerDrains = false;
  #pingCount = 0;
  #drainPing = -1;
  #refreshId = 0;

  /** @param options what it is made of */
  constructor(options: SessionOptions) {
    const { role, sink, codecs, limits, host, now } = options;
    this.#options = options;
    const writer = new Writer(sink, codecs[0], limits);
    this.#link = new Link(
      writer,
      limits,
      (code, message) => this.#abort(code, message),
    );
    this.#link.now = now;
    const dialler = role === "dialler";
    this.#caller = new Caller(this.#link, dialler ? 1 : 2);
    this.#callee = new Callee(this.#link, dialler ? 2 : 1, host);
    this.#liveness = new Liveness(limits, now);
    this.#pings = new RateLimit(
      limits.pingsPerSecond,
      2 * limits.pingsPerSecond,
    );
    this.#state = dialler ? "new" : "waiting";
    this.#deadline = now + limits.handshakeTimeout;
  }

  /** Where it stands. */
  get state(): State {
    return this.#state;
  }

  /** Counters. */
  get stats(): Readonly<SessionStats> {
    return this.#link.stats;
  }

  /** Codec of all bodies. */
  get codec(): MessageCodec {
    return this.#link.writer.codec;
  }

  /** This side's limits. */
  get limits(): SessionLimits {
    return this.#link.limits;
  }

  /** Round-trip time of the last heartbeat, ms. */
  get roundTrip(): number | undefined {
    return this.#liveness.roundTrip;
  }

  /** Calls in flight: ours and the peer's, and those of ours that wait. */
  get inFlight(): { outgoing: number; incoming: number; queued: number } {
    return {
      outgoing: this.#caller.calls.size,
      incoming: this.#callee.calls.size,
      queued: this.#caller.queued,
    };
  }

  /** What is held and lent, for tests that count. */
  get accounts(): {
    callCredit: number;
    raisePool: number;
    assembling: number;
    timers: number;
    blocked: number;
  } {
    return {
      callCredit: this.#caller.credit,
      raisePool: this.#link.pool.left,
      assembling: this.#link.budget.used,
      timers: this.#link.wheel.size,
      blocked: this.#link.blocked.size,
    };
  }

  /** When {@linkcode Session.tick} is wanted. */
  get wakeAt(): number {
    if (this.#state === "closed") return Infinity;
    return Math.min(
      this.#deadline,
      this.#link.wheel.wakeAt,
      this.#state === "open" ? this.#liveness.wakeAt : Infinity,
    );
  }

  // ── handshake ──────────────────────────────────────────────────────────

  /**
   * Sends HELLO (dialler).
   *
   * @param credentials what the listener's authentication gets, if anything
   * @throws {CodecError} for credentials that have no encoding
   * @throws {RangeError} for a protocol that does not fit into a handshake
   */
  start(credentials: unknown, now: number): void {
    this.#link.now = now;
    const auth = credentials === undefined
      ? undefined
      : this.codec.encode(credentials).slice();
    this.#sendHello(auth, []);
    this.#state = "greeting";
  }

  #sendHello(
    auth: Uint8Array | undefined,
    mismatches: Hello["mismatches"],
  ): void {
    const { limits, writer } = this.#link;
    const { role, methods } = this.#options;
    const body = encodeHello({
      role,
      features: 0,
      maxFrameBody: limits.maxFrameBody,
      maxMessage: limits.maxMessage,
      maxCalls: limits.maxCalls,
      streamWindow: limits.streamWindow,
      connectionWindow: limits.connectionWindow,
      heartbeat: limits.heartbeat,
      protocolHash: methods.hash,
      protocol: methods.name,
      codec: writer.codec.name,
      methods: methods.calls,
      mismatches,
      auth,
    });
    if (body.length > limits.maxHello) {
      throw new RangeError(
        `Cannot send a handshake of ${body.length} bytes: the limit is ${limits.maxHello}; use fewer or shorter method names, or smaller credentials`,
      );
    }
    writer.frame(Kind.HELLO, 0, 0, body);
  }

  #receiveHello(frame: Uint8Array): void {
    const { limits, writer } = this.#link;
    const body = frame.subarray(HEADER);
    if (body.length > limits.maxHello) {
      return this.#abort(
        "too-large",
        `HELLO is ${body.length} bytes, the limit is ${limits.maxHello}`,
      );
    }
    const version = helloVersion(body);
    if (version.major !== VERSION.major) {
      return this.#abort(
        "version",
        `version ${version.major} is not spoken here; version ${VERSION.major} is`,
      );
    }
    const hello = decodeHello(body, limits.maxMethods);
    if (hello.role === this.#options.role) {
      return this.#abort("protocol", `both sides are the ${hello.role}`);
    }
    const codecs = this.#state === "greeting"
      ? [writer.codec] // what has been sent is encoded with it
      : this.#options.codecs;
    const codec = codecs.find(({ name }) => name === hello.codec);
    if (codec === undefined) {
      const known = codecs.map(({ name }) => name).join(", ");
      return this.#abort(
        "codec",
        `codec "${hello.codec}" is not spoken here; ${known} is`,
      );
    }
    writer.codec = codec;
    this.peer = hello;
    this.#adopt(hello);
    if (this.#state === "greeting") this.#open(hello);
    else this.#authenticate(hello, codec);
  }

  /** From now on the peer's own limits hold, not those of before the handshake. */
  #adopt(hello: Hello): void {
    const { writer, limits } = this.#link;
    writer.maxFrameBody = Math.min(hello.maxFrameBody, limits.maxFrameBody);
    writer.maxMessage = hello.maxMessage;
    this.#link.peerMaxCalls = hello.maxCalls;
    this.#link.peerStreamWindow = hello.streamWindow;
    this.#caller.raise(
      hello.connectionWindow - INITIAL_PEER_LIMITS.connectionWindow,
      hello.streamWindow - INITIAL_PEER_LIMITS.streamWindow,
    );
    this.#callee.methods = servedMethods(hello.methods, this.#options.methods);
  }

  #authenticate(hello: Hello, codec: MessageCodec): void {
    this.#state = "authenticating";
    let credentials: unknown;
    try {
      if (hello.auth !== undefined) credentials = codec.decode(hello.auth);
    } catch (error) {
      return this.#abort(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    this.#options.host.onAuthenticate(hello, credentials);
  }

  /** Lets the client in (listener): HELLO goes out, what it sent meanwhile is handled. */
  accept(now: number): void {
    this.#link.now = now;
    const hello = this.peer;
    if (this.#state !== "authenticating" || hello === undefined) return;
    this.#sendHello(
      undefined,
      differences(hello.methods, this.#options.methods),
    );
    this.#open(hello);
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.receive(frame, now);
  }

  /** Turns the client away (listener). */
  refuse(message: string, now: number): void {
    this.#link.now = now;
    if (this.#state !== "authenticating") return;
    this.#abort("unauthenticated", message);
  }

  #open(hello: Hello): void {
    this.#state = "open";
    this.#deadline = Infinity;
    this.#liveness.read(this.#link.now);
    this.#options.host.onOpened(hello);
    this.#caller.drain();
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /** Bytes were read, a whole frame or not. */
  readSome(now: number): void {
    this.#link.now = now;
    this.#liveness.read(now);
  }

  /** Takes one frame; its bytes are valid during the call. */
  receive(frame: Uint8Array, now: number): void {
    this.#link.now = now;
    if (this.#state === "closed") return;
    if (frame.length < HEADER) {
      return this.#abort(
        "protocol",
        `a frame of ${frame.length} bytes has no header`,
      );
    }
    try {
      if (this.#state === "open") this.#dispatch(frame);
      else this.#receiveEarly(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#abort("protocol", error.message);
    }
    if (this.#options.sink.unsent >= this.#link.limits.unsentHard) {
      this.#abort("unsent", "the peer sends more than it reads");
    }
  }

  #receiveEarly(frame: Uint8Array): void {
    const kind = frame[0];
    if (this.#state === "authenticating") return this.#keepEarly(frame);
    if (kind === Kind.HELLO) return this.#receiveHello(frame);
    if (kind === Kind.GOAWAY && this.#state === "greeting") {
      return this.#receiveGoaway(frame);
    }
    this.#abort(
      "protocol",
      `the first frame is of kind ${kind}; it must be HELLO`,
    );
  }

  /** Nothing behind HELLO is looked at until authentication has settled. */
  #keepEarly(frame: Uint8Array): void {
    this.#earlyBytes += frame.length + 64;
    if (this.#earlyBytes > MAX_EARLY_BYTES) {
      return this.#abort(
        "flow-control",
        "more was sent during authentication than the initial credit allows",
      );
    }
    this.#early.push(frame.slice());
  }

  #dispatch(frame: Uint8Array): void {
    const kind = frame[0]!; // in range: frames have a header
    const id = readId(frame);
    switch (kind) {
      case Kind.REQUEST:
      case Kind.NOTIFY:
        return this.#callee.receiveRequest(kind, id, frame);
      case Kind.RESULT:
      case Kind.ERROR:
        this.#requireOwner(kind, id, true);
        this.#caller.receiveReply(kind, id, frame);
        return this.#checkDrained();
      case Kind.ITEM:
        return this.#isOurs(id)
          ? this.#caller.receiveItem(id, frame)
          : this.#callee.receiveItem(id, frame);
      case Kind.CREDIT:
        return this.#isOurs(id)
          ? this.#caller.receiveCredit(id, frame)
          : this.#callee.receiveCredit(id, frame);
      case Kind.END:
        this.#requireOwner(kind, id, false);
        return this.#callee.receiveEnd(id);
      case Kind.CANCEL:
        this.#requireOwner(kind, id, false);
        return this.#callee.receiveCancel(id, frame);
      default:
        return this.#receiveSessionFrame(kind, id, frame);
    }
  }

  #receiveSessionFrame(kind: number, id: number, frame: Uint8Array): void {
    const flags = frame[1]!; // in range: frames have a header
    switch (kind) {
      case Kind.WINDOW:
        return this.#receiveWindow(frame);
      case Kind.PING:
        return this.#receivePing(frame);
      case Kind.PONG:
        return this.#receivePong(frame);
      case Kind.GOAWAY:
        return this.#receiveGoaway(frame);
      case Kind.AUTH:
        return this.#receiveAuth(id, flags, frame);
      case Kind.HELLO:
        throw new MalformedError("HELLO came a second time");
      default:
        if ((flags & Flag.IGNORABLE) !== 0) this.#link.stats.ignoredFrames++;
        else this.#abort("protocol", `a frame is of the unknown kind ${kind}`);
    }
  }

  /** Odd ids are the dialler's. */
  #isOurs(id: number): boolean {
    return (id % 2 === 1) === (this.#options.role === "dialler");
  }

  /** Callers end and cancel, callees answer: never the other way round. */
  #requireOwner(kind: number, id: number, ours: boolean): void {
    if (this.#isOurs(id) === ours) return;
    throw new MalformedError(
      `a frame of kind ${kind} came from the wrong side of call ${id}`,
    );
  }

  #receiveWindow(frame: Uint8Array): void {
    const amount = creditOf(frame);
    if (amount === 0 || this.#caller.credit + amount > 2 ** 31 - 1) {
      return this.#abort(
        "flow-control",
        `the connection was granted ${amount}`,
      );
    }
    this.#caller.credit += amount;
    this.#caller.drain();
    if (this.mayNotify) this.#options.host.onRoom();
  }

  #receivePing(frame: Uint8Array): void {
    if (frame.length !== HEADER + 8) {
      throw new MalformedError("the body of a PING is not 8 bytes");
    }
    if (!this.#pings.take(this.#link.now)) {
      return this.#abort(
        "too-many",
        `more than ${this.#link.limits.pingsPerSecond} PINGs a second came`,
      );
    }
    this.#link.writer.frame(Kind.PONG, 0, 0, frame.subarray(HEADER));
  }

  #receivePong(frame: Uint8Array): void {
    if (frame.length !== HEADER + 8) {
      throw new MalformedError("the body of a PONG is not 8 bytes");
    }
    const count = getU48(frame, HEADER);
    if (count === this.#pingCount) this.#liveness.ponged(this.#link.now);
    if (count === this.#drainPing) this.#settleDrain();
  }

  #sendPing(): void {
    const body = new Uint8Array(8);
    putU48(body, 0, ++this.#pingCount);
    this.#link.writer.frame(Kind.PING, 0, 0, body);
  }

  #receiveAuth(id: number, flags: number, frame: Uint8Array): void {
    if ((flags & Flag.REPLY) !== 0) return this.#options.host.onRefreshed(id);
    if (this.#options.role === "dialler") {
      return this.#abort("protocol", "only the dialler sends credentials");
    }
    let credentials: unknown;
    try {
      credentials = this.codec.decode(frame.subarray(HEADER));
    } catch (error) {
      return this.#abort(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    this.#options.host.onRefresh(id, credentials);
  }

  /** The transport took bytes: what waited for room may leave. */
  written(now: number): void {
    this.#link.now = now;
    if (this.#state === "closed") return;
    this.#liveness.written(now, this.#options.sink.unsent);
    this.#callee.drain();
    this.#link.writer.drain();
    this.#caller.drain();
    wakeBlocked(this.#link);
    if (this.mayNotify) this.#options.host.onRoom();
    this.#checkDrained();
  }

  /** The peer's bytes make no frames. */
  framingFailed(message: string, now: number): void {
    this.#link.now = now;
    this.#abort("protocol", message);
  }

  /** The peer has ended its stream, or the transport has failed. */
  inputEnded(cause: unknown, now: number): void {
    this.#link.now = now;
    if (this.#state === "closed") return;
    if (
      cause === undefined && this.#peerDrains && this.#caller.calls.size === 0
    ) {
      return this.#finish(undefined);
    }
    const why = cause === undefined
      ? "the peer ended the connection"
      : messageOf(cause);
    this.#finish(
      new SessionError("disconnected", `The connection is gone: ${why}`, {
        cause,
      }),
    );
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#link.now = now;
    if (this.#state === "closed") return;
    this.#link.wheel.advance(now);
    if (now >= this.#deadline) return this.#timeUp();
    if (this.#state !== "open") return;
    const { heartbeat, heartbeatMisses, writeStall } = this.#link.limits;
    switch (this.#liveness.check(now, this.#options.sink.unsent)) {
      case "ping":
        return this.#sendPing();
      case "silent":
        return this.#abort(
          "timeout",
          `the peer was silent for ${heartbeat * (heartbeatMisses + 1)} ms`,
        );
      case "stalled":
        return this.#abort(
          "unsent",
          `the peer took no byte for ${writeStall} ms`,
        );
    }
  }

  #timeUp(): void {
    if (this.#drainStage === "none") {
      return this.#abort(
        "timeout",
        `the handshake took more than ${this.#link.limits.handshakeTimeout} ms`,
      );
    }
    this.#deadline = Infinity;
    this.#drainOver();
  }

  // ── calls ──────────────────────────────────────────────────────────────

  /**
   * Begins a call.
   *
   * @throws {CallError} `unavailable`, `unimplemented`, `overloaded`, `too-large`
   * @throws {CodecError} for an input that has no encoding
   */
  call(options: OpenOptions, now: number): OutgoingCall {
    this.#link.now = now;
    this.#checkServed(options.method, options.info.name);
    return this.#caller.open(options);
  }

  /**
   * Sends a notification; errors as {@linkcode Session.call}.
   */
  notify(
    options: Omit<OpenOptions, "observer" | "timeout">,
    now: number,
  ): void {
    this.#link.now = now;
    this.#checkServed(options.method, options.info.name);
    this.#caller.notify(options);
  }

  #checkServed(method: number, name: string): void {
    const mismatch = this.peer?.mismatches.find((one) =>
      one.method === method && one.reason !== "schema"
    );
    if (mismatch === undefined) return;
    const why = mismatch.reason === "missing"
      ? "does not serve it"
      : "serves it in another shape";
    throw new CallError(
      "unimplemented",
      `Cannot call ${name}: the other side ${why}`,
      {
        method: name,
        processed: "no",
      },
    );
  }

  /** Whether a notification may leave now without piling up; if not, the host is told when. */
  get mayNotify(): boolean {
    return this.#state === "open" && this.#caller.mayNotify;
  }

  /**
   * Sends a notification whose body has been encoded before, by this session's
   * codec; errors as {@linkcode Session.call}.
   */
  notifyEncoded(
    message: { method: number; info: MethodInfo; body: Uint8Array },
    now: number,
  ): void {
    this.#link.now = now;
    this.#caller.notifyEncoded(message.method, message.info, message.body);
  }

  /** Ends the connection because of what the peer does, as a fault of the protocol would. */
  expel(code: SessionErrorCode, message: string, now: number): void {
    this.#link.now = now;
    this.#abort(code, message);
  }

  /** Whether an item may be sent now; if not, the observer is told when. */
  maySendItem(call: StreamCall): boolean {
    return maySendItem(this.#link, call);
  }

  /** Sends an item; {@linkcode Session.maySendItem} has said that it may. */
  sendItem(call: StreamCall, value: unknown, now: number): void {
    this.#link.now = now;
    sendItem(this.#link, call, value);
  }

  /** The next item, or `undefined`: the observer is told of it when it comes. */
  takeItem(call: StreamCall, now: number): Uint8Array | undefined {
    this.#link.now = now;
    return takeItem(this.#link, call);
  }

  /** Drops the items of a call of the peer's: its handler wants no more. */
  dropItems(call: IncomingCall, now: number): void {
    this.#link.now = now;
    this.#callee.dropItems(call);
  }

  /** Ends our items of a call that we made. */
  endItems(call: OutgoingCall, now: number): void {
    this.#link.now = now;
    this.#caller.endItems(call);
  }

  /** Cancels a call that we made. */
  cancel(
    call: OutgoingCall,
    reason: {
      code: "cancelled" | "deadline";
      message: string;
      cause?: unknown;
    },
    now: number,
  ): void {
    this.#link.now = now;
    this.#caller.giveUp(call, reason.code, reason.message, reason.cause);
  }

  /** Ends a call of the peer's with its result. */
  respond(
    call: IncomingCall,
    value: unknown,
    now: number,
    fields: Uint8Array = NO_FIELDS,
  ): void {
    this.#link.now = now;
    this.#callee.respond(call, value, fields);
    this.#checkDrained();
  }

  /** Ends a call of the peer's with an error. */
  fail(call: IncomingCall, error: CallError, now: number): void {
    this.#link.now = now;
    this.#callee.fail(call, error);
    this.#checkDrained();
  }

  // ── credentials ────────────────────────────────────────────────────────

  /**
   * Sends new credentials (dialler).
   *
   * @returns the id under which {@linkcode SessionHost.onRefreshed} is called
   */
  refresh(credentials: unknown, now: number): number {
    this.#link.now = now;
    const id = ++this.#refreshId;
    this.#link.writer.frame(Kind.AUTH, 0, id, this.codec.encode(credentials));
    return id;
  }

  /** Says that the new credentials hold (listener). */
  refreshed(id: number, now: number): void {
    this.#link.now = now;
    this.#link.writer.frame(Kind.AUTH, Flag.REPLY, id);
  }

  /** Says that the new credentials do not hold (listener): the connection ends. */
  rejectRefresh(message: string, now: number): void {
    this.#link.now = now;
    this.#abort("unauthenticated", message);
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /**
   * Drains: nothing new is begun, what is in flight may end within the grace.
   * GOAWAY, one round trip, GOAWAY with the last id taken.
   */
  drain(now: number): void {
    this.#link.now = now;
    if (this.#state === "closed" || this.#drainStage !== "none") return;
    this.#deadline = now + this.#link.limits.drainGrace;
    this.#drainStage = "announced";
    this.#caller.refuseAbove(MAX_ID, unavailable("this side is draining"));
    if (this.#state !== "open") return this.#drainOver();
    this.#sendGoaway("none", MAX_ID, "draining");
    this.#sendPing();
    this.#drainPing = this.#pingCount;
  }

  #settleDrain(): void {
    if (this.#drainStage !== "announced") return;
    this.#drainStage = "settled";
    this.#callee.lastAllowed = this.#callee.lastTaken;
    this.#sendGoaway("none", this.#callee.lastTaken, "draining");
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#drainStage !== "settled" || this.#options.sink.unsent > 0) return;
    const { outgoing, incoming } = this.inFlight;
    if (outgoing === 0 && incoming === 0) this.#drainOver();
  }

  #drainOver(): void {
    this.#drainStage = "over";
    this.#deadline = Infinity;
    this.#options.host.onDrained();
  }

  /** Says goodbye and ends at once: calls in flight fail. */
  close(now: number): void {
    this.#link.now = now;
    if (this.#state === "closed") return;
    if (this.#state !== "new") {
      this.#sendGoaway("none", this.#callee.lastTaken, "closed");
    }
    this.#finish(undefined);
  }

  #sendGoaway(code: SessionErrorCode, lastId: number, message: string): void {
    const text = new TextEncoder().encode(message);
    const body = new Uint8Array(7 + text.length);
    body[0] = SESSION_ERROR_CODES.indexOf(code);
    putU48(body, 1, lastId);
    body.set(text, 7);
    this.#link.writer.frame(Kind.GOAWAY, 0, 0, body);
  }

  #receiveGoaway(frame: Uint8Array): void {
    if (frame.length < HEADER + 7) throw new MalformedError("GOAWAY is cut");
    const code = SESSION_ERROR_CODES[frame[HEADER]!] ?? "internal"; // in range; a later code is a failure all the same
    const lastId = getU48(frame, HEADER + 1);
    const text = new TextDecoder().decode(frame.subarray(HEADER + 7));
    this.#peerDrains = true;
    if (code === "none") {
      this.#caller.refuseAbove(
        lastId,
        unavailable(`the other side is ${text}`),
      );
      return this.#options.host.onPeerDraining();
    }
    this.#caller.refuseAbove(lastId, unavailable(text));
    this.#finish(
      new SessionError(code, `The other side ended the connection: ${text}`, {
        remote: true,
      }),
    );
  }

  /** A fault of the peer's that the connection does not survive. */
  #abort(code: SessionErrorCode, message: string): void {
    if (this.#state === "closed") return;
    this.#sendGoaway(code, this.#callee.lastTaken, message);
    this.#finish(
      new SessionError(code, `The connection was ended: ${message}`),
    );
  }

  #finish(error: SessionError | undefined): void {
    const message = error?.message ?? "The connection was closed";
    this.#state = "closed";
    this.#early = [];
    const gone = new CallError("disconnected", message, { cause: error });
    this.#caller.end(gone);
    this.#callee.end(
      this.#drainStage === "over" ? "drained" : "disconnected",
      message,
    );
    this.#link.writer.close();
    this.#options.host.onEnded(error);
  }
}

function unavailable(why: string): CallError {
  return new CallError("unavailable", `Cannot call: ${why}`, {
    processed: "no",
    retry: "now",
  });
}

export type { CallerObserver, IncomingCall, OutgoingCall };
