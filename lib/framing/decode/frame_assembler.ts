/**
 * Assembles frames from chunks, for the decoders of all layouts.
 *
 * A layout sees only contiguous bytes and reports where a frame ends. The
 * assembler makes the bytes contiguous, counts frames, tracks offsets, and
 * throws the errors.
 *
 * ```text
 *   push ──► chunk ──► a frame that is complete in the chunk is a view of it
 *              │ remaining bytes
 *              ▼
 *            own buffer ──► a frame that spans chunks, copied
 * ```
 *
 * @module
 */
import { FrameError, type FrameErrorCode } from "../errors.ts";
import type { FrameDecoder } from "../framing.ts";
import { checkLimit } from "./option_checks.ts";
import { ReusedBuffer } from "./reused_buffer.ts";

/** A fault that a layout found in a frame. */
export interface Fault {
  readonly code: FrameErrorCode;
  /** The rest of the error message: the fault, the limit and what to do. */
  readonly detail: string;
  readonly declared?: number | undefined;
  readonly limit?: number | undefined;
  readonly hint?: string | undefined;
  /**
   * Position of the next frame, if the invalid one may be skipped. It is the
   * number of bytes from the invalid frame's start, or `"discard"` to use
   * {@linkcode FrameLayout.discard}. Absent if the next frame cannot be found.
   */
  readonly resume?: number | "discard" | undefined;
}

/** A layout of frames, with the state of one decoder. */
export interface FrameLayout {
  /**
   * Maximum payload length in bytes. A change applies to every frame whose
   * length is not known yet.
   */
  limit: number;
  /** Smallest and largest valid `limit`. */
  readonly limitRange: readonly [least: number, most: number];
  /** Whether the layout must search for the frame's end as bytes arrive. */
  readonly greedy: boolean;
  /** The fault that `measure` or `open` found, if any. */
  fault: Fault | undefined;
  /** Payload length in bytes of the last measured frame, if known. */
  readonly declared: number | undefined;
  /** Whether a frame is being discarded until its end arrives. */
  readonly discarding: boolean;
  /** Whether the end of the stream completes a frame that has begun. */
  readonly endCompletes: boolean;
  /** Number of bytes of memory that the layout owns. */
  readonly held: number;
  /**
   * Measures the frame that begins at `start`; the bytes before `end` are
   * available.
   *
   * @returns the length of the whole frame if it is known, even if it exceeds
   * the available bytes; otherwise the negated number of bytes needed to
   * continue; 0 for a fault
   */
  measure(bytes: Uint8Array, start: number, end: number): number;
  /** Like `measure`, after the end of the stream: no byte follows `end`. */
  measureLast(bytes: Uint8Array, start: number, end: number): number;
  /**
   * Returns the payload of a complete frame; `undefined` for a fault or filler.
   * Filler is bytes to drop, such as those of a discarded frame.
   */
  open(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined;
  /** Makes `measure` report the rest of this frame as filler. */
  discard(): void;
  /** Called when the decoder holds no bytes. */
  idle(): void;
}

const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const NONE: readonly Uint8Array[] = [];
/**
 * Number of bytes that a greedy layout examines first. Each further attempt
 * examines twice as many, if they have arrived.
 */
const FIRST_LOOK = 64;

/** A decoder for any {@linkcode FrameLayout}. */
export class FrameAssembler implements FrameDecoder {
  /** The chunk being decoded. */
  protected bytes: Uint8Array = EMPTY;
  /** The chunk's memory, cached to create views. */
  protected buffer: ArrayBufferLike = EMPTY.buffer;
  protected origin = 0;
  protected at = 0;
  protected stop = 0;
  /** Number of frames returned or skipped. */
  protected frames = 0;
  /**
   * Whether the next frame begins in the chunk. If so, no frame is being
   * assembled or skipped.
   */
  protected plain = true;
  protected readonly layout: FrameLayout;

  readonly #maySkip: boolean;
  /** Created on first use: a server may hold thousands of idle connections. */
  #queue: Uint8Array[] | undefined = undefined;
  #queued = 0;
  /** Stream offset of the chunk's first byte. */
  #base = 0;
  /** Created on first use, like `#queue`. */
  #ownBuffer: ReusedBuffer | undefined = undefined;
  /** Number of bytes in `#own`. */
  #have = 0;
  /** Number of bytes in `#own` that are from the current chunk. */
  #taken = 0;
  /** Number of bytes that `#own` needs before the next measurement. */
  #need = 0;
  /** Length of the whole frame that begins in `#own`; 0 if unknown. */
  #total = 0;
  #skipLeft = 0;
  #skipStart = 0;
  #skipped = 0;
  /** Whether the stream has ended. */
  #ended = false;
  #error: FrameError | undefined;

