import type { ChunkedForm } from "./chunked_form.ts";
import { view } from "../decode/uint.ts";
import { FrameError, type FrameErrorKind } from "../errors.ts";
import type { FrameDecoder, FrameEncoder } from "../framing.ts";
import { checkLimit } from "../decode/option_checks.ts";
import { ReusedBuffer } from "../decode/reused_buffer.ts";

/** The decoder of `chunked`. */
export class ChunkedDecoder implements FrameDecoder {
  readonly #form: ChunkedForm;
  readonly #inner: FrameDecoder;
  readonly #data = new ReusedBuffer();
  /** The headers of the parts in `#data`, for `rest`. */
  readonly #headers = new ReusedBuffer();
  #partEnds: number[] = [];
  /** Bytes of data so far, without headers. */
  #have = 0;
  #parts = 0;
  /** The part that is being looked at, or at fault. */
  #atHand: Uint8Array | undefined;
  /** The message is being skipped, up to its last part. */
  #skipping = false;
  #skipped = 0;
  #messages = 0;
  #limit: number;
  #error: FrameError | undefined;

  constructor(form: ChunkedForm) {
    this.#form = form;
    this.#inner = form.inner.decoder();
    this.#limit = form.limit;
  }

  get held(): number {
    return this.#inner.held + this.#data.held + this.#headers.held +
      8 * this.#partEnds.length;
  }

  get owed(): boolean {
    return this.#parts > 0 || this.#skipping || this.#inner.owed;
  }

  get skipped(): number {
    return this.#skipped;
  }

  get maxFrameLength(): number {
    return this.#limit;
  }

  set maxFrameLength(value: number) {
    const { rule, range } = this.#form;
    checkLimit(value, range);
    const kept = rule.keepHeader ? rule.headerLength : 0;
    const part = Math.min(rule.partLength, value - kept) + rule.headerLength;
    if (part > this.#inner.maxFrameLength) this.#inner.maxFrameLength = part;
    this.#limit = value;
  }

  push(chunk: Uint8Array): void {
    if (this.#error === undefined) this.#inner.push(chunk);
  }

  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    for (let part; (part = this.#nextPart()) !== undefined;) {
      this.#atHand = part;
      const message = this.#accept(part);
      this.#atHand = undefined;
      if (message === undefined) continue;
      this.#messages++;
      return message;
    }
    if (this.#parts === 0) {
      this.#data.idle();
      this.#headers.idle();
    }
    return undefined;
  }

  #nextPart(): Uint8Array | undefined {
    const part = this.#guard(() => this.#inner.next());
    if (this.#inner.skipped > 0) {
      this.#fail(
        "too-long",
        "the inner framing skipped one of its parts; make it with onTooLong: 'close'",
      );
    }
    return part;
  }

  #accept(part: Uint8Array): Uint8Array | undefined {
    const { rule } = this.#form;
    if (part.length < rule.headerLength) {
      this.#fail("bad-header", "a part is shorter than its own header");
    }
    const last = rule.isLast(part);
    if (this.#skipping) {
      this.#skipping = !last;
      return undefined;
    }
    const header = rule.headerLength;
    if (this.#follows(part) && !this.#fits(part.length - header, last)) {
      return undefined;
    }
    if (this.#parts > 0 || !last) {
      this.#append(part);
      if (!last) return undefined;
      return this.#finish();
    }
    return rule.keepHeader ? part : view(part, header, part.length);
  }

  #follows(part: Uint8Array): true {
    const { rule } = this.#form;
    const first = this.#headers.bytes.subarray(0, rule.headerLength);
    if (
      this.#parts > 0 && rule.follows !== undefined &&
      !rule.follows(part, first, this.#parts)
    ) this.#fail("bad-header", `part ${this.#parts} is out of sequence`);
    return true;
  }

  /** Whether a part is within the limits; skips or fails where it is not. */
  #fits(dataLength: number, last: boolean): boolean {
    const { rule, maxParts, skip } = this.#form;
    const kept = rule.keepHeader ? rule.headerLength : 0;
    const length = kept + this.#have + dataLength;
    const tooLong = length > this.#limit;
    if (!tooLong && this.#parts < maxParts) return true;
    if (!skip) {
      if (!tooLong) {
        this.#fail(
          "too-many-parts",
          `it has more parts than the ${maxParts} that 'maxParts' allows`,
          this.#parts + 1,
          maxParts,
        );
      }
      this.#fail(
        "too-long",
        `it has ${length} bytes and more where 'maxFrameLength' allows ${this.#limit}`,
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
    const { headerLength, keepHeader } = this.#form.rule;
    const header = part.subarray(0, headerLength);
    const headersEnd = (this.#parts + 1) * headerLength;
    if (headerLength > 0) {
      this.#headers.reserve(headersEnd, headersEnd - headerLength, Infinity)
        .set(header, headersEnd - headerLength);
    }
    // The first header of a message that keeps it stands before the data.
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
    const { headerLength, keepHeader } = this.#form.rule;
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
    this.#guard(() => this.#inner.end());
    if (this.#parts > 0 || this.#skipping) {
      this.#fail(
        "truncated",
        `the stream ended behind ${this.#parts} of its parts`,
      );
    }
  }

  /** Parts of an unfinished message are framed again: they were not handed out. */
  rest(): Uint8Array {
    const encoder = this.#form.inner.encoder();
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < this.#parts; i++) {
      pieces.push(this.#reframe(encoder, i));
    }
    if (this.#atHand !== undefined) pieces.push(encoder.encode(this.#atHand));
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
    const { headerLength, keepHeader } = this.#form.rule;
    const lead = keepHeader ? headerLength : 0;
    const start = index === 0 ? 0 : this.#partEnds[index - 1]!;
    const end = this.#partEnds[index]!;
    const part = new Uint8Array(headerLength + end - start);
    const headerAt = index * headerLength;
    part.set(this.#headers.bytes.subarray(headerAt, headerAt + headerLength));
    part.set(this.#data.bytes.subarray(lead + start, lead + end), headerLength);
    return encoder.encode(part);
  }

  /** What ends the inner stream ends this one. */
  #guard<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (error instanceof FrameError) this.#error = error;
      throw error;
    }
  }

  #fail(
    kind: FrameErrorKind,
    detail: string,
    declared?: number,
    limit?: number,
  ): never {
    this.#error = new FrameError(
      kind,
      `Cannot decode message ${this.#messages}: ${detail}`,
      { declared, limit, frameIndex: this.#messages, head: this.#atHand },
    );
    throw this.#error;
  }
}
