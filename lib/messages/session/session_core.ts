/**
 * The base of a session: its parts, its state, its accounts, and its end.
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import {
  CallError,
  SessionError,
  type SessionErrorCode,
} from "../errors/call_error.ts";
import { IncomingCalls } from "./calls/incoming_calls.ts";
import { OutgoingCalls } from "./calls/outgoing_calls.ts";
import { Drain } from "./control/drain.ts";
import { encodeGoaway, type Goaway, truncateMessage } from "./wire/goaway.ts";
import { Handshake } from "./control/handshake.ts";
import type { SessionLimits } from "./wire/limits.ts";
import { type SessionStats, SharedState } from "./flow/shared_state.ts";
import { Heartbeat } from "./control/heartbeat.ts";
import { Ping } from "./control/ping.ts";
import { CredentialRefresh } from "./control/credential_refresh.ts";
import type { SessionConfig } from "./session_host.ts";
import {
  SESSION,
  type SessionEvent,
  type SessionState,
} from "./session_state.ts";
import { Kind } from "./wire/frame_header.ts";
import { FrameWriter } from "./flow/frame_writer.ts";

/** The base of a session: parts, state, and end. */
export abstract class SessionCore {
  protected readonly options: SessionConfig;
  /** State that the parts share. */
  protected readonly shared: SharedState;
  /** The calls that this side made. */
  protected readonly caller: OutgoingCalls;
  /** The calls that the peer made. */
  protected readonly callee: IncomingCalls;
  protected readonly handshake: Handshake;
  protected readonly draining: Drain;
  protected readonly heartbeat: Heartbeat;
  protected readonly ping: Ping;
  protected readonly credentialRefresh: CredentialRefresh;
  /** Time by which the handshake must finish, ms. */
  protected handshakeDeadline: number;
  /** Whether the peer has sent GOAWAY. */
  protected peerDrains = false;
  #state: SessionState;
  #sentGoaway = false;

  /** @param options its parts and limits */
  constructor(options: SessionConfig) {
    const { role, sink, codecs, limits, host, now } = options;
    const isClient = role === "client";
    this.options = options;
    const shared = this.shared = new SharedState(
      new FrameWriter(sink, codecs[0], limits),
      limits,
      (code, message) => this.abort(code, message),
    );
    shared.now = now;
    this.caller = new OutgoingCalls(shared, isClient ? 1 : 2);
    this.callee = new IncomingCalls(shared, isClient ? 2 : 1, host);
    this.handshake = new Handshake(shared, options);
    this.heartbeat = new Heartbeat(limits, now);
    this.ping = new Ping(shared);
    this.credentialRefresh = new CredentialRefresh(shared, host, isClient);
    this.draining = this.#newDrain();
    this.#state = isClient ? "new" : "waiting";
    this.handshakeDeadline = now + limits.handshakeTimeout;
  }

  /** The current state. */
  get state(): SessionState {
    return this.#state;
  }

  /**
   * Whether a GOAWAY is the last frame sent. If so, flush an ended session. If
   * not, its unsent bytes must never leave: their calls have already failed
   * with `processed: "no"`.
   */
  get sentGoaway(): boolean {
    return this.#sentGoaway;
  }

  /** Changes the state; ignores an event that the state does not list. */
  protected on(event: SessionEvent): void {
    this.#state = SESSION[this.#state][event] ?? this.#state;
  }

  /** Counters of dropped, refused and malformed traffic. */
  get stats(): Readonly<SessionStats> {
    return this.shared.stats;
  }

  /** The codec of all bodies. */
  get codec(): MessageCodec {
    return this.shared.writer.codec;
  }

  /** This side's limits. */
  get limits(): SessionLimits {
    return this.shared.limits;
  }

  /** Round-trip time of the last answered PING, ms. */
  get roundTrip(): number | undefined {
    return this.ping.roundTrip;
  }

  /** Number of calls in flight in each direction, and of queued calls. */
  get inFlight(): { outgoing: number; incoming: number; queued: number } {
    return {
      outgoing: this.caller.calls.size,
      incoming: this.callee.calls.size,
      queued: this.caller.queue.length,
    };
  }

