/**
 * Reassembles a message from its frames. There are limits on the number of its
 * bytes and frames, on its rate, and on the bytes of all unfinished messages
 * together.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { SessionLimits } from "../wire/limits.ts";
import type { LinkTime } from "../time/link_time.ts";
import { TimerEntry } from "../time/timer_wheel.ts";

/** Bounds the bytes that a connection holds in unfinished messages. */
export interface ReassemblyBudget {
  /** Number of bytes currently claimed. */
  used: number;
  /** Bytes that may be claimed; one message alone may exceed them. */
  readonly limit: number;
}

/** The part of a session's state that a reassembly needs. */
export interface ReassemblyHost {
  /** This side's limits. */
  readonly limits: SessionLimits;
  /** Time in which unfinished messages must arrive. */
  readonly linkTime: LinkTime;
}

/** Number of bytes that may precede a body, in addition to metadata. */
const MAX_HEAD = 1024;

/** Parts below this size share a chunk. Separate arrays would cost more. */
const SMALL_PART = 1024;
/** Size of a chunk in bytes. */
const CHUNK = 4 * SMALL_PART;

const NO_CHUNK = /* @__PURE__ */ new Uint8Array(0);

/** The limit that a message exceeded. */
export type ReassemblyFault = "too-large" | "too-many" | "over-budget";

/**
 * An unfinished message.
 *
 * It may be late by `assemblyTimeout`. Each part that arrives makes up for the time
 * that it takes at `minReadRate`, so a large message may take longer, but bytes that
 * arrive faster do not pay for a later pause.
 */
export class Reassembly extends TimerEntry {
  /** Charge of its frames that has not been returned yet. */
  owed = 0;
  /** Number of bytes claimed from a budget. */
  claimed = 0;
  #bytes = 0;
  #count = 0;
  /** Large parts, and filled sections of chunks. */
  readonly #pieces: Uint8Array[] = [];
  /** The chunk that is being filled; its filled section is the last piece. */
  #chunk: Uint8Array = NO_CHUNK;
  readonly #host: ReassemblyHost;
  readonly #budget: ReassemblyBudget | undefined;
  readonly #expired: (reason: string) => void;

  /**
   * @param host limits, deadlines and the time
   * @param budget budget that {@linkcode Reassembly.claim} claims; `undefined`
   * for an item, which claims the budget for items
   * @param expired called if the message arrives too slowly, with the reason
   */
  constructor(
    host: ReassemblyHost,
    budget: ReassemblyBudget | undefined,
    expired: (reason: string) => void,
  ) {
    super();
    this.#host = host;
    this.#budget = budget;
    this.#expired = expired;
  }

  /** Number of bytes currently held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a copy of a part; returns the exceeded limit, if any. */
  add(part: Uint8Array): ReassemblyFault | undefined {
    const { maxMessage, maxMetadata, maxFragments } = this.#host.limits;
    // maxMessage limits the body, not the method number and the fields before it.
    const maxBytes = maxMessage + maxMetadata + MAX_HEAD;
    if (this.#bytes + part.length > maxBytes) return "too-large";
    if (this.#count === maxFragments) return "too-many";
    this.#count++;
    this.#bytes += part.length;
    this.#extendTimer(part.length);
    if (part.length < SMALL_PART) this.#addSmall(part);
    else this.#addPiece(part.slice(), NO_CHUNK);
    return undefined;
  }

  /** Starts the time for the next parts, unless it has started. */
  startTimer(): void {
    if (this.slot >= 0) return;
    const { limits, linkTime } = this.#host;
    linkTime.add(this, linkTime.now + limits.assemblyTimeout);
  }

  /** Stops the time while the peer cannot send. */
  stopTimer(): void {
    this.#host.linkTime.remove(this);
  }

  #extendTimer(bytes: number): void {
    if (this.slot < 0) return;
    const { limits, linkTime } = this.#host;
    const { assemblyTimeout, minReadRate } = limits;
    const earned = minReadRate === 0 ? Infinity : bytes * 1000 / minReadRate;
    const latest = linkTime.now + assemblyTimeout;
    linkTime.add(this, Math.min(latest, this.dueAt + earned));
  }

  #addPiece(piece: Uint8Array, chunk: Uint8Array): void {
    this.#pieces.push(piece);
    this.#chunk = chunk;
  }

  #addSmall(part: Uint8Array): void {
    if (part.length === 0) return;
    const chunk = this.#chunk;
    const filled = chunk === NO_CHUNK ? 0 : this.#pieces.at(-1)?.length ?? 0;
    const end = filled + part.length;
    if (end <= chunk.length) {
      chunk.set(part, filled);
      this.#pieces[this.#pieces.length - 1] = chunk.subarray(0, end);
    } else {
      const next = new Uint8Array(CHUNK);
      next.set(part);
      this.#addPiece(next.subarray(0, part.length), next);
    }
  }

  /** Claims budget for the parts received so far. */
  claim(): ReassemblyFault | undefined {
    const budget = this.#budget;
    if (budget === undefined) return undefined;
    const cost = this.#bytes - this.claimed;
    const alone = budget.used === this.claimed;
    if (!alone && budget.used + cost > budget.limit) return "over-budget";
    budget.used += cost;
    this.claimed += cost;
    return undefined;
  }

  /** Returns the whole message, stops its time and releases its claim. */
  finish(): Uint8Array {
    const whole = concat(this.#pieces);
    this.drop();
    return whole;
  }

  /** Discards the parts, stops the time and releases their claim. */
  drop(): void {
    this.stopTimer();
    if (this.#budget !== undefined) {
      this.#budget.used -= this.claimed;
      this.claimed = 0;
    }
    this.#bytes = 0;
    this.#pieces.length = 0;
    this.#chunk = NO_CHUNK;
  }

  /** @inheritdoc */
  override expire(): void {
    const { assemblyTimeout, minReadRate } = this.#host.limits;
    this.#expired(
      `less than ${minReadRate} bytes per second of it arrived for ${assemblyTimeout} ms (limits minReadRate, assemblyTimeout)`,
    );
  }
}