  constructor(layout: FrameLayout, onTooLarge: "close" | "skip") {
    this.layout = layout;
    this.#maySkip = onTooLarge === "skip";
  }

  get held(): number {
    return (this.#ownBuffer?.held ?? 0) + this.layout.held;
  }

  get skipped(): number {
    return this.#skipped;
  }

  get maxFrameLength(): number {
    return this.layout.limit;
  }

  set maxFrameLength(value: number) {
    this.layout.limit = checkLimit(value, this.layout.limitRange);
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#error !== undefined) return;
    this.#ended = false;
    if (this.at < this.stop || this.#queue !== undefined) {
      (this.#queue ??= []).push(chunk);
    } else this.#useChunk(chunk);
  }

  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    while (
      this.at < this.stop || this.#unseen || this.#nextChunk() ||
      (this.#ended && this.#decideLast())
    ) {
      if (this.#skipLeft > 0) {
        this.#skip();
        continue;
      }
      const frame = this.#have > 0
        ? this.#nextFromOwn()
        : this.#nextFromChunk();
      if (frame !== undefined) {
        this.frames++;
        return frame;
      }
    }
    if (this.#have === 0) {
      this.#ownBuffer?.idle();
      this.layout.idle();
    }
    return undefined;
  }

  end(): void {
    if (this.#error !== undefined) throw this.#error;
    this.#ended = true;
    if (this.#unread() === 0) this.#decideLast();
  }

  /**
   * Measures the bytes that are left when the stream ends. Returns
   * whether `next` can continue with them; throws if a frame is incomplete.
   */
  #decideLast(): boolean {
    if (this.#have > 0 && this.#total === 0) {
      const own = this.#own.bytes;
      const measured = this.layout.measureLast(own, 0, this.#have);
      if (measured === 0) {
        this.#handleFault();
        return this.#decideLast(); // the frame is being skipped
      }
      this.#expect(measured);
    }
    if (this.#unseen) return true;
    const skipping = this.#skipLeft > 0 || this.layout.discarding;
    const completed = this.layout.endCompletes && this.#total === 0;
    if (this.#have === 0 && (!skipping || completed)) return false;
    const left = this.#have;
    this.#fail({
      code: "truncated",
      detail: skipping
        ? "the stream ended inside a frame that was being skipped"
        : `the stream ended after ${left} bytes of it`,
      declared: this.layout.declared,
    }, skipping);
  }

  get pending(): number {
    const left = this.#have + this.#unread();
    if (this.#skipLeft === 0 && !this.layout.discarding) return left;
    return this.#frameStart() + left - this.#skipStart;
  }

  rest(): Uint8Array {
    const rest = new Uint8Array(this.#have + this.#unread());
    rest.set(this.#own.bytes.subarray(0, this.#have));
    let at = this.#have;
    const chunk = this.bytes.subarray(this.at, this.stop);
    for (
      const piece of [chunk, ...(this.#queue?.slice(this.#queued) ?? NONE)]
    ) {
      rest.set(piece, at);
      at += piece.length;
    }
    return rest;
  }

  /** Whether the decoder's own buffer contains bytes not measured yet. */
  get #unseen(): boolean {
    return this.#have > 0 && this.#have >= this.#need;
  }

  get #own(): ReusedBuffer {
    return this.#ownBuffer ??= new ReusedBuffer();
  }

  #unread(): number {
    let unread = this.stop - this.at;
    const queue = this.#queue ?? NONE;
    for (let i = this.#queued; i < queue.length; i++) {
      unread += queue[i]!.length; // in range: the loop's condition
    }
    return unread;
  }

  #useChunk(chunk: Uint8Array): void {
    this.#base += this.stop;
    this.bytes = chunk;
    this.buffer = chunk.buffer;
    this.origin = chunk.byteOffset;
    this.at = 0;
    this.stop = chunk.length;
    this.#taken = 0;
  }

  /** Drops the decoded chunk and moves on to the next one. */
  #nextChunk(): boolean {
    const next = this.#queue?.[this.#queued];
    this.#useChunk(next ?? EMPTY);
    if (next === undefined) return false;
    if (++this.#queued === this.#queue?.length) {
      this.#queue = undefined;
      this.#queued = 0;
    }
    return true;
  }

  #nextFromChunk(): Uint8Array | undefined {
    const measured = this.layout.measure(this.bytes, this.at, this.stop);
    if (measured === 0) return this.#handleFault();
    const available = this.stop - this.at;
    if (measured > 0 && measured <= available) {
      const stop = this.at + measured;
      const frame = this.layout.open(this.bytes, this.at, stop);
      if (this.layout.fault !== undefined) return this.#handleFault();
      this.at = stop;
      return frame;
    }
    this.#expect(measured);
    this.#take(available);
    return undefined;
  }

  #nextFromOwn(): Uint8Array | undefined {
    const goal = this.layout.greedy && this.#total === 0
      ? Math.max(this.#need, 2 * this.#have, FIRST_LOOK)
      : this.#need;
    this.#take(Math.max(0, Math.min(goal - this.#have, this.stop - this.at)));
    if (this.#have < this.#need) return undefined;
    const own = this.#own.bytes;
    if (this.#total === 0) {
      const measured = this.layout.measure(own, 0, this.#have);
      if (measured === 0) return this.#handleFault();
      this.#expect(measured);
      if (this.#have < this.#need) return undefined;
    }
    const frame = this.layout.open(own, 0, this.#total);
    if (this.layout.fault !== undefined) return this.#handleFault();
    this.#consumeOwn(this.#total, frame !== undefined);
    return frame;
  }

  #expect(measured: number): void {
    this.#total = measured > 0 ? measured : 0;
    this.#need = Math.abs(measured);
    this.plain = false;
  }

  /** Appends bytes of the chunk to this decoder's own buffer. */
  #take(count: number): void {
    const have = this.#have;
    const own = this.#own.reserve(have + count, have, this.#total || Infinity);
    if (count < 16) {
      for (let i = 0; i < count; i++) own[have + i] = this.bytes[this.at + i]!;
    } else {
      own.set(this.bytes.subarray(this.at, this.at + count), have);
    }
    this.#have = have + count;
    this.#taken += count;
    this.at += count;
  }

  /**
   * Drops the first `count` bytes of this decoder's own buffer. Any bytes after
   * them were copied too early: those of the current chunk are returned to it,
   * and those of an earlier chunk stay in the buffer. For example, bytes of an
   * earlier chunk are left if they looked like part of a longer delimiter. If
   * the dropped bytes are lent out as a frame, they are not overwritten.
   */
  #consumeOwn(count: number, lent: boolean): void {
    const surplus = this.#have - count;
    const back = Math.min(surplus, this.#taken);
    this.at -= back;
    this.#have = this.#need = surplus - back;
    this.#total = 0;
    this.#taken = 0;
    this.plain = this.#have === 0;
    if (this.plain) this.#own.done(count);
    else this.#own.moveToFront(count, this.#have, lent);
  }

  /**
   * Skips the invalid frame if that is allowed and possible; otherwise throws.
   */
  #handleFault(): undefined {
    const fault = this.layout.fault!;
    if (!this.#maySkip || fault.resume === undefined) this.#fail(fault, false);
    this.layout.fault = undefined;
    this.#skipped++;
    this.frames++;
    this.#skipStart = this.#frameStart();
    if (fault.resume === "discard") this.layout.discard();
    else {
      const inOwn = Math.min(this.#have, fault.resume);
      if (this.#have > 0) this.#consumeOwn(inOwn, false);
      this.#skipLeft = fault.resume - inOwn;
      this.#skip();
    }
    return undefined;
  }

  #skip(): void {
    const count = Math.min(this.#skipLeft, this.stop - this.at);
    this.at += count;
    this.#skipLeft -= count;
    this.plain = this.#skipLeft === 0 && this.#have === 0;
  }

  #frameStart(): number {
    return this.#base + this.at - this.#have;
  }

  #fail(fault: Fault, skipping: boolean): never {
    const streamOffset = skipping ? this.#skipStart : this.#frameStart();
    const frameIndex = skipping ? this.frames - 1 : this.frames;
    this.plain = false;
    const { code, detail, declared, limit, hint } = fault;
    this.#error = new FrameError(
      `Cannot decode frame ${frameIndex} at byte ${streamOffset} of the stream: ${detail}`,
      {
        code,
        declared,
        limit,
        hint,
        streamOffset,
        frameIndex,
        head: this.#head(),
      },
    );
    throw this.#error;
  }

  #head(): Uint8Array {
    const head = new Uint8Array(Math.min(16, this.#have + this.stop - this.at));
    const own = Math.min(this.#have, head.length);
    head.set(this.#own.bytes.subarray(0, own));
    head.set(
      this.bytes.subarray(this.at, this.at + head.length - own),
      own,
    );
    return head;
  }
}