  /** Resources held and credit granted, for tests. */
  get accounts(): {
    callCredit: number;
    requestCredit: number;
    requestOwed: number;
    creditPool: number;
    assembling: number;
    timers: number;
    blocked: number;
    waitingForSpace: number;
    backlog: number;
    itemBacklog: number;
  } {
    const {
      creditPool,
      reassemblyBudget,
      timerWheel,
      blocked,
      waitingForSpace,
      writer,
    } = this.shared;
    return {
      callCredit: this.caller.queue.credit,
      requestCredit: this.callee.reader.credit,
      requestOwed: this.callee.reader.owed,
      creditPool: creditPool.left,
      assembling: reassemblyBudget.used,
      timers: timerWheel.size,
      blocked: blocked.size,
      waitingForSpace: waitingForSpace.size,
      backlog: writer.backlog,
      itemBacklog: writer.itemBacklog,
    };
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /**
   * Drains the session: no new call starts, and calls in flight may finish
   * within the grace period. Sends GOAWAY and, after one round trip, a GOAWAY
   * with the id of the last accepted call.
   */
  drain(now: number): void {
    this.shared.now = now;
    if (this.#state === "closed" || this.draining.stage !== "none") return;
    this.caller.refuseAbove(
      Infinity,
      unavailable("this side is draining and starts no new calls"),
    );
    if (this.#state !== "open") return this.draining.finish();
    this.draining.begin(now + this.shared.limits.drainGrace);
  }

  #newDrain(): Drain {
    const isIdle = () => {
      const { outgoing, incoming, queued } = this.inFlight;
      return outgoing + incoming + queued + this.shared.writer.unsent === 0;
    };
    return new Drain({
      sendGoaway: (lastId) => this.#sendGoaway("none", lastId, "draining"),
      ping: () => this.ping.send(),
      stopAccepting: () => this.callee.lastAllowed = this.callee.lastTaken,
      get idle() {
        return isIdle();
      },
      onDrained: () => this.options.host.onDrained(),
    });
  }

  /** Sends GOAWAY and ends the session at once; calls in flight fail. */
  close(now: number): void {
    this.shared.now = now;
    if (this.#state === "closed") return;
    if (this.#state !== "new") {
      this.#sendGoaway("none", this.callee.lastTaken, "closed");
    }
    this.finish(undefined);
  }

  /** Ends the session with an error, as for the peer's protocol errors. */
  expel(code: SessionErrorCode, message: string, now: number): void {
    this.shared.now = now;
    this.abort(code, message);
  }

  #sendGoaway(code: SessionErrorCode, lastId: number, message: string): void {
    const body = encodeGoaway({ code, lastId, message });
    this.shared.writer.frame(Kind.GOAWAY, 0, 0, body);
    this.#sentGoaway = true;
  }

  protected receiveGoaway({ code, lastId, message }: Goaway): void {
    this.peerDrains = true;
    const good = code === "none";
    const why = withReason(
      good ? "the peer accepts no new calls" : "the peer closed the connection",
      message,
    );
    this.caller.refuseAbove(
      lastId,
      good || this.#state === "open"
        ? unavailable(why)
        : handshakeRefused(code, why),
    );
    if (good && this.#state === "open") {
      return this.options.host.onPeerDraining();
    }
    // Before the handshake is complete, no call could finish during a drain.
    this.finish(
      new SessionError(
        good ? "disconnected" : code,
        withReason("The peer closed the connection", message),
        { remote: true },
      ),
    );
  }

  /** Sends GOAWAY with an error code and ends the session. */
  protected abort(code: SessionErrorCode, message: string): void {
    if (this.#state === "closed") return;
    this.#sendGoaway(code, this.callee.lastTaken, message);
    const text = `The connection was closed: ${truncateMessage(message)}`;
    this.finish(new SessionError(code, text));
  }

  protected finish(error: SessionError | undefined): void {
    const message = error?.message ?? "The connection was closed";
    const over = this.draining.stage === "over";
    this.on("end");
    this.handshakeDeadline = this.draining.deadline = Infinity;
    this.handshake.takeEarly();
    this.credentialRefresh.drop();
    this.shared.writer.close();
    this.shared.waitingForSpace.clear(); // no stream gets another turn
    this.caller.end(
      new CallError("disconnected", message, { cause: error }),
      this.#sentGoaway,
    );
    this.callee.end(over ? "drained" : "disconnected", message);
    this.options.host.onEnded(error);
  }
}

/** Appends the text of a GOAWAY, which may be empty. */
function withReason(text: string, reason: string): string {
  return reason === "" ? text : `${text}: ${reason}`;
}

/** Codes that a client would receive again if it reconnected unchanged. */
const PERMANENT: ReadonlySet<SessionErrorCode> = new Set([
  "protocol",
  "version",
  "codec",
  "unauthenticated",
]);

/** Returns the error for an early call after a refused handshake. */
function handshakeRefused(code: SessionErrorCode, message: string): CallError {
  return new CallError(
    code === "unauthenticated" ? "unauthenticated" : "unavailable",
    `Cannot call: ${message}`,
    { processed: "no", retry: PERMANENT.has(code) ? "never" : "later" },
  );
}

/** Returns the error for an action that needs a usable session. */
export function unavailable(why: string, action = "call"): CallError {
  return new CallError("unavailable", `Cannot ${action}: ${why}`, {
    processed: "no",
    retry: "now",
  });
}
