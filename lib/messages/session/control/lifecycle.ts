/**
 * The life of a session: its state, how GOAWAY and a drain end it, and what
 * then happens to its calls.
 *
 * @module
 */
import {
  CallError,
  isDrain,
  PERMANENT_CODES,
  SessionError,
  type SessionErrorCode,
} from "../../errors/call_error.ts";
import { sessionUnavailable } from "../calls/call_failures.ts";
import type { OutgoingCalls } from "../calls/outgoing_calls.ts";
import type { PeerCalls } from "../calls/peer_calls.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { SessionResumption } from "../resume/session_resumption.ts";
import { Kind } from "../wire/frame_header.ts";
import { encodeGoaway, type Goaway, truncateMessage } from "../wire/goaway.ts";
import type { CredentialRefresh } from "./credential_refresh.ts";
import { Drain, type DrainHost, type DrainOptions } from "./drain.ts";
import type { Handshake } from "./handshake.ts";
import type { Ping } from "./ping.ts";
import {
  SESSION,
  type SessionEvent,
  type SessionState,
} from "./session_state.ts";

/** Receiver of the events in a session's life. */
export interface LifecycleHost {
  /**
   * Called when the peer drains and accepts no new calls.
   *
   * @param reason the code, pause and spread of the peer's GOAWAY
   */
  onPeerDraining(reason: SessionError): void;
  /**
   * Called when a drain is over. By then no call is in flight, or the grace
   * period has passed.
   */
  onDrained(): void;
  /** Called when the session is about to end, within `closeTimeout`. */
  onClosing(reason: SessionError): void;
  /**
   * Called once when the session ends.
   *
   * @param reason the reason; its code is `closed` for an orderly end
   */
  onEnded(reason: SessionError): void;
}

/** The parts of a session that its end affects. */
export interface LifecycleParts {
  /** State that the session's parts share. */
  readonly shared: SharedState;
  /** The calls that this side makes. */
  readonly outgoing: OutgoingCalls;
  /** The calls that the peer makes. */
  readonly incoming: PeerCalls;
  /** The handshake. */
  readonly handshake: Handshake;
  /** The credential refreshes. */
  readonly credentialRefresh: CredentialRefresh;
  /** PING and PONG. */
  readonly ping: Ping;
  /** Keeps frames for another link; `undefined` if the session has none. */
  readonly resumption: SessionResumption | undefined;
}

/** The life of one session. */
export class Lifecycle implements DrainHost {
  /** Time in ms by which the handshake must finish. */
  handshakeDeadline: number;
  /** Time in ms by which the session ends; `Infinity` if none is set. */
  closeDeadline = Infinity;
  /** This side's drain. */
  readonly drain: Drain;
  #state: SessionState;
  #sentGoaway = false;
  /** The reason for closing that the peer receives. */
  #goawayText = "";
  /** Why the session ends, once that is decided. */
  #reason: SessionError | undefined = undefined;
  /** The end of a stream whose frames wait for authentication. */
  #endedEarly: SessionError | undefined = undefined;
  /** A write that failed during the handshake. */
  #unwritable: SessionError | undefined = undefined;
  /** Options of a drain that begins on the next link. */
  #drainLater: DrainOptions | undefined = undefined;
  /** Whether the peer has announced a drain. */
  #peerDrains = false;
  readonly #parts: LifecycleParts;
  readonly #host: LifecycleHost;

  /**
   * @param state the first state: `"new"` for a client, `"waiting"` for a server
   * @param parts the parts that the end affects
   * @param host receives the events
   */
  constructor(
    state: SessionState,
    parts: LifecycleParts,
    host: LifecycleHost,
  ) {
    this.#state = state;
    this.#parts = parts;
    this.#host = host;
    this.drain = new Drain(this);
    const { now, limits } = parts.shared;
    this.handshakeDeadline = now + limits.handshakeTimeout;
  }

  /** The current state. */
  get state(): SessionState {
    return this.#state;
  }

  /**
   * Whether this side has sent a GOAWAY. If so, flush the unsent bytes of an
   * ended session. If not, those bytes must never be sent, because their calls
   * have already failed with `processed: "no"`.
   */
  get sentGoaway(): boolean {
    return this.#sentGoaway;
  }

