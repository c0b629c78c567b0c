/**
 * How this side drains (PROTOCOL.md, "Drain"). The first GOAWAY asks the peer
 * to start nothing new. After one round trip, every request that the peer sent
 * before it read that GOAWAY has arrived. The second GOAWAY then contains the
 * id of the last accepted call.
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

/** The actions that a drain takes in its session. */
export interface DrainHost {
  /** Sends a GOAWAY with code `none`. */
  sendGoaway(lastId: number): void;
  /** Sends a PING and returns its number. */
  ping(): number;
  /** Stops accepting calls; returns the id of the last accepted one. */
  stopAccepting(): number;
  /** Whether nothing is in flight or unsent. */
  readonly idle: boolean;
  /** Called when the drain is over. */
  onDrained(): void;
}

/** The progress of this side's drain. */
export class Drain {
  /** The current stage. */
  stage: DrainStage = "none";
  /** Time in ms at which the grace period ends. */
  deadline = Infinity;
  #ping = Infinity;
  readonly #host: DrainHost;

  /** @param host takes the actions */
  constructor(host: DrainHost) {
    this.#host = host;
  }

  /** Announces the drain to the peer. */
  begin(deadline: number): void {
    this.stage = "announced";
    this.deadline = deadline;
    this.#host.sendGoaway(MAX_ID);
    this.#ping = this.#host.ping();
  }

  /**
   * Handles the reply to the PINGs up to `number`: all frames that the peer
   * sent before that reply have arrived.
   */
  onPong(number: number): void {
    if (this.stage !== "announced" || number < this.#ping) return;
    this.stage = "settled";
    this.#host.sendGoaway(this.#host.stopAccepting());
    this.finishIfIdle();
  }

  /** Finishes a settled drain if nothing is in flight or unsent. */
  finishIfIdle(): void {
    if (this.stage === "settled" && this.#host.idle) this.finish();
  }

  /** Ends the drain, with or without calls in flight. */
  finish(): void {
    this.stage = "over";
    this.deadline = Infinity;
    this.#host.onDrained();
  }
}
