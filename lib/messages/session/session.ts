/**
 * One end of a connection as a pure state machine: frames and commands in,
 * frames and events out. It never waits, never reads a clock, and throws only
 * the errors that its commands document. `control/session_state.ts` contains a
 * diagram of its states, and `calls/call_state.ts` one of a call's states.
 *
 * {@linkcode Session.enter} is the only way in: it sets the session's time and
 * returns its inputs and commands. Afterwards, read {@linkcode Session.wakeAt}
 * and call `tick` at that time.
 *
 * | through `enter(now)` | names |
 * | --- | --- |
 * | inputs | `receive`, `readSome`, `written`, `inputEnded`, `outputFailed`, `framingFailed`, `tick` |
 * | handshake and end | `start`, `accept`, `refuse`, `refresh`, `drain`, `close`, `restrict`, `expel` |
 * | links | `resume`, `endResumption`, `handOver` |
 * | calls to the peer | `outgoing`: `open`, `notify`, `notifyEncoded`, `endItems`, `giveUp` |
 * | the peer's calls | `incoming.responses`: `respond`, `fail` |
 * | a call's items | `shared`, for the functions in `flow/` |
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { SessionError, type SessionErrorCode } from "../errors/call_error.ts";
import { sessionUnavailable } from "./calls/call_failures.ts";
import type { IncomingCalls } from "./calls/incoming_calls.ts";
import { OutgoingCalls } from "./calls/outgoing_calls.ts";
import type { PeerCalls } from "./calls/peer_calls.ts";
import { RefusedCalls } from "./calls/refused_calls.ts";
import { decodeCredentials, NO_CREDENTIALS } from "./control/credentials.ts";
import { CredentialRefresh } from "./control/credential_refresh.ts";
import {
  Handshake,
  HandshakeRefusal,
  type HelloEntries,
  MAX_EARLY_BYTES,
} from "./control/handshake.ts";
import type { DrainOptions } from "./control/drain.ts";
import { Heartbeat } from "./control/heartbeat.ts";
import { Lifecycle, type LifecycleParts } from "./control/lifecycle.ts";
import { servedMethods, unservedMethods } from "./control/method_matching.ts";
import { Ping } from "./control/ping.ts";
import { RECEPTION, type SessionState } from "./control/session_state.ts";
import { FrameLog } from "./flow/frame_log.ts";
import { FrameWriter } from "./flow/frame_writer.ts";
import type { LinkSink } from "./resume/resumable_sink.ts";
import type { SessionResumption } from "./resume/session_resumption.ts";
import type { SessionCounters } from "./flow/counters.ts";
import { SharedState, type SharedStateOwner } from "./flow/shared_state.ts";
import { FrameDispatcher, type FrameReceivers } from "./frame_dispatcher.ts";
import { heldByKind, heldBytes, ownBytes } from "./held_memory.ts";
import { type SessionFigures, trafficOf } from "./session_figures.ts";
import type { SessionConfig } from "./session_host.ts";
import { HEADER, Kind, readId } from "./wire/frame_header.ts";
import { Feature } from "./wire/features.ts";
import type { Goaway } from "./wire/goaway.ts";
import type { Hello } from "./wire/hello.ts";
import type { ResumePoint, SessionToken } from "./wire/resumption.ts";
import type { SessionLimits } from "./wire/limits.ts";
import { MalformedError } from "./wire/malformed_error.ts";

/** The state of a session that can be read without entering it. */
export interface SessionView {
  /** The current state. */
  readonly state: SessionState;
  /** The peer's HELLO; `undefined` until it arrives. */
  readonly peer: Hello | undefined;
  /** Features in use, which both ends offer; see `Feature`. */
  readonly features: number;
  /** The codec of all bodies. */
  readonly codec: MessageCodec;
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Counters of dropped, refused and malformed traffic. */
  readonly stats: SessionCounters;
  /** The frames that were sent and received. */
  readonly log: FrameLog;
  /** Returns the figures of the session; times are on its clock. */
  figures(): SessionFigures;
  /** Round-trip time of the last answered PING, ms. */
  readonly roundTrip: number | undefined;
  /** Whether a value is being encoded; no commands are allowed while it is. */
  readonly encoding: boolean;
  /** Whether a notification can be sent now without being queued. */
  readonly mayNotify: boolean;
  /** Position up to which this side has read the peer's frames. */
  readonly received: number;
  /** Whether a frame has arrived on the current link. */
  readonly heard: boolean;
  /** Number of links in a row that lasted less than 10 s. */
  readonly shortLinks: number;
  /** Bytes of the frames that were kept during authentication. */
  readonly heldEarly: number;
  /**
   * Returns why the session cannot be resumed, or `undefined`.
   *
   * @param peer positions of the frames that the peer has received and kept
   */
  obstacle(peer: ResumePoint): string | undefined;
  /**
   * Whether this side has sent a GOAWAY; see {@linkcode Lifecycle.sentGoaway}.
   */
  readonly sentGoaway: boolean;
  /** Time in ms at which {@linkcode Session.tick} must be called next. */
  readonly wakeAt: number;
}

