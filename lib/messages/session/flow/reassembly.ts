/**
 * Putting a message together from its frames, within bounds on its bytes, its
 * frames, the time it takes, and the bytes of all unfinished ones together.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { SessionLimits } from "../wire/limits.ts";
import { Timed } from "../time/timer_wheel.ts";

/** Bytes of unfinished messages of a connection. */
export interface ReassemblyBudget {
  /** Bytes held now. */
  used: number;
}

/** Bytes in front of a body, metadata apart. */
const HEAD = 1024;

/** Parts below so many bytes are put together at once: an array of its own would cost more than the part. */
const SMALL_PART = 1024;
/** Bytes of what small parts are put into. */
const CHUNK = 4 * SMALL_PART;

const NO_CHUNK = new Uint8Array(0);

/** Which bound a message broke. */
export type ReassemblyFault = "too-large" | "too-many" | "over-budget";

/** One unfinished message. */
export class Reassembly extends Timed {
  /** Credit that its frames cost and that has not been returned. */
  owed = 0;
  #bytes = 0;
  /** What of it the budget counts. */
  #claimed = 0;
  #count = 0;
  /** Whole parts, and chunks of small ones. */
  readonly #pieces: Uint8Array[] = [];
  /** The chunk that is being filled; what it has so far is the last piece. */
  #chunk: Uint8Array = NO_CHUNK;
  readonly #budget: ReassemblyBudget;
  readonly #limits: SessionLimits;
  readonly #expired: (now: number) => void;

  /**
   * @param budget shared by the connection
   * @param limits bounds
   * @param expired called when the wheel finds it late
   */
  constructor(
    budget: ReassemblyBudget,
    limits: SessionLimits,
    expired: (now: number) => void,
  ) {
    super();
    this.#budget = budget;
    this.#limits = limits;
    this.#expired = expired;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a copy of the next part, or says which bound it breaks. */
  add(part: Uint8Array): ReassemblyFault | undefined {
    const { maxMessage, maxFragments } = this.#limits;
    // What stands in front of a body (method, fields) is not the message's.
    const most = maxMessage + this.#limits.maxMetadata + HEAD;
    if (this.#bytes + part.length > most) return "too-large";
    if (this.#count === maxFragments) return "too-many";
    this.#count++;
    this.#bytes += part.length;
    if (part.length < SMALL_PART) this.#addSmall(part);
    else this.#addPiece(part.slice(), NO_CHUNK);
    return undefined;
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

  /** Has the parts so far counted in the budget: nothing else bounds them from now on. */
  claim(): ReassemblyFault | undefined {
    const cost = this.#bytes - this.#claimed;
    if (this.#budget.used + cost > this.#limits.maxAssembly) {
      return "over-budget";
    }
    this.#budget.used += cost;
    this.#claimed += cost;
    return undefined;
  }

  /** The whole message; the budget has its bytes back. */
  finish(): Uint8Array {
    const whole = concat(this.#pieces);
    this.drop();
    return whole;
  }

  /** Gives up; the budget has its bytes back. */
  drop(): void {
    this.#budget.used -= this.#claimed;
    this.#claimed = this.#bytes = 0;
    this.#pieces.length = 0;
    this.#chunk = NO_CHUNK;
  }

  /** @inheritdoc */
  override expire(now: number): void {
    this.#expired(now);
  }
}
