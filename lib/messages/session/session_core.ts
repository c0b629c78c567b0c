/**
 * What every session has: its parts, its state, its accounts, and its end.
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

/** What every session has. */
export abstract class SessionCore {
  protected readonly options: SessionConfig;
  /** Shared by the parts. */
  protected readonly shared: SharedState;
  /** Our calls. */
  protected readonly caller: OutgoingCalls;
  /** The peer's calls. */
  protected readonly callee: IncomingCalls;
  protected readonly handshake: Handshake;
  protected readonly draining: Drain;
  protected readonly heartbeat: Heartbeat;
  protected readonly ping: Ping;
  protected readonly credentialRefresh: CredentialRefresh;
  /** When the handshake must be done, ms. */
  protected handshakeDeadline: number;
  /** The peer has sent GOAWAY. */
  protected peerDrains = false;
  #state: SessionState;
  #sentGoaway = false;

  /** @param options what it is made of */
  constructor(options: SessionConfig) {
    const { role, sink, codecs, limits, host, now } = options;
    const dials = role === "client";
    this.options = options;
    const shared = this.shared = new SharedState(
      new FrameWriter(sink, codecs[0], limits),
      limits,
      (code, message) => this.abort(code, message),
    );
    shared.now = now;
    this.caller = new OutgoingCalls(shared, dials ? 1 : 2);
    this.callee = new IncomingCalls(shared, dials ? 2 : 1, host);
    this.handshake = new Handshake(shared, options);
    this.heartbeat = new Heartbeat(limits, now);
    this.ping = new Ping(shared);
    this.credentialRefresh = new CredentialRefresh(shared, host, dials);
    this.draining = this.#newDrain();
    this.#state = dials ? "new" : "waiting";
    this.handshakeDeadline = now + limits.handshakeTimeout;
  }

  /** Where it stands. */
  get state(): SessionState {
    return this.#state;
  }

  /**
   * Whether a GOAWAY stands behind all that was sent. If so, a session that has
   * ended is to be flushed; if not, what is unsent must never leave: its calls
   * have been told so.
   */
  get sentGoaway(): boolean {
    return this.#sentGoaway;
  }

  /** Moves on; an event that the state does not list changes nothing. */
  protected on(event: SessionEvent): void {
    this.#state = SESSION[this.#state][event] ?? this.#state;
  }

  /** Counters. */
  get stats(): Readonly<SessionStats> {
    return this.shared.stats;
  }

  /** Codec of all bodies. */
  get codec(): MessageCodec {
    return this.shared.writer.codec;
  }

  /** This side's limits. */
  get limits(): SessionLimits {
    return this.shared.limits;
  }

  /** Round-trip time of the last PING, ms. */
  get roundTrip(): number | undefined {
    return this.ping.roundTrip;
  }

  /** Calls in flight: ours and the peer's, and those of ours that wait. */
  get inFlight(): { outgoing: number; incoming: number; queued: number } {
    return {
      outgoing: this.caller.calls.size,
      incoming: this.callee.calls.size,
      queued: this.caller.queue.length,
    };
  }

  /** What is held and lent, for tests that count. */
  get accounts(): {
    callCredit: number;
    requestCredit: number;
    requestOwed: number;
    raisePool: number;
    assembling: number;
    timers: number;
    blocked: number;
    crowded: number;
    backlog: number;
    itemBacklog: number;
  } {
    const { pool, budget, wheel, blocked, crowded, writer } = this.shared;
    return {
      callCredit: this.caller.queue.credit,
      requestCredit: this.callee.reader.credit,
      requestOwed: this.callee.reader.owed,
      raisePool: pool.left,
      assembling: budget.used,
      timers: wheel.size,
      blocked: blocked.size,
      crowded: crowded.size,
      backlog: writer.backlog,
      itemBacklog: writer.itemBacklog,
    };
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /**
   * Drains: nothing new is begun, what is in flight may end within the grace.
   * GOAWAY, one round trip, GOAWAY with the last id taken.
   */
  drain(now: number): void {
    this.shared.now = now;
    if (this.#state === "closed" || this.draining.stage !== "none") return;
    this.caller.refuseAbove(Infinity, unavailable("this side is draining"));
    if (this.#state !== "open") return this.draining.finish();
    this.draining.begin(now + this.shared.limits.drainGrace);
  }

  #newDrain(): Drain {
    const quiet = () => {
      const { outgoing, incoming, queued } = this.inFlight;
      return outgoing + incoming + queued + this.shared.writer.unsent === 0;
    };
    return new Drain({
      sayGoodbye: (lastId) => this.#sayGoodbye("none", lastId, "draining"),
      ping: () => this.ping.send(),
      settle: () => this.callee.lastAllowed = this.callee.lastTaken,
      get quiet() {
        return quiet();
      },
      onDrained: () => this.options.host.onDrained(),
    });
  }

  /** Sends GOAWAY and ends at once: calls in flight fail. */
  close(now: number): void {
    this.shared.now = now;
    if (this.#state === "closed") return;
    if (this.#state !== "new") {
      this.#sayGoodbye("none", this.callee.lastTaken, "closed");
    }
    this.finish(undefined);
  }

  /** Ends the connection because of what the peer does, as a fault of the protocol would. */
  expel(code: SessionErrorCode, message: string, now: number): void {
    this.shared.now = now;
    this.abort(code, message);
  }

  #sayGoodbye(code: SessionErrorCode, lastId: number, message: string): void {
    const body = encodeGoaway({ code, lastId, message });
    this.shared.writer.frame(Kind.GOAWAY, 0, 0, body);
    this.#sentGoaway = true;
  }

  protected peerLeaves({ code, lastId, message }: Goaway): void {
    this.peerDrains = true;
    const good = code === "none";
    const why = good ? `the other side is ${message}` : message;
    this.caller.refuseAbove(
      lastId,
      good || this.#state === "open" ? unavailable(why) : turnedAway(code, why),
    );
    if (good && this.#state === "open") {
      return this.options.host.onPeerDraining();
    }
    // Before the handshake is done there is nothing to end in good order.
    this.finish(
      new SessionError(
        good ? "disconnected" : code,
        `The other side ended the connection: ${message}`,
        { remote: true },
      ),
    );
  }

  /** A fault of the peer's that the connection does not survive. */
  protected abort(code: SessionErrorCode, message: string): void {
    if (this.#state === "closed") return;
    this.#sayGoodbye(code, this.callee.lastTaken, message);
    const text = `The connection was ended: ${truncateMessage(message)}`;
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
    this.shared.crowded.clear(); // nobody's turn comes any more
    this.caller.end(
      new CallError("disconnected", message, { cause: error }),
      this.#sentGoaway,
    );
    this.callee.end(over ? "drained" : "disconnected", message);
    this.options.host.onEnded(error);
  }
}

/** Codes with which a client is refused again if it comes again as it is. */
const LASTING: ReadonlySet<SessionErrorCode> = new Set([
  "protocol",
  "version",
  "codec",
  "unauthenticated",
]);

/** What a call gets that left with a handshake which was refused. */
function turnedAway(code: SessionErrorCode, message: string): CallError {
  return new CallError(
    code === "unauthenticated" ? "unauthenticated" : "unavailable",
    `Cannot call: ${message}`,
    { processed: "no", retry: LASTING.has(code) ? "never" : "later" },
  );
}

/** What a call gets that cannot begin. */
export function unavailable(why: string): CallError {
  return new CallError("unavailable", `Cannot call: ${why}`, {
    processed: "no",
    retry: "now",
  });
}
