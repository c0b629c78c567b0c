/**
 * How this side drains (PROTOCOL.md, "Drain"). The first GOAWAY asks the peer
 * to start nothing new. After one round trip, every request that the peer sent
 * before it read that GOAWAY has begun to arrive. The second GOAWAY then
 * contains the id of the last call that may run.
 *
 * ```text
 *  none ──begin──▶ announced ──PONG──▶ settled ──nothing in flight──▶ over
 *                      └──────────grace has passed──────────────────────┘
 * ```
 *
 * @module
 */
import { MAX_ID } from "../wire/frame_header.ts";

/** The stage of a drain. */
export type DrainStage = "none" | "announced" | "settled" | "over";

/**
 * Options for a drain.
 *
 * All except `grace` are sent to the peer, where `session.draining.reason` is
 * a `SessionError` with these members.
 *
 * @category Sessions
 */
export interface DrainOptions {
  /**
   * Milliseconds that calls in flight may take to finish. A second drain with a
   * grace can only shorten the first.
   *
   * @default `limits.drainGrace`
   */
  grace?: number | undefined;
  /**
   * Why the session drains: this process stops, or the connection is old.
   *
   * @default {"drain"}
   */
  code?: "drain" | "age" | undefined;
  /**
   * Milliseconds that clients should wait before they connect again.
   *
   * @default {0}
   */
  retryAfter?: number | undefined;
  /**
   * Milliseconds over which clients should spread their next connections.
   *
   * @default {0}
   */
  spread?: number | undefined;
}

/** The actions that a drain takes in its session. */
export interface DrainHost {
  /** Sends a GOAWAY. */
  sendGoaway(lastId: number, options: DrainOptions): void;
  /** Sends a PING and returns its number. */
  ping(): number;
  /** Stops accepting calls; returns the id of the last one that has begun. */
  stopAccepting(): number;
  /** Ends the peer's calls with `unavailable`, because the grace has passed. */
  endCalls(): void;
  /** Whether nothing is in flight or unsent. */
  readonly idle: boolean;
  /** Called when the drain is over. */
  onDrained(): void;
}

const NO_OPTIONS: DrainOptions = {};

/** The progress of this side's drain. */
export class Drain {
  /** The current stage. */
  stage: DrainStage = "none";
  /** Time in ms at which the grace period ends. */
  deadline = Infinity;
  #ping = Infinity;
  #options: DrainOptions = NO_OPTIONS;
  readonly #host: DrainHost;

  /** @param host takes the actions */
  constructor(host: DrainHost) {
    this.#host = host;
  }

  /** Announces the drain to the peer. */
  begin(deadline: number, options: DrainOptions = {}): void {
    this.stage = "announced";
    this.deadline = deadline;
    this.#options = options;
    this.#host.sendGoaway(MAX_ID, options);
    this.#ping = this.#host.ping();
  }

  /** Ends the grace period earlier; a later time has no effect. */
  shorten(deadline: number): void {
    if (this.stage === "over") return;
    this.deadline = Math.min(this.deadline, deadline);
  }

  /**
   * Handles the reply to the PINGs up to `number`: all frames that the peer
   * sent before that reply have arrived.
   */
  onPong(number: number): void {
    if (this.stage !== "announced" || number < this.#ping) return;
    this.stage = "settled";
    this.#host.sendGoaway(this.#host.stopAccepting(), this.#options);
    this.finishIfIdle();
  }

  /** Finishes a settled drain if nothing is in flight or unsent. */
  finishIfIdle(): void {
    if (this.stage === "settled" && this.#host.idle) this.finish();
  }

  /** Ends the calls in flight and the drain, after its grace. */
  expire(): void {
    this.#end();
    this.#host.endCalls();
    this.#host.onDrained();
  }

  /** Ends the drain. */
  finish(): void {
    this.#end();
    this.#host.onDrained();
  }

  #end(): void {
    this.stage = "over";
    this.deadline = Infinity;
  }
}
