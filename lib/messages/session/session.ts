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
 * | calls to the peer | `outgoing`: `open`, `notify`, `notifyEncoded`, `endItems`, `giveUp` |
 * | the peer's calls | `incoming.responses`: `respond`, `fail` |
 * | a call's items | `shared`, for the functions in `flow/` |
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import { SessionError, type SessionErrorCode } from "../errors/call_error.ts";
import { sessionUnavailable } from "./calls/call_failures.ts";
import { IncomingCalls } from "./calls/incoming_calls.ts";
import { OutgoingCalls } from "./calls/outgoing_calls.ts";
import { decodeCredentials, NO_CREDENTIALS } from "./control/credentials.ts";
import { CredentialRefresh } from "./control/credential_refresh.ts";
import {
  Handshake,
  HandshakeRefusal,
  MAX_EARLY_BYTES,
} from "./control/handshake.ts";
import type { DrainOptions } from "./control/drain.ts";
import { Heartbeat } from "./control/heartbeat.ts";
import { Lifecycle } from "./control/lifecycle.ts";
import { servedMethods, unservedMethods } from "./control/method_matching.ts";
import { Ping } from "./control/ping.ts";
import { RECEPTION, type SessionState } from "./control/session_state.ts";
import { FrameWriter } from "./flow/frame_writer.ts";
import { type SessionStats, SharedState } from "./flow/shared_state.ts";
import { FrameDispatcher } from "./frame_dispatcher.ts";
import type { SessionConfig } from "./session_host.ts";
import { Kind } from "./wire/frame_header.ts";
import type { Hello } from "./wire/hello.ts";
import type { SessionLimits } from "./wire/limits.ts";
import { MalformedError, messageOf } from "./wire/malformed_error.ts";
import type { Outcomes } from "./wire/once_field.ts";

/** The state of a session that can be read without entering it. */
export interface SessionView {
  /** The current state. */
  readonly state: SessionState;
  /** The peer's HELLO; `undefined` until it arrives. */
  readonly peer: Hello | undefined;
  /** The codec of all bodies. */
  readonly codec: MessageCodec;
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Counters of dropped, refused and malformed traffic. */
  readonly stats: SessionStats;
  /** Round-trip time of the last answered PING, ms. */
  readonly roundTrip: number | undefined;
  /** Whether a value is being encoded; no commands are allowed while it is. */
  readonly encoding: boolean;
  /** Whether a notification can be sent now without being queued. */
  readonly mayNotify: boolean;
  /**
   * Whether this side has sent a GOAWAY; see {@linkcode Lifecycle.sentGoaway}.
   */
  readonly sentGoaway: boolean;
  /** Time in ms at which {@linkcode Session.tick} must be called next. */
  readonly wakeAt: number;
}

/** Heap bytes of each unsent byte: buffers have room for more. */
const BUFFER_COST = 2;
/** Heap bytes of an incomplete request, with its chunk for small parts. */
const INCOMPLETE_COST = 5 * 1024;
/** Heap bytes of a call by the peer, without its messages. */
const CALL_COST = 1024;
/** Heap bytes of a call to the peer, with its promise. */
const OWN_CALL_COST = 4 * 1024;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** One end of a connection. */
export class Session implements SessionView {
  /** State that the parts share. */
  readonly shared: SharedState;
  /** The calls that this side makes. */
  readonly outgoing: OutgoingCalls;
  /** The calls that the peer makes. */
  readonly incoming: IncomingCalls;
  /** The credential refreshes. */
  readonly credentialRefresh: CredentialRefresh;
  /** @inheritdoc */
  peer: Hello | undefined = undefined;
  readonly #config: SessionConfig;
  readonly #lifecycle: Lifecycle;
  readonly #handshake: Handshake;
  readonly #heartbeat: Heartbeat;
  readonly #ping: Ping;
  readonly #dispatcher: FrameDispatcher;

