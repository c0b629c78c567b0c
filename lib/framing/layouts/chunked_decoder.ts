/**
 * Decoder for `chunked()`: joins the parts of a message.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { type ChunkedConfig, partFor } from "./chunked_config.ts";
import { view } from "../decode/uint.ts";
import { FrameError, type FrameErrorCode } from "../errors.ts";
import type { FrameDecoder, FrameEncoder } from "../framing.ts";
import { checkLimit } from "../decode/option_checks.ts";
import type { SplitRule } from "./split_rules.ts";
import { ReusedBuffer } from "../decode/reused_buffer.ts";

/** The decoder for `chunked`. */
export class ChunkedDecoder implements FrameDecoder {
  readonly #config: ChunkedConfig;
  readonly #rule: SplitRule;
  /** Number of header bytes of each part. */
  readonly #header: number;
  /** Number of header bytes that a message does not contain. */
  readonly #dropped: number;
  readonly #inner: FrameDecoder;
  readonly #data = new ReusedBuffer();
  /** Headers of the parts in `#data`, for `rest()`. */
  readonly #headers = new ReusedBuffer();
  #partEnds: number[] = [];
  /** Number of data bytes received so far, without headers. */
  #have = 0;
  #parts = 0;
  /** Number of bytes received so far. */
  #received = 0;
  /** Number of bytes received before the message in progress. */
  #start = 0;
  /** The part being processed, or the invalid part after an error. */
  #current: Uint8Array | undefined;
  /** Whether the remaining parts of the message are being skipped. */
  #skipping = false;
  #skipped = 0;
  #messages = 0;
  #limit: number;
  #ended = false;
  #error: FrameError | undefined;

  constructor(config: ChunkedConfig) {
    this.#config = config;
    this.#inner = config.inner.decoder();
    this.#rule = config.rule;
    this.#header = config.rule.headerLength;
    this.#dropped = config.rule.keepHeader ? 0 : this.#header;
    this.#limit = config.limit;
  }

  get held(): number {
    return this.#inner.held + this.#data.held + this.#headers.held +
      8 * this.#partEnds.length;
  }

  get pending(): number {
    return this.#parts > 0 || this.#skipping
      ? this.#received - this.#start
      : this.#inner.pending;
  }

  get skipped(): number {
    return this.#skipped;
  }

  get maxFrameLength(): number {
    return this.#limit;
  }