/** One end of a connection. */
export class Session
  implements SessionView, SharedStateOwner, LifecycleParts, FrameReceivers {
  /** State that the parts share. */
  readonly shared: SharedState;
  /** The calls that this side makes. */
  readonly outgoing: OutgoingCalls;
  readonly #incoming: PeerCalls;
  /** The credential refreshes. */
  readonly credentialRefresh: CredentialRefresh;
  /** @inheritdoc */
  readonly handshake: Handshake;
  /** @inheritdoc */
  readonly ping: Ping;
  /** Positions and kept frames; `undefined` if this side resumes no session. */
  readonly resumption: SessionResumption | undefined;
  /** @inheritdoc */
  peer: Hello | undefined = undefined;
  readonly #config: SessionConfig;
  readonly #lifecycle: Lifecycle;
  readonly #heartbeat: Heartbeat;
  readonly #dispatcher: FrameDispatcher;
  /** Milliseconds from a client's HELLO to the server's, with authentication. */
  #helloTrip: number | undefined = undefined;
  #startedAt = NaN;
  /** Whether the client wants to resume another session. */
  #wantsResumption = false;
  /** Times in ms; `NaN` before the event. */
  #openedAt = NaN;
  #readAt = NaN;
  #writtenAt = NaN;

  /** @param config the session's parts and limits */
  constructor(config: SessionConfig) {
    const { role, sink, codecs, limits, host, methods, now } = config;
    const isClient = role === "client";
    this.#config = config;
    const shared = this.shared = new SharedState(
      new FrameWriter(sink, codecs[0], limits, new FrameLog(config.recorder)),
      limits,
      this,
      config.budget,
    );
    shared.now = now;
    shared.writer.log.clock = shared;
    this.outgoing = new OutgoingCalls(shared, isClient ? 1 : 2, host);
    const firstId = isClient ? 2 : 1;
    const { calls, budget } = config;
    this.#incoming = calls === undefined
      ? new RefusedCalls(shared, firstId)
      : new calls(shared, firstId, host, methods.sizes, budget);
    this.credentialRefresh = new CredentialRefresh(shared, host, config);
    this.handshake = new Handshake(shared, config);
    this.#heartbeat = new Heartbeat(limits, now);
    this.ping = new Ping(shared);
    this.resumption = config.resume;
    const state = isClient ? "new" : "waiting";
    this.#lifecycle = new Lifecycle(state, this, host);
    this.#dispatcher = new FrameDispatcher(shared, isClient, this);
  }

  /**
   * Sets the session's time and returns its inputs and commands.
   *
   * @param now the current time in ms, from any origin
   */
  enter(now: number): this {
    this.shared.now = now;
    return this;
  }

  /** The calls that the peer makes, for their handlers. */
  get incoming(): IncomingCalls {
    return this.#incoming as IncomingCalls; // there are handlers only if this side serves methods
  }

  // ── readable state ─────────────────────────────────────────────────────

  /** @inheritdoc */
  get state(): SessionState {
    return this.#lifecycle.state;
  }

  /** @inheritdoc */
  get sentGoaway(): boolean {
    return this.#lifecycle.sentGoaway;
  }

  /** @inheritdoc */
  get stats(): SessionCounters {
    return this.shared.stats;
  }

  /** @inheritdoc */
  get log(): FrameLog {
    return this.shared.writer.log;
  }

  /** @inheritdoc */
  get features(): number {
    return this.shared.features;
  }

  /** @inheritdoc */
  get codec(): MessageCodec {
    return this.shared.writer.codec;
  }

  /** @inheritdoc */
  get limits(): SessionLimits {
    return this.shared.limits;
  }

  /** @inheritdoc */
  get roundTrip(): number | undefined {
    return this.ping.roundTrip;
  }

  /** @inheritdoc */
  get encoding(): boolean {
    return this.shared.writer.encoding;
  }

  /** @inheritdoc */
  get mayNotify(): boolean {
    return this.outgoing.mayNotify;
  }

  /** @inheritdoc */
  get wakeAt(): number {
    if (this.state === "closed") return Infinity;
    const { timerWheel, linkTime, now, writer } = this.shared;
    const wakeAt = Math.min(
      this.#lifecycle.handshakeDeadline,
      this.#lifecycle.drain.deadline,
      this.#lifecycle.closeDeadline,
      timerWheel.wakeAt,
      linkTime.wakeAt,
    );
    if (this.state === "cut") {
      return Math.min(wakeAt, this.resumption?.wakeAt ?? Infinity);
    }
    if (this.state !== "open") return wakeAt;
    this.#heartbeat.watch(now, writer);
    this.#expectReplies();
    const alive = Math.min(wakeAt, this.#heartbeat.wakeAt);
    return this.resumption === undefined
      ? alive
      : Math.min(alive, this.resumption.wakeAt);
  }

  #expectReplies(): void {
    this.#heartbeat.expect(
      this.shared.now,
      this.outgoing.calls.size > 0,
      this.ping.roundTrip ?? this.#helloTrip,
    );
  }

  /**
   * Heap bytes that the session holds for its peer. Its own objects do not count.
   */
  get held(): number {
    return heldBytes(this, this.state === "closed");
  }

  /** The part of `held` that the calls of this side take. */
  get heldByOwnCalls(): number {
    return ownBytes(this, this.state === "closed");
  }

  /** Returns the figures of the session; times are on its clock. */
  figures(): SessionFigures {
    const { shared } = this;
    const { itemsInUse, limits } = shared;
    return {
      ...trafficOf(shared),
      openedAt: this.#openedAt,
      lastSentAt: this.#writtenAt,
      lastReceivedAt: this.#readAt,
      roundTrip: this.roundTrip,
      credit: {
        requests: shared.requestCredit.available,
        notifications: shared.notifyCredit.available,
        items: shared.itemCredit.available,
      },
      creditGranted: {
        ...this.#incoming.creditGranted,
        items: itemsInUse?.credit.available ?? limits.itemsWindow,
      },
      windowLeft: itemsInUse?.raises.pool.left ?? limits.itemsWindow,
      maxCalls: limits.maxCalls,
      restricted: shared.refusesCalls,
      unsentBytes: shared.writer.unsent,
      heldBytes: this.held,
      held: heldByKind(this, this.state === "closed"),
    };
  }

  /** Refuses new calls and grants no credit, or stops doing so. */
  restrict(restricted: boolean): void {
    if (this.state === "closed") return;
    const { shared } = this;
    shared.refusesCalls = restricted;
    this.#incoming.pause(restricted);
    shared.itemsInUse?.pause(restricted);
  }

  // ── handshake ──────────────────────────────────────────────────────────

  /**
   * Sends HELLO (client only).
   *
   * @param credentials passed to the server's authentication; optional
   * @param entries whether the session is secondary, and another session, which
   * the server shall resume
   * @throws {CodecError} if the codec cannot encode the credentials
   * @throws {RangeError} if the HELLO exceeds the limit `maxHello`
   */
  start(credentials: unknown, entries: HelloEntries = {}): void {
    if (this.state !== "new") return;
    this.#wantsResumption = entries.resume !== undefined;
    this.handshake.sendClientHello(credentials, entries);
    this.#lifecycle.on("start");
    this.#startedAt = this.shared.now;
    // With several codecs, the server's HELLO chooses the one for calls.
    if (this.#config.codecs.length === 1) this.outgoing.permit();
  }

  /** Handles a frame that must be HELLO. @throws {MalformedError} */
  #receiveHello(frame: Uint8Array): void {
    if (frame[0] !== Kind.HELLO) {
      throw new MalformedError(
        `the first frame has kind ${
          frame[0]
        }; expected HELLO (kind ${Kind.HELLO})`,
      );
    }
    const hello = this.handshake.receiveHello(frame);
    if (hello instanceof HandshakeRefusal) {
      return this.#lifecycle.abort(hello.code, hello.message);
    }
    if (hello.resumed !== undefined) {
      return this.#handResumed(hello.resumed, hello.token);
    }
    const { methods } = this.#config;
    this.peer = hello;
    this.#incoming.methods = servedMethods(hello.methods, methods);
    this.outgoing.unserved = unservedMethods(hello, methods);
    this.#lifecycle.on("hello");
    if (this.state === "open") this.#open(hello, hello.token);
    else if (this.state === "closing") this.outgoing.applyPeerLimits(hello);
    else this.#authenticate(hello);
  }

  /** @throws {MalformedError} if the client did not ask for it */
  #handResumed(point: ResumePoint, token: SessionToken | undefined): void {
    if (!this.#wantsResumption || token === undefined) {
      throw new MalformedError(
        "HELLO resumes a session that this side did not want to resume, or has no token",
      );
    }
    this.#config.host.onResumed(point, token);
  }

  #authenticate(hello: Hello): void {
    let credentials = NO_CREDENTIALS;
    try {
      if (this.#config.checksCredentials && hello.auth !== undefined) {
        credentials = decodeCredentials(
          this.codec,
          hello.auth,
          this.limits,
        );
      }
    } catch (error) {
      return this.#lifecycle.abort(
        "unauthenticated",
        `the credentials are malformed: ${messageOf(error)}`,
      );
    }
    this.#config.host.onAuthenticate(hello, credentials);
  }

  /**
   * Accepts the client (server only): sends HELLO, then handles the frames that
   * were kept during authentication.
   *
   * @param entries where outcomes are stored, a token for resuming the session,
   * and why another one was not resumed
   */
  accept(entries: HelloEntries = {}): void {
    const hello = this.peer;
    if (this.state !== "authenticating" || hello === undefined) return;
    try {
      this.handshake.sendServerHello(hello, entries);
    } catch (error) {
      return this.#lifecycle.abort("internal", messageOf(error));
    }
    this.#lifecycle.on("accept");
    this.#open(hello, entries.token);
    const { now } = this.shared;
    for (const { frame, receivedAt } of this.handshake.takeEarly()) {
      this.enter(receivedAt).#handle(frame); // recorded when it arrived
    }
    this.enter(now);
    this.#lifecycle.inputEndedEarly();
  }

  /** Rejects the client with `unauthenticated` (server only). */
  refuse(message: string): void {
    if (this.state === "authenticating") {
      this.#lifecycle.abort("unauthenticated", message);
    }
  }

  #open(hello: Hello, token: SessionToken | undefined): void {
    this.#lifecycle.handshakeDeadline = Infinity;
    this.#heartbeat.read(this.shared.now);
    if (hello.role === "server") {
      this.#helloTrip = this.shared.now - this.#startedAt;
    }
    this.outgoing.permit();
    this.outgoing.applyPeerLimits(hello);
    this.#beginResumption(hello, token);
    this.#openedAt = this.shared.now;
    this.#config.host.onOpened(hello);
    this.#lifecycle.outputFailedEarly();
  }

  // ── links ──────────────────────────────────────────────────────────────

  /** Keeps frames from now on, if both ends resume sessions. */
  #beginResumption(hello: Hello, token: SessionToken | undefined): void {
    const resumption = this.resumption;
    if (resumption === undefined) return;
    const agreed = (this.shared.features & Feature.RESUME) !== 0;
    if (!agreed || token === undefined) return resumption.sink.stopKeeping();
    resumption.begin(token.grace, hello, this.limits);
    this.ping.position = () => resumption.sink.passedPosition;
  }

  /** @inheritdoc */
  get received(): number {
    return this.resumption?.received ?? 0;
  }

  /** @inheritdoc */
  get heldEarly(): number {
    return this.handshake.heldEarly;
  }

  /** Whether the session goes on after a cut. */
  get mayResume(): boolean {
    return (this.state === "open" || this.state === "cut") &&
      !this.#lifecycle.draining && this.resumption?.possible === true;
  }

  /**
   * Returns the content of a RESUME for this session.
   *
   * @param generation number of the attempt
   */
  resumePoint(generation: number): ResumePoint {
    return this.resumption?.point(generation) ??
      { generation, received: 0, firstKept: 1 };
  }

  /**
   * Waits for another link, if the session may be resumed.
   *
   * @returns whether it waits; otherwise, the session must end
   */
  #cut(reason: SessionError): boolean {
    const resumption = this.resumption;
    if (this.state !== "open" || resumption === undefined) return false;
    if (!this.mayResume) return false;
    this.#lifecycle.on("cut");
    resumption.cut(this.shared.now, reason);
    this.shared.linkTime.cut();
    this.#restartTimers();
    this.ping.restart();
    this.#config.host.onCut(reason);
    return true;
  }

  /** Stops or restarts what waits for the peer: it cannot act without a link. */
  #restartTimers(): void {
    this.outgoing.restartTimers();
    this.#incoming.restartTimer();
  }

  /** @inheritdoc */
  get heard(): boolean {
    return this.resumption?.heard ?? false;
  }

  /** @inheritdoc */
  get shortLinks(): number {
    return this.resumption?.shortLinks ?? 0;
  }

  /** @inheritdoc */
  obstacle(peer: ResumePoint): string | undefined {
    return this.mayResume ? this.resumption?.obstacle(peer) : "it has ended";
  }

  /**
   * Continues on another link. Sends a server's HELLO, and then the frames that
   * the peer lacks. A link that is still in use is lost first.
   *
   * @param link the new link
   * @param peer positions of the frames that the peer has received and kept; the
   * session has no {@linkcode Session.obstacle} there
   * @param hello entries of the server's HELLO (server only)
   */
  resume(link: LinkSink, peer: ResumePoint, hello?: HelloEntries): void {
    const resumption = this.resumption;
    this.#cut(lost("the client resumes the session on another one"));
    if (resumption === undefined || this.state !== "cut") return;
    const { now, linkTime, writer } = this.shared;
    resumption.sink.attach(link);
    if (hello !== undefined && this.peer !== undefined) {
      const resumed = resumption.point(peer.generation);
      try {
        this.handshake.sendServerHello(this.peer, { ...hello, resumed });
      } catch (error) {
        return this.endResumption(messageOf(error));
      }
    }
    resumption.resume(now, peer);
    linkTime.resume();
    this.#restartTimers();
    this.#heartbeat.restart(now);
    this.shared.itemsInUse?.raises.restart();
    this.#lifecycle.resume();
    // Shows the server that its HELLO has arrived.
    if (hello === undefined) writer.frame(Kind.ACK, 0, 0, resumption.ack());
    this.written();
  }

  /**
   * Ends a session that has lost its link.
   *
   * @param why why it is not resumed, or the error with which it ends
   * @param received position up to which the server has read, if that is known;
   * calls whose requests follow it fail as not processed
   */
  endResumption(why: string | SessionError, received?: number): void {
    if (this.state !== "open" && this.state !== "cut") return;
    if (received !== undefined) this.resumption?.sink.endedAt(received);
    const cause = this.resumption?.cause;
    const error = why instanceof SessionError
      ? why
      : new SessionError(`The session could not be resumed: ${why}`, {
        code: "resume-lost",
        cause,
      });
    this.#lifecycle.fail(error);
  }

  /**
   * Ends this side silently, because another session goes on with its link.
   */
  handOver(): void {
    this.#lifecycle.handOver();
  }

  /** Acknowledges frames, and ends a session that has waited for too long. */
  #tickResumption(resumption: SessionResumption): void {
    if (this.state !== "open" && this.state !== "cut") return;
    if (resumption.sink.overflowed) {
      return this.endResumption("too many frames wait for the peer");
    }
    if (this.state === "open") return this.#acknowledge(resumption);
    if (this.shared.now < resumption.deadline) return;
    this.#lifecycle.fail(resumption.cause ?? lost(undefined));
  }

  #acknowledge(resumption: SessionResumption): void {
    const ack = resumption.takeAck(this.shared.now);
    if (ack !== undefined) this.shared.writer.frame(Kind.ACK, 0, 0, ack);
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /**
   * Handles the end of a turn: bytes were read, whether or not they complete a frame.
   */
  readSome(): void {
    this.#readAt = this.shared.now;
    this.#heartbeat.read(this.shared.now);
    this.#incoming.turnEnded();
  }

  /** Handles one frame; its bytes are valid during this call only. */
  receive(frame: Uint8Array): void {
    if (this.state === "closed") return;
    this.#record(frame);
    this.#handle(frame);
  }

  #handle(frame: Uint8Array): void {
    if (this.state === "closed") return;
    try {
      if (this.state === "open") this.#receiveOpen(frame);
      else this.#receiveEarly(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#lifecycle.abort("protocol", error.message);
    }
    this.#lifecycle.continueEnding();
    if (this.#newlyUnsent >= this.shared.limits.unsentHard) {
      this.#lifecycle.abort(
        "unsent",
        `${this.shared.writer.unsent} bytes were sent but not read (limit unsentHard, ${this.shared.limits.unsentHard})`,
      );
    }
  }

  #record(frame: Uint8Array): void {
    if (frame.length < HEADER) return;
    const length = frame.length - HEADER;
    const { log } = this.shared.writer;
    log.add(false, frame[0]!, frame[1]!, readId(frame), length); // in range
  }

  /** Unsent bytes, except for frames that a resumption sends again. */
  get #newlyUnsent(): number {
    const { unsent } = this.shared.writer;
    const resumption = this.resumption;
    return resumption === undefined
      ? unsent
      : unsent - resumption.sink.replaying;
  }

  /** @throws {MalformedError} */
  #receiveOpen(frame: Uint8Array): void {
    if (this.resumption?.inUse) this.#count(this.resumption, frame);
    this.#dispatcher.receive(frame);
    this.#incoming.resumeGate(); // CREDIT may have let items leave
  }

  /** Counts a frame, and acknowledges it if that is due. @throws {MalformedError} */
  #count(resumption: SessionResumption, frame: Uint8Array): void {
    this.#dispatcher.checkLength(frame);
    resumption.count(frame, this.shared.now);
    this.#acknowledge(resumption);
  }

  // ── events of the parts ────────────────────────────────────────────────

  /** @inheritdoc */
  fail(code: SessionErrorCode, message: string): void {
    this.#lifecycle.abort(code, message);
  }

  /** @inheritdoc */
  sendPing(): number {
    return this.ping.send();
  }

  /** @inheritdoc */
  onCallEnded(): void {
    this.#lifecycle.finishDrainIfIdle();
    this.#lifecycle.continueEnding();
  }

  /** @inheritdoc */
  onPong(number: number): void {
    this.resumption?.acknowledge(this.ping.answeredPosition);
    this.#lifecycle.drain.onPong(number);
    this.shared.itemsInUse?.raises.onPong(number);
  }

  /** @inheritdoc */
  onGoaway(goaway: Required<Goaway>): void {
    this.#lifecycle.receiveGoaway(goaway);
  }

  /** @inheritdoc */
  onAck(frame: Uint8Array): boolean {
    if (!this.resumption?.inUse) return false;
    this.resumption.receiveAck(frame);
    return true;
  }

  /** @throws {MalformedError} */
  #receiveEarly(frame: Uint8Array): void {
    this.#dispatcher.checkLength(frame);
    switch (RECEPTION[this.state]) {
      case "hello-or-goaway":
        if (frame[0] === Kind.GOAWAY) return this.#dispatcher.receive(frame);
        return this.#receiveHello(frame);
      case "hello":
        return this.#receiveHello(frame);
      case "session-frames":
        if (this.peer === undefined && frame[0] === Kind.HELLO) {
          return this.#receiveHello(frame);
        }
        return this.#dispatcher.receiveForSession(frame);
      case "keep":
        if (this.handshake.keepEarly(frame)) return;
        return this.#lifecycle.abort(
          "flow-control",
          `more than ${MAX_EARLY_BYTES} bytes were sent before authentication finished`,
        );
      case "handle":
        return this.#dispatcher.receive(frame);
      case "refuse":
        throw new MalformedError("a frame arrived before this side sent HELLO");
    }
  }

  /** Sends waiting frames after the transport has accepted bytes. */
  written(): void {
    if (this.state === "closed") return;
    const { now, writer } = this.shared;
    this.#writtenAt = now;
    this.resumption?.sink.feed();
    writer.drain();
    this.#incoming.resumeGate();
    this.#heartbeat.watch(now, writer); // frames that waited are unsent now
    this.outgoing.reportRoom();
    this.#lifecycle.finishDrainIfIdle();
    this.#lifecycle.continueEnding();
  }

  /** Closes the session because the peer's bytes are not valid frames. */
  framingFailed(message: string): void {
    this.#lifecycle.abort("protocol", message);
  }

  /**
   * Handles the end of the peer's stream.
   *
   * @param cause why it cannot be read; `undefined` if the peer ended it
   */
  inputEnded(cause: unknown): void {
    if (this.state === "closed") return;
    const error = lost(cause);
    if (this.#cut(error)) return;
    this.#lifecycle.inputEnded(error, cause === undefined);
  }

  /** Handles a failed write: nothing more can be sent. */
  outputFailed(cause: unknown): void {
    if (this.state === "closed") return;
    const error = lost(cause);
    if (!this.#cut(error)) this.#lifecycle.outputFailed(error);
  }

  /** Handles every timeout that is due. */
  tick(): void {
    if (this.state === "closed") return;
    const { limits, now, timerWheel, linkTime, writer } = this.shared;
    const { drain } = this.#lifecycle;
    timerWheel.advance(now);
    linkTime.advance();
    this.outgoing.reportRoom();
    this.#lifecycle.continueEnding();
    if (now >= drain.deadline) return drain.expire();
    if (now >= this.#lifecycle.handshakeDeadline) {
      return this.#lifecycle.abort(
        "timeout",
        `the handshake did not finish within ${limits.handshakeTimeout} ms`,
      );
    }
    if (this.resumption !== undefined) this.#tickResumption(this.resumption);
    if (this.state !== "open") return;
    this.#expectReplies();
    switch (this.#heartbeat.check(now, writer)) {
      case "ping":
        this.ping.send();
        break;
      case "silent":
        this.#onSilent();
        break;
      case undefined:
        if (this.#heartbeat.measures(now)) this.ping.send();
        break;
      case "stalled":
        this.#lifecycle.abort(
          "unsent",
          `less than ${limits.minWriteRate} bytes per second were read for ${limits.writeStall} ms (limits minWriteRate, writeStall)`,
        );
    }
  }

  #onSilent(): void {
    const { heartbeatMisses } = this.limits;
    const why =
      `nothing was received, and ${heartbeatMisses} PINGs went unanswered`;
    const error = new SessionError(`The connection was lost: ${why}`, {
      code: "timeout",
    });
    if (!this.#cut(error)) this.#lifecycle.abort("timeout", why);
  }

  // ── credentials and end ────────────────────────────────────────────────

  /**
   * Sends new credentials (client only).
   *
   * @returns the id that `SessionHost.onRefreshed` receives on acceptance
   * @throws {CallError} `unavailable`, `overloaded` or `too-large`
   * @throws {CodecError} if the codec cannot encode the credentials
   */
  refresh(credentials: unknown): number {
    if (this.state !== "open" && this.state !== "cut") {
      throw sessionUnavailable(
        "the session is not open",
        "send credentials",
      );
    }
    return this.credentialRefresh.send(credentials);
  }

  /**
   * Drains the session. No new call starts, and calls in flight may finish
   * within the grace period. Sends GOAWAY and, after one round trip, a second
   * GOAWAY with the id of the last call that has begun.
   *
   * @param options the grace period, and the content of the GOAWAYs
   */
  drain(options?: DrainOptions): void {
    this.#lifecycle.beginDrain(options);
  }

  /**
   * Closes the session; calls in flight fail at once. Notifications that were
   * accepted are sent first, then GOAWAY.
   *
   * @param reason the reason, as text for the peer
   * @param timeout milliseconds for sending these notifications; 0 if nothing
   * is sent any more
   */
  close(reason = "", timeout = this.limits.closeTimeout): void {
    this.#lifecycle.close(reason, timeout);
  }

  /**
   * Ends the session with an error, as a protocol violation would.
   *
   * @param retryAfter milliseconds that the peer should wait before it connects
   * again
   */
  expel(code: SessionErrorCode, message: string, retryAfter?: number): void {
    this.#lifecycle.abort(code, message, retryAfter);
  }
}

/** Returns the error for a connection that was lost. */
function lost(cause: unknown): SessionError {
  const why = cause === undefined ? "the peer closed it" : messageOf(cause);
  return new SessionError(`The connection was lost: ${why}`, {
    code: "disconnected",
    cause,
  });
}