  /** @param config the session's parts and limits */
  constructor(config: SessionConfig) {
    const { role, sink, codecs, limits, host, methods, now } = config;
    const isClient = role === "client";
    this.#config = config;
    const shared = this.shared = new SharedState(
      new FrameWriter(sink, codecs[0], limits),
      limits,
      (code, message) => this.#lifecycle.abort(code, message),
      config.raises,
    );
    shared.now = now;
    this.outgoing = new OutgoingCalls(shared, isClient ? 1 : 2, host);
    this.incoming = new IncomingCalls(
      shared,
      isClient ? 2 : 1,
      host,
      methods.sizes,
      config.running,
    );
    this.credentialRefresh = new CredentialRefresh(shared, host, config);
    this.#handshake = new Handshake(shared, config);
    this.#heartbeat = new Heartbeat(limits, now);
    this.#ping = new Ping(shared);
    this.#lifecycle = new Lifecycle(isClient ? "new" : "waiting", {
      shared,
      outgoing: this.outgoing,
      incoming: this.incoming,
      handshake: this.#handshake,
      credentialRefresh: this.credentialRefresh,
      ping: this.#ping,
    }, host);
    shared.onCallEnded = () => {
      this.#lifecycle.finishDrainIfIdle();
      this.#lifecycle.continueEnding();
    };
    this.#dispatcher = new FrameDispatcher(shared, isClient, {
      outgoing: this.outgoing,
      incoming: this.incoming,
      ping: this.#ping,
      credentialRefresh: this.credentialRefresh,
      onPong: (number) => this.#lifecycle.drain.onPong(number),
      onGoaway: (goaway) => this.#lifecycle.receiveGoaway(goaway),
    });
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
  get stats(): SessionStats {
    return this.shared.stats;
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
    return this.#ping.roundTrip;
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
    const { timerWheel, now, writer } = this.shared;
    const wakeAt = Math.min(
      this.#lifecycle.handshakeDeadline,
      this.#lifecycle.drain.deadline,
      this.#lifecycle.closeDeadline,
      timerWheel.wakeAt,
    );
    if (this.state !== "open") return wakeAt;
    this.#heartbeat.watch(now, writer);
    return Math.min(wakeAt, this.#heartbeat.wakeAt);
  }

  /**
   * Heap bytes that the session holds for its peer. Its own objects do not count.
   * Each part is charged with what it costs in V8; `deno task held` compares the
   * charges with the heap.
   */
  get held(): number {
    const { shared, incoming, outgoing } = this;
    if (this.state === "closed") {
      return incoming.notifications.held + shared.inputs.held;
    }
    const { queued, items, inputs, reassemblyBudget, writer } = shared;
    return this.#handshake.heldEarly +
      BUFFER_COST * writer.unsent +
      CALL_COST * incoming.calls.size +
      OWN_CALL_COST * outgoing.calls.size +
      queued.requests + sum(queued.responses) + queued.items +
      outgoing.queuedBytes + reassemblyBudget.used +
      INCOMPLETE_COST * incoming.reader.incomplete + items.held +
      incoming.gate.held + incoming.notifications.held + inputs.held;
  }

  /** Refuses new calls and grants no credit, or stops doing so. */
  restrict(restricted: boolean): void {
    if (this.state === "closed") return;
    const { shared, incoming: { reader } } = this;
    shared.refusesCalls = restricted;
    reader.requestCredit.pause(restricted);
    reader.notifyCredit.pause(restricted);
    shared.items.pause(restricted);
  }

  // ── handshake ──────────────────────────────────────────────────────────

  /**
   * Sends HELLO (client only).
   *
   * @param credentials passed to the server's authentication; optional
   * @throws {CodecError} if the codec cannot encode the credentials
   * @throws {RangeError} if the HELLO exceeds the limit `maxHello`
   */
  start(credentials: unknown): void {
    if (this.state !== "new") return;
    this.#handshake.sendClientHello(credentials);
    this.#lifecycle.on("start");
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
    const hello = this.#handshake.receiveHello(frame);
    if (hello instanceof HandshakeRefusal) {
      return this.#lifecycle.abort(hello.code, hello.message);
    }
    const { methods } = this.#config;
    this.peer = hello;
    this.incoming.methods = servedMethods(hello.methods, methods);
    this.outgoing.unserved = unservedMethods(hello, methods);
    this.#lifecycle.on("hello");
    if (this.state === "open") this.#open(hello);
    else if (this.state === "closing") this.outgoing.applyPeerLimits(hello);
    else this.#authenticate(hello);
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
   * @param outcomes where outcomes are stored, and the time of day
   */
  accept(outcomes?: Outcomes): void {
    const hello = this.peer;
    if (this.state !== "authenticating" || hello === undefined) return;
    try {
      this.#handshake.sendServerHello(hello, outcomes);
    } catch (error) {
      return this.#lifecycle.abort("internal", messageOf(error));
    }
    this.#lifecycle.on("accept");
    this.#open(hello);
    const { now } = this.shared;
    for (const { frame, receivedAt } of this.#handshake.takeEarly()) {
      this.enter(receivedAt).receive(frame);
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

  #open(hello: Hello): void {
    this.#lifecycle.handshakeDeadline = Infinity;
    this.#heartbeat.read(this.shared.now);
    this.outgoing.permit();
    this.outgoing.applyPeerLimits(hello);
    this.#config.host.onOpened(hello);
    this.#lifecycle.outputFailedEarly();
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /** Records that bytes were read, whether or not they complete a frame. */
  readSome(): void {
    this.#heartbeat.read(this.shared.now);
  }

  /** Handles one frame; its bytes are valid during this call only. */
  receive(frame: Uint8Array): void {
    if (this.state === "closed") return;
    try {
      if (this.state === "open") this.#receiveOpen(frame);
      else this.#receiveEarly(frame);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#lifecycle.abort("protocol", error.message);
    }
    this.#lifecycle.continueEnding();
    if (this.shared.writer.unsent >= this.shared.limits.unsentHard) {
      this.#lifecycle.abort(
        "unsent",
        `${this.shared.writer.unsent} bytes were sent but not read (limit unsentHard, ${this.shared.limits.unsentHard})`,
      );
    }
  }

  /** @throws {MalformedError} */
  #receiveOpen(frame: Uint8Array): void {
    this.#dispatcher.receive(frame);
    this.incoming.gate.resume(); // CREDIT may have let items leave
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
        if (this.#handshake.keepEarly(frame)) return;
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
    writer.drain();
    this.incoming.gate.resume();
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
    this.#lifecycle.inputEnded(lost(cause), cause === undefined);
  }

  /** Handles a failed write: nothing more can be sent. */
  outputFailed(cause: unknown): void {
    if (this.state !== "closed") this.#lifecycle.outputFailed(lost(cause));
  }

  /** Handles every timeout that is due. */
  tick(): void {
    if (this.state === "closed") return;
    const { limits, now, timerWheel, writer } = this.shared;
    const { drain } = this.#lifecycle;
    timerWheel.advance(now);
    this.outgoing.reportRoom();
    this.#lifecycle.continueEnding();
    if (now >= drain.deadline) return drain.expire();
    if (now >= this.#lifecycle.handshakeDeadline) {
      return this.#lifecycle.abort(
        "timeout",
        `the handshake did not finish within ${limits.handshakeTimeout} ms`,
      );
    }
    if (this.state !== "open") return;
    switch (this.#heartbeat.check(now, writer)) {
      case "ping":
        this.#ping.send();
        break;
      case "silent":
        this.#lifecycle.abort(
          "timeout",
          `nothing was received, and ${limits.heartbeatMisses} PINGs went unanswered`,
        );
        break;
      case "stalled":
        this.#lifecycle.abort(
          "unsent",
          `less than ${limits.minWriteRate} bytes per second were read for ${limits.writeStall} ms (limits minWriteRate, writeStall)`,
        );
    }
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
    if (this.state !== "open") {
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
