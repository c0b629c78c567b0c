/**
 * Putting a message together from its frames, within bounds on its bytes, its
 * frames, the time it takes, and the bytes of all unfinished ones together.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { SessionLimits } from "./limits.ts";
import { Timed } from "./wheel.ts";

/** Bytes of unfinished messages of a connection. */
export interface AssemblyBudget {
  /** Bytes held now. */
  used: number;
}

/** Bytes in front of a body, metadata apart. */
const HEAD = 1024;

/** Which bound a message broke. */
export type AssemblyFault = "too-large" | "too-many" | "over-budget";

/** One unfinished message. */
export class Assembly extends Timed {
  /** Credit that its frames cost and that has not been returned. */
  owed = 0;
  #bytes = 0;
  readonly #parts: Uint8Array[] = [];
  readonly #budget: AssemblyBudget;
  readonly #limits: SessionLimits;
  readonly #expired: (now: number) => void;

  /**
   * @param budget shared by the connection
   * @param limits bounds
   * @param expired called when the wheel finds it late
   */
  constructor(
    budget: AssemblyBudget,
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
  add(part: Uint8Array): AssemblyFault | undefined {
    const { maxMessage, maxFragments, maxAssembly } = this.#limits;
    // What stands in front of a body (method, fields) is not the message's.
    const most = maxMessage + this.#limits.maxMetadata + HEAD;
    if (this.#bytes + part.length > most) return "too-large";
    if (this.#parts.length === maxFragments) return "too-many";
    if (this.#budget.used + part.length > maxAssembly) return "over-budget";
    this.#budget.used += part.length;
    this.#bytes += part.length;
    this.#parts.push(part.slice());
    return undefined;
  }

  /** The whole message; the budget has its bytes back. */
  finish(): Uint8Array {
    const whole = concat(this.#parts);
    this.drop();
    return whole;
  }

  /** Gives up; the budget has its bytes back. */
  drop(): void {
    this.#budget.used -= this.#bytes;
    this.#bytes = 0;
    this.#parts.length = 0;
  }

  /** @inheritdoc */
  override expire(now: number): void {
    this.#expired(now);
  }
}
