/**
 * How this side drains (PROTOCOL.md, "Drain"): the peer first hears that
 * nothing new is to be started, and after a round trip, when all that it had
 * started before it heard has come, which call was the last.
 *
 * ```text
 *  none ──begin──▶ announced ──PONG──▶ settled ──nothing in flight──▶ over
 *                      └──────────grace has passed──────────────────────┘
 * ```
 *
 * @module
 */
import { MAX_ID } from "../wire/frame_header.ts";

/** How far a drain has got. */
export type DrainStage = "none" | "announced" | "settled" | "over";

/** What a drain makes happen. */
export interface DrainHost {
  /** Sends a GOAWAY in good order. */
  sayGoodbye(lastId: number): void;
  /** Sends a PING and gives its number. */
  ping(): number;
  /** Takes no call any more that has not come yet, and gives the id of the last that has. */
  settle(): number;
  /** Whether nothing is in flight or unsent. */
  readonly quiet: boolean;
  /** It is over. */
  onDrained(): void;
}

/** How far this side's drain has got. */
export class Drain {
  /** How far it has got. */
  stage: DrainStage = "none";
  /** When its grace is over, ms. */
  deadline = Infinity;
  #ping = Infinity;
  readonly #host: DrainHost;

  /** @param host what it makes happen */
  constructor(host: DrainHost) {
    this.#host = host;
  }

  /** Announces it. */
  begin(deadline: number): void {
    this.stage = "announced";
    this.deadline = deadline;
    this.#host.sayGoodbye(MAX_ID);
    this.#ping = this.#host.ping();
  }

  /** The peer has answered PINGs up to that number: what it sent before them has come. */
  answered(number: number): void {
    if (this.stage !== "announced" || number < this.#ping) return;
    this.stage = "settled";
    this.#host.sayGoodbye(this.#host.settle());
    this.check();
  }

  /** Whether the last call has ended. */
  check(): void {
    if (this.stage === "settled" && this.#host.quiet) this.finish();
  }

  /** Ends it, with or without calls in flight. */
  finish(): void {
    this.stage = "over";
    this.deadline = Infinity;
    this.#host.onDrained();
  }
}
