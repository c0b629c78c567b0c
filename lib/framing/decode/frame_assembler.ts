/**
 * What all decoders share: the walk over chunks. A layout only looks at bytes
 * that lie side by side and says where a frame ends; the assembler brings them
 * side by side with at most one copy, keeps the books, and fails.
 *
 * ```text
 *   push ──► chunk ──► a frame that lies whole in it is a view of it
 *              │ what is left at its end
 *              ▼
 *            own buffer ──► a frame that straddles chunks, assembled once
 * ```
 */
import { FrameError, type FrameErrorKind } from "../errors.ts";
import type { FrameDecoder } from "../framing.ts";
import { checkLimit } from "./option_checks.ts";
import { ReusedBuffer } from "./reused_buffer.ts";

/** What a layout found wrong with a frame. */
export interface Fault {
  readonly kind: FrameErrorKind;
  /** What was wrong, what was allowed and what to do. */
  readonly detail: string;
  readonly declared?: number | undefined;
  readonly limit?: number | undefined;
  readonly hint?: string | undefined;
  /**
   * How the next frame is found where this one may be skipped: so many bytes
   * from its start, or by {@linkcode FrameLayout.discard}. Absent where nobody
   * can tell.
   */
  readonly resume?: number | "discard" | undefined;
}

/** How frames lie in contiguous bytes, with the state of one decoder. */
export interface FrameLayout {
  /** Limit in payload bytes, for frames whose length is not known yet. */
  limit: number;
  /** The least and the most that `limit` may be. */
  readonly limitRange: readonly [least: number, most: number];
  /** The frame's end has to be searched for, in bytes as they come. */
  readonly greedy: boolean;
  /** Set where `measure` returned 0, or `open` nothing. */
  fault: Fault | undefined;
  /** Payload bytes of the frame measured last, if they are known. */
  readonly declared: number | undefined;
  /** The rest of a frame that is being discarded has not come yet. */
  readonly discarding: boolean;
  /** Bytes of memory that it keeps. */
  readonly held: number;
  /**
   * Looks at the frame that begins at `start`, bytes up to `end` being there.
   *
   * @returns the bytes of the whole frame if they are known, which may be more
   * than have come; minus the bytes needed to say more; 0 for a fault
   */
  measure(bytes: Uint8Array, start: number, end: number): number;
  /** The payload of a whole frame; `undefined` for a fault and for filler. */
  open(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined;
  /** From now on `measure` takes for filler what is left of this frame. */
  discard(): void;
  /** The decoder has nothing to hold. */
  idle(): void;
}

const EMPTY = new Uint8Array(0);
/** How far a greedy layout looks into a new chunk at first; doubles with the frame. */
const FIRST_LOOK = 64;

/** A decoder for any layout. */
export class FrameAssembler implements FrameDecoder {
  /** The chunk being decoded. */
  protected bytes: Uint8Array = EMPTY;
  /** The chunk's memory, at hand for views. */
  protected buffer: ArrayBufferLike = EMPTY.buffer;
  protected origin = 0;
  protected at = 0;
  protected stop = 0;
  /** Frames handed out or skipped. */
  protected frames = 0;
  /** Nothing is assembled, skipped or broken: frames may be cut from the chunk. */
  protected plain = true;
  protected readonly layout: FrameLayout;

  readonly #maySkip: boolean;
  #queue: Uint8Array[] = [];
  #queued = 0;
  /** Stream offset of the chunk's first byte. */
  #base = 0;
  readonly #own = new ReusedBuffer();
  #have = 0;
  /** How many of the own bytes came from the current chunk. */
  #taken = 0;
  /** Bytes that the frame in the own buffer must have for the next look. */
  #need = 0;
  /** Bytes of the whole frame in the own buffer; 0 is unknown. */
  #total = 0;
  #skipLeft = 0;
  #skipStart = 0;
  #skipped = 0;
  #error: FrameError | undefined;

  constructor(layout: FrameLayout, onTooLong: "close" | "skip") {
    this.layout = layout;
    this.#maySkip = onTooLong === "skip";
  }

  get held(): number {
    return this.#own.held + this.layout.held;
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
    if (this.at < this.stop || this.#queue.length > 0) this.#queue.push(chunk);
    else this.#turnTo(chunk);
  }

  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    while (this.at < this.stop || this.#unseen || this.#nextChunk()) {
      if (this.#skipLeft > 0) {
        this.#skip();
        continue;
      }
      const frame = this.#have > 0 ? this.#nextOfOwn() : this.#nextOfChunk();
      if (frame !== undefined) {
        this.frames++;
        return frame;
      }
    }
    if (this.#have === 0) {
      this.#own.idle();
      this.layout.idle();
    }
    return undefined;
  }