  set maxFrameLength(value: number) {
    const limit = checkLimit(value, this.#config.range);
    const part = partFor(limit, this.#config);
    if (part > this.#inner.maxFrameLength) this.#inner.maxFrameLength = part;
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#error !== undefined) return;
    this.#ended = false;
    this.#received += chunk.length;
    this.#inner.push(chunk);
  }

  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    for (let part; (part = this.#nextPart()) !== undefined;) {
      const last = this.#isLast(part);
      if (
        last && this.#parts === 0 && !this.#skipping &&
        part.length - this.#dropped <= this.#limit
      ) {
        this.#start = this.#received - this.#inner.pending;
        this.#messages++;
        return this.#dropped === 0
          ? part
          : view(part, this.#dropped, part.length);
      }
      this.#current = part;
      const message = this.#accept(part, last);
      this.#current = undefined;
      if (this.#parts === 0 && !this.#skipping) {
        this.#start = this.#received - this.#inner.pending;
      }
      if (message === undefined) continue;
      this.#messages++;
      return message;
    }
    if (this.#ended) this.#checkComplete();
    if (this.#parts === 0) {
      this.#data.idle();
      this.#headers.idle();
    }
    return undefined;
  }

  #isLast(part: Uint8Array): boolean {
    if (part.length < this.#header) {
      this.#current = part;
      this.#fail("bad-header", "a part is shorter than its own header");
    }
    try {
      return this.#rule.isLast(part);
    } catch (error) {
      this.#current = part; // for rest()
      this.#fail("bad-header", messageOf(error));
    }
  }

  #nextPart(): Uint8Array | undefined {
    let part: Uint8Array | undefined;
    try {
      part = this.#inner.next();
    } catch (error) {
      this.#failInner(error);
    }
    if (this.#inner.skipped > 0) {
      this.#fail(
        "too-large",
        "the inner framing skipped one of its parts; set its 'onTooLarge' to 'close'",
      );
    }
    return part;
  }

  #accept(part: Uint8Array, last: boolean): Uint8Array | undefined {
    if (this.#skipping) {
      this.#skipping = !last;
      return undefined;
    }
    const dataLength = part.length - this.#header;
    if (this.#follows(part) && !this.#fits(dataLength, last)) {
      return undefined;
    }
    // A whole message in one part has been returned.
    this.#append(part);
    return last ? this.#finish() : undefined;
  }

  #follows(part: Uint8Array): true {
    const rule = this.#rule;
    if (this.#parts === 0 || rule.follows === undefined) return true;
    const first = view(this.#headers.bytes, 0, rule.headerLength);
    let follows = false;
    try {
      follows = rule.follows(part, first, this.#parts);
    } catch (error) {
      this.#fail("bad-header", messageOf(error));
    }
    if (!follows) {
      this.#fail("bad-header", `part ${this.#parts} is out of sequence`);
    }
    return true;
  }

  /** Returns whether a part is within the limits. If not, skips its message or throws. */
  #fits(dataLength: number, last: boolean): boolean {
    const { rule, maxParts, skip } = this.#config;
    const kept = rule.keepHeader ? rule.headerLength : 0;
    const length = kept + this.#have + dataLength;
    const tooLarge = length > this.#limit;
    if (!tooLarge && this.#parts < maxParts) return true;
    if (!skip) {
      if (!tooLarge) {
        this.#fail(
          "too-many-parts",
          `it has more parts than 'maxParts' allows: ${maxParts}`,
          this.#parts + 1,
          maxParts,
        );
      }
      this.#fail(
        "too-large",
        `it has at least ${length} bytes; 'maxFrameLength' allows ${this.#limit}`,
        length,
        this.#limit,
      );
    }
    this.#skipped++;
    this.#messages++;
    this.#reset();
    this.#skipping = !last;
    return false;
  }

  #append(part: Uint8Array): void {
    const { headerLength, keepHeader } = this.#config.rule;
    const header = part.subarray(0, headerLength);
    const headersEnd = (this.#parts + 1) * headerLength;
    if (headerLength > 0) {
      this.#headers.reserve(headersEnd, headersEnd - headerLength, Infinity)
        .set(header, headersEnd - headerLength);
    }
    // With `keepHeader`, the first header precedes the data.
    const lead = keepHeader ? headerLength : 0;
    const end = lead + this.#have + part.length - headerLength;
    const kept = this.#parts > 0 ? lead + this.#have : 0;
    const data = this.#data.reserve(end, kept, Infinity);
    if (this.#parts === 0) data.set(header.subarray(0, lead));
    data.set(part.subarray(headerLength), lead + this.#have);
    this.#have += part.length - headerLength;
    this.#parts++;
    this.#partEnds.push(this.#have);
  }

  #finish(): Uint8Array {
    const { headerLength, keepHeader } = this.#config.rule;
    const length = (keepHeader ? headerLength : 0) + this.#have;
    const message = view(this.#data.bytes, 0, length);
    this.#reset();
    this.#data.done(length);
    return message;
  }

  #reset(): void {
    this.#have = 0;
    this.#parts = 0;
    this.#partEnds = [];
  }

  end(): void {
    if (this.#error !== undefined) throw this.#error;
    this.#ended = true;
    try {
      this.#inner.end();
    } catch (error) {
      this.#failInner(error);
    }
    // Bytes that are left are a part that the end completes, for next().
    if (this.#inner.rest().length === 0) this.#checkComplete();
  }

  #checkComplete(): void {
    if (this.#parts > 0 || this.#skipping) {
      this.#fail(
        "truncated",
        `the stream ended after ${this.#parts} of its parts`,
      );
    }
  }

  /**
   * Returns the bytes left. The parts of an unfinished message are encoded
   * again.
   */
  rest(): Uint8Array {
    const encoder = this.#config.inner.encoder();
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < this.#parts; i++) {
      pieces.push(this.#reframe(encoder, i));
    }
    if (this.#current !== undefined) pieces.push(encoder.encode(this.#current));
    pieces.push(this.#inner.rest());
    const rest = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const piece of pieces) {
      rest.set(piece, at);
      at += piece.length;
    }
    return rest;
  }

  #reframe(encoder: FrameEncoder, index: number): Uint8Array {
    const { headerLength, keepHeader } = this.#config.rule;
    const lead = keepHeader ? headerLength : 0;
    const start = index === 0 ? 0 : this.#partEnds[index - 1]!;
    const end = this.#partEnds[index]!;
    const part = new Uint8Array(headerLength + end - start);
    const headerAt = index * headerLength;
    part.set(this.#headers.bytes.subarray(headerAt, headerAt + headerLength));
    part.set(this.#data.bytes.subarray(lead + start, lead + end), headerLength);
    return encoder.encode(part);
  }

  /** Throws an error of the inner decoder; a `FrameError` also ends this one. */
  #failInner(error: unknown): never {
    if (error instanceof FrameError) this.#error = error;
    throw error;
  }

  #fail(
    code: FrameErrorCode,
    detail: string,
    declared?: number,
    limit?: number,
  ): never {
    this.#error = new FrameError(
      `Cannot decode message ${this.#messages}: ${detail}`,
      {
        code,
        declared,
        limit,
        frameIndex: this.#messages,
        head: this.#current,
      },
    );
    throw this.#error;
  }
}
