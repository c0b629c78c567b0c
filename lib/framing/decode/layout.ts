/**
 * Base classes of the layouts that `FrameAssembler` uses.
 *
 * @module
 */
import type { Fault, FrameLayout } from "./frame_assembler.ts";
import { view } from "./uint.ts";

/** Base class of the layouts, with defaults that suit most of them. */
export abstract class Layout implements FrameLayout {
  limit: number;
  fault: Fault | undefined = undefined;
  declared: number | undefined = undefined;
  readonly limitRange: readonly [number, number];

  constructor(limit: number, limitRange: readonly [number, number]) {
    this.limit = limit;
    this.limitRange = limitRange;
  }

  get greedy(): boolean {
    return false;
  }

  get discarding(): boolean {
    return false;
  }

  get endCompletes(): boolean {
    return false;
  }

  get held(): number {
    return 0;
  }

  /** The end of the stream decides nothing in most layouts. */
  measureLast(_bytes: Uint8Array, start: number, end: number): number {
    return -(end - start + 1);
  }

  abstract measure(bytes: Uint8Array, start: number, end: number): number;

  open(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    return view(bytes, start, end);
  }

  discard(): void {}

  idle(): void {}

  /** Sets the fault and returns 0, which `measure` returns for a fault. */
  protected refuse(fault: Fault): 0 {
    this.fault = fault;
    return 0;
  }

  /** Refuses a frame that declares a payload longer than the limit. */
  protected refuseLong(
    declared: number,
    resume: number,
    hint?: string,
  ): 0 {
    return this.refuse({
      code: "too-large",
      detail:
        `it declares ${declared} payload bytes; 'maxFrameLength' allows ${this.limit}`,
      declared,
      limit: this.limit,
      resume: Number.isSafeInteger(resume) ? resume : undefined,
      hint,
    });
  }
}

/**
 * Base class of layouts whose frames end with a terminator. The search
 * for it resumes where the last one stopped, and a frame that is too large is
 * discarded up to its terminator.
 */
export abstract class TerminatedLayout extends Layout {
  /** Number of bytes at the frame's start in which no terminator begins. */
  protected searched = 0;
  #discarding = false;
  #filler = false;

  override get greedy(): boolean {
    return true;
  }

  override get discarding(): boolean {
    return this.#discarding;
  }

  override discard(): void {
    this.#discarding = true;
  }

  /**
   * Returns the number of bytes before the terminator. If no terminator is
   * found, sets `searched` and returns a negative number.
   */
  protected abstract find(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number;
  /** Like `find`, after the end of the stream; does not set `searched`. */
  protected findLast(
    _bytes: Uint8Array,
    _start: number,
    _end: number,
  ): number {
    return -1;
  }
  /** Length in bytes of the terminator that was found. */
  protected abstract readonly terminator: number;
  /** Maximum number of bytes before the terminator. */
  protected abstract readonly maxEncoded: number;
  /** Whether a terminator at the start ends an empty frame; otherwise it is filler. */
  protected abstract readonly emptyFrames: boolean;
  /** Returns the payload of a frame. */
  protected abstract unwrap(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined;

  measure(bytes: Uint8Array, start: number, end: number): number {
    return this.#judge(this.find(bytes, start, end), end - start);
  }

  override measureLast(bytes: Uint8Array, start: number, end: number): number {
    return this.#judge(this.findLast(bytes, start, end), end - start);
  }

  #judge(found: number, available: number): number {
    if (this.#discarding) return this.#measureDiscarded(found, available);
    if (found > this.maxEncoded || this.searched > this.maxEncoded) {
      return this.refuse({
        code: "too-large",
        detail:
          `its payload exceeds the 'maxFrameLength' of ${this.limit} bytes`,
        limit: this.limit,
        resume: "discard",
      });
    }
    if (found < 0) return -(available + 1);
    this.#filler = found === 0 && !this.emptyFrames;
    return found + this.terminator;
  }

  #measureDiscarded(found: number, available: number): number {
    this.#filler = true;
    if (found >= 0) {
      this.#discarding = false;
      return found + this.terminator;
    }
    const { searched } = this;
    return searched > 0 ? searched : -(available + 1);
  }

  override open(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined {
    this.searched = 0;
    return this.#filler ? undefined : this.unwrap(bytes, start, end);
  }
}