  /** Changes and returns the state; ignores events that the state does not list. */
  on(event: SessionEvent): SessionState {
    return this.#state = SESSION[this.#state][event] ?? this.#state;
  }

  /** Whether either side drains. */
  get draining(): boolean {
    return this.#peerDrains || this.drain.stage !== "none";
  }

  /**
   * Starts a drain, or shortens the grace of one. A session without a link
   * drains on its next one, if it has one within the grace.
   */
  beginDrain(options: DrainOptions = {}): void {
    if (this.#state === "closed" || this.#reason !== undefined) return;
    const { shared, outgoing } = this.#parts;
    if (this.drain.stage !== "none" || this.#drainLater !== undefined) {
      if (options.grace !== undefined) {
        this.drain.shorten(shared.now + options.grace);
      }
      return;
    }
    const { grace = shared.limits.drainGrace } = options;
    outgoing.refuseAbove(
      Infinity,
      sessionUnavailable("this side is draining and starts no new calls"),
    );
    if (this.#state === "cut") {
      this.#drainLater = options;
      this.drain.deadline = shared.now + grace;
      return;
    }
    if (this.#state !== "open") return this.drain.finish();
    this.drain.begin(shared.now + grace, options);
  }

  /** Goes on after a cut. */
  resume(): void {
    this.on("resume");
    const options = this.#drainLater;
    this.#drainLater = undefined;
    if (options !== undefined) this.drain.begin(this.drain.deadline, options);
  }

  /** Finishes a drain if nothing is in flight or unsent. */
  finishDrainIfIdle(): void {
    if (this.#state === "open") this.drain.finishIfIdle();
  }

  // ── actions of the drain ───────────────────────────────────────────────

  /** @inheritdoc */
  sendGoaway(lastId: number, options: DrainOptions): void {
    const { code = "drain", retryAfter = 0, spread = 0 } = options;
    const message = "draining";
    this.#sendGoaway({ code, lastId, message, retryAfter, spread });
  }

  /** @inheritdoc */
  ping(): number {
    return this.#parts.ping.send();
  }

  /** @inheritdoc */
  stopAccepting(): number {
    const { incoming } = this.#parts;
    return incoming.lastAllowed = incoming.lastBegun;
  }

  /** @inheritdoc */
  endCalls(): void {
    if (this.#state === "open") this.#parts.incoming.endUnavailable();
  }

  /** @inheritdoc */
  get idle(): boolean {
    const { shared, outgoing, incoming } = this.#parts;
    return outgoing.calls.size + outgoing.queued + incoming.calls.size +
        incoming.incomplete + shared.writer.unsent === 0;
  }

  /** @inheritdoc */
  onDrained(): void {
    this.#host.onDrained();
  }

  // ── end ────────────────────────────────────────────────────────────────

  /**
   * Closes the session: calls in flight fail at once. Notifications that were
   * accepted are sent first, then GOAWAY.
   *
   * @param reason the reason, as text for the peer
   * @param timeout milliseconds for sending these notifications; 0 if nothing
   * is sent any more
   */
  close(reason: string, timeout: number): void {
    const { shared, outgoing, credentialRefresh } = this.#parts;
    if (this.#state === "closed") return;
    if (this.#state === "closing") {
      if (timeout === 0) this.#finishClosing(true);
      return;
    }
    if (this.#reason !== undefined) return this.finish(this.#reason);
    this.#goawayText = reason;
    this.#reason = new SessionError(
      withReason("This side closed the session", truncateMessage(reason)),
      { code: "closed" },
    );
    const waits = timeout > 0 && outgoing.unsentNotifications > 0;
    if (!waits || this.on("close") !== "closing") {
      return this.#finishClosing(!waits);
    }
    this.closeDeadline = shared.now + timeout;
    credentialRefresh.drop();
    this.#endCalls(this.#reason);
    this.#host.onClosing(this.#reason);
  }

  /** Ends the calls of both sides before the session ends. */
  #endCalls(reason: SessionError): void {
    const { outgoing, incoming } = this.#parts;
    outgoing.end(this.#errorForCalls(reason), true);
    incoming.end(this.#codeForCalls(reason), reason.message);
  }

  /**
   * Handles the end of the peer's stream. The replies to calls that were
   * received are sent, if the peer ended its stream cleanly. Calls that wait
   * for authentication count as received.
   */
  inputEnded(error: SessionError, clean: boolean): void {
    const { shared, outgoing, incoming, handshake } = this.#parts;
    if (clean && this.#state === "authenticating" && handshake.heldEarly > 0) {
      this.#endedEarly = error;
      return;
    }
    if (!clean || this.#state !== "open" || incoming.calls.size === 0) {
      return this.fail(error);
    }
    this.on("input-end");
    this.#reason = error;
    this.closeDeadline = shared.now + shared.limits.closeTimeout;
    outgoing.end(this.#errorForCalls(error), true);
    incoming.endIncomplete(error.message);
    this.#host.onClosing(error);
    this.continueEnding();
  }

  /** Handles a failed write during the handshake, once it is complete. */
  outputFailedEarly(): void {
    if (this.#unwritable !== undefined) this.outputFailed(this.#unwritable);
  }

  /** Handles the end of a stream that ended during authentication. */
  inputEndedEarly(): void {
    if (this.#endedEarly === undefined || this.#state === "closed") return;
    this.inputEnded(this.#endedEarly, true);
  }

  /**
   * Handles a failed write. Frames that have arrived are still read, until the
   * peer's stream ends: a server may have refused a client before it left.
   */
  outputFailed(error: SessionError): void {
    const { shared, incoming } = this.#parts;
    if (this.#state === "greeting") {
      this.#unwritable = error;
      this.closeDeadline = shared.now + shared.limits.closeTimeout;
      return this.#stopSending(error); // early calls
    }
    if (this.#state !== "open") return this.fail(error);
    this.on("output-fail");
    this.#reason = error;
    this.closeDeadline = shared.now + shared.limits.closeTimeout;
    if (this.#unwritable === undefined) this.#stopSending(error);
    incoming.lastAllowed = incoming.lastBegun;
    incoming.end(this.#codeForCalls(error), error.message);
    this.#host.onClosing(error);
  }

  /** Fails the calls and drops the notifications that were not sent. */
  #stopSending(error: SessionError): void {
    const { shared, outgoing } = this.#parts;
    const unsent = shared.writer.unsentNotifications;
    shared.writer.close();
    const failure = this.#errorForCalls(error);
    outgoing.endUnsent(failure);
    outgoing.dropNotifications(unsent, failure);
  }

  /** Ends a session once nothing is left to do. */
  continueEnding(): void {
    const { shared, outgoing, incoming } = this.#parts;
    const late = shared.now >= this.closeDeadline;
    switch (this.#state) {
      case "closing":
        if (late || outgoing.unsentNotifications === 0) {
          this.#finishClosing(late);
        }
        break;
      case "input-ended":
        if (late || incoming.calls.size + shared.writer.unsent === 0) {
          this.finish(this.#reason!); // set in this state
        }
        break;
      case "output-failed":
        if (late) this.finish(this.#reason!); // as above
        break;
      case "greeting":
        if (late) this.finish(this.#unwritable!); // set with the deadline
    }
  }

  /** @param late whether nothing more is sent, although something may be unsent */
  #finishClosing(late: boolean): void {
    const { shared, incoming } = this.#parts;
    // A peer that takes no bytes would not get the GOAWAY either.
    const stalled = late && shared.writer.unsentNotifications > 0;
    if (this.#state !== "new" && !stalled) {
      const lastId = incoming.lastBegun;
      this.#sendGoaway({ code: "closed", lastId, message: this.#goawayText });
    }
    this.finish(this.#reason!); // set by close()
  }

  /**
   * Sends GOAWAY with an error code and ends the session.
   *
   * @param retryAfter milliseconds that the peer should wait before it connects
   * again
   */
  abort(code: SessionErrorCode, message: string, retryAfter = 0): void {
    if (this.#state === "closed") return;
    if (this.#reason !== undefined) return this.finish(this.#reason);
    const lastId = this.#parts.incoming.lastBegun;
    this.#sendGoaway({ code, lastId, message, retryAfter });
    this.#parts.incoming.dropNotifications();
    this.fail(
      new SessionError(
        `The connection was closed: ${truncateMessage(message)}`,
        { code },
      ),
    );
  }

  #sendGoaway(goaway: Goaway): void {
    if (this.#state === "cut") return; // nothing can be sent
    const body = encodeGoaway(goaway);
    this.#parts.shared.writer.frame(Kind.GOAWAY, 0, 0, body);
    this.#sentGoaway = true;
  }

  /**
   * Handles the peer's GOAWAY. Before the handshake is complete, every code
   * refuses the client: no call could finish during a drain.
   */
  receiveGoaway(goaway: Required<Goaway>): void {
    const { code, lastId, message, retryAfter, spread } = goaway;
    const { outgoing } = this.#parts;
    const open = this.#state === "open";
    const drains = isDrain(code);
    if (this.#reason !== undefined) {
      return drains ? undefined : this.finish(this.#reason);
    }
    const details = { code, remote: true, retryAfter, spread };
    if (open && drains) {
      this.#peerDrains = true;
      const why = withReason("the peer accepts no new calls", message);
      outgoing.refuseAbove(lastId, sessionUnavailable(why, "call", retryAfter));
      const reason = withReason("The peer drains the session", message);
      return this.#host.onPeerDraining(new SessionError(reason, details));
    }
    const why = withReason("the peer closed the session", message);
    const text = withReason("The peer closed the session", message);
    const reason = new SessionError(text, details);
    outgoing.refuseAbove(
      lastId,
      open
        ? sessionUnavailable(why, "call", retryAfter)
        : handshakeRefused(reason, why),
    );
    this.finish(reason);
  }

  /**
   * Ends this side without events, before the session is open: another session
   * goes on with its link.
   */
  handOver(): void {
    const { shared, handshake, resumption } = this.#parts;
    this.on("end");
    this.handshakeDeadline = this.closeDeadline = Infinity;
    handshake.takeEarly();
    shared.writer.close();
    resumption?.end();
    shared.itemsInUse?.raises.pool.detach();
  }

  /** Ends the session with an error, without a frame. */
  fail(error: SessionError): void {
    // For example, the peer may end its stream while this side closes.
    this.finish(this.#reason ?? this.#unwritable ?? error);
  }

  /** Returns the code for calls in flight when the session ends. */
  #codeForCalls(reason: SessionError): "unavailable" | "disconnected" {
    const drained = reason.code === "closed" &&
      (reason.remote ? this.#peerDrains : this.drain.stage === "over");
    return drained ? "unavailable" : "disconnected";
  }

  /** Returns the error for the calls in flight when the session ends. */
  #errorForCalls(reason: SessionError): CallError {
    const code = this.#codeForCalls(reason);
    const retry = code === "unavailable" ? "now" : "never";
    return new CallError(reason.message, { code, retry, cause: reason });
  }

  /**
   * Ends the session without a frame; calls in flight fail.
   *
   * @param reason the reason; its code is `closed` for an orderly end
   */
  finish(reason: SessionError): void {
    const { shared, outgoing, incoming, handshake, credentialRefresh, ping } =
      this.#parts;
    const { resumption } = this.#parts;
    const error = this.#errorForCalls(reason);
    // Without GOAWAY, unsent bytes are dropped.
    const unsent = this.#sentGoaway ? 0 : shared.writer.unsentNotifications;
    this.on("end");
    this.handshakeDeadline =
      this.drain.deadline =
      this.closeDeadline =
        Infinity;
    handshake.takeEarly();
    credentialRefresh.drop();
    ping.drop();
    shared.writer.close();
    resumption?.end();
    outgoing.end(error, this.#sentGoaway);
    outgoing.dropNotifications(unsent, error);
    incoming.end(this.#codeForCalls(reason), reason.message);
    shared.itemsInUse?.raises.pool.detach();
    this.#host.onEnded(reason);
  }
}

/** Appends the text of a GOAWAY, which may be empty. */
function withReason(text: string, reason: string): string {
  return reason === "" ? text : `${text}: ${reason}`;
}

/** Returns the error for calls after the server has refused the handshake. */
function handshakeRefused(reason: SessionError, message: string): CallError {
  const { code, retryAfter } = reason;
  return new CallError(
    `Cannot call: ${message}`,
    {
      code: code === "unauthenticated" ? "unauthenticated" : "unavailable",
      processed: "no",
      retry: PERMANENT_CODES.has(code) ? "never" : "later",
      retryAfter,
      cause: reason,
    },
  );
}