  end(): void {
    if (this.#error !== undefined) throw this.#error;
    const skipping = this.#skipLeft > 0 || this.layout.discarding;
    const left = this.#have + this.#unread();
    if (left === 0 && !skipping) return;
    const known = this.#total > 0 || this.#skipLeft > 0;
    this.#fail({
      kind: "truncated",
      detail: skipping
        ? "the stream ended inside a frame that was being skipped"
        : `the stream ended with ${left} bytes of it`,
      declared: known ? this.layout.declared : undefined,
    }, skipping);
  }

  get owed(): boolean {
    return this.#have > 0 || this.#skipLeft > 0 || this.layout.discarding ||
      this.#unread() > 0;
  }

  rest(): Uint8Array {
    const rest = new Uint8Array(this.#have + this.#unread());
    rest.set(this.#own.bytes.subarray(0, this.#have));
    let at = this.#have;
    const chunk = this.bytes.subarray(this.at, this.stop);
    for (const piece of [chunk, ...this.#queue.slice(this.#queued)]) {
      rest.set(piece, at);
      at += piece.length;
    }
    return rest;
  }

  /** Own bytes are left that no layout has looked at since the last frame. */
  get #unseen(): boolean {
    return this.#have > 0 && this.#have >= this.#need;
  }

  #unread(): number {
    let unread = this.stop - this.at;
    for (let i = this.#queued; i < this.#queue.length; i++) {
      unread += this.#queue[i]!.length;
    }
    return unread;
  }

  #turnTo(chunk: Uint8Array): void {
    this.#base += this.stop;
    this.bytes = chunk;
    this.buffer = chunk.buffer;
    this.origin = chunk.byteOffset;
    this.at = 0;
    this.stop = chunk.length;
    this.#taken = 0;
  }

  /** Lets go of the chunk that has been decoded, and turns to the next one. */
  #nextChunk(): boolean {
    const next = this.#queue[this.#queued];
    this.#turnTo(next ?? EMPTY);
    if (next === undefined) return false;
    if (++this.#queued === this.#queue.length) {
      this.#queue = [];
      this.#queued = 0;
    }
    return true;
  }

  #nextOfChunk(): Uint8Array | undefined {
    const measured = this.layout.measure(this.bytes, this.at, this.stop);
    if (measured === 0) return this.#trouble();
    const available = this.stop - this.at;
    if (measured > 0 && measured <= available) {
      const stop = this.at + measured;
      const frame = this.layout.open(this.bytes, this.at, stop);
      if (this.layout.fault !== undefined) return this.#trouble();
      this.at = stop;
      return frame;
    }
    this.#expect(measured);
    this.#take(available);
    return undefined;
  }

  #nextOfOwn(): Uint8Array | undefined {
    const goal = this.layout.greedy && this.#total === 0
      ? Math.max(this.#need, 2 * this.#have, FIRST_LOOK)
      : this.#need;
    this.#take(Math.min(goal - this.#have, this.stop - this.at));
    if (this.#have < this.#need) return undefined;
    const own = this.#own.bytes;
    if (this.#total === 0) {
      const measured = this.layout.measure(own, 0, this.#have);
      if (measured === 0) return this.#trouble();
      this.#expect(measured);
      if (this.#have < this.#need) return undefined;
    }
    const frame = this.layout.open(own, 0, this.#total);
    if (this.layout.fault !== undefined) return this.#trouble();
    this.#consumeOwn(this.#total, frame !== undefined);
    return frame;
  }

  #expect(measured: number): void {
    this.#total = measured > 0 ? measured : 0;
    this.#need = Math.abs(measured);
    this.plain = false;
  }

  /** Moves bytes of the chunk behind those of the own buffer. */
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
   * Lets go of the first `count` own bytes. What lies behind them was looked
   * at too early and goes back to the chunk it came from; what came from an
   * earlier one (a delimiter that might have become a longer one) stays. If
   * the first bytes are lent as a frame, nothing may be moved over them.
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

  /** Skips the frame at fault where that is allowed and possible; or fails. */
  #trouble(): undefined {
    const fault = this.layout.fault!;
    if (!this.#maySkip || fault.resume === undefined) this.#fail(fault, false);
    this.layout.fault = undefined;
    this.#skipped++;
    this.frames++;
    this.#skipStart = this.#frameStart();
    if (fault.resume === "discard") {
      this.layout.discard();
      this.#total = 0;
      if (this.#have > 0) this.#discardOwn();
    } else {
      const inOwn = Math.min(this.#have, fault.resume);
      if (this.#have > 0) this.#consumeOwn(inOwn, false);
      this.#skipLeft = fault.resume - inOwn;
      this.plain = false;
      this.#skip();
    }
    return undefined;
  }

  #discardOwn(): void {
    const filler = this.layout.measure(this.#own.bytes, 0, this.#have);
    if (filler > 0) {
      this.layout.open(this.#own.bytes, 0, filler);
      this.#consumeOwn(filler, false);
    }
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
    this.#error = new FrameError(
      fault.kind,
      `Cannot decode frame ${frameIndex} at byte ${streamOffset} of the stream: ${fault.detail}`,
      { ...fault, streamOffset, frameIndex, head: this.#head() },
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
