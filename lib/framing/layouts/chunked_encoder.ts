import type { ChunkedForm } from "./chunked_form.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";
import type { FrameEncoder } from "../framing.ts";

/** The encoder of `chunked`. */
export class ChunkedEncoder implements FrameEncoder {
  readonly #form: ChunkedForm;
  readonly #inner: FrameEncoder;
  /** Bytes at the message's start that are the first part's header. */
  readonly #kept: number;
  /** One part, header and data, where it cannot lie in the message. */
  #part: Uint8Array = new Uint8Array(0);

  constructor(form: ChunkedForm) {
    this.#form = form;
    this.#inner = form.inner.encoder();
    this.#kept = form.rule.keepHeader ? form.rule.headerLength : 0;
  }

  #partsOf(dataLength: number): number {
    const { partLength, fullContinues } = this.#form.rule;
    return fullContinues
      ? Math.floor(dataLength / partLength) + 1
      : Math.max(1, Math.ceil(dataLength / partLength));
  }

  maxEncodedLength(payloadLength: number): number {
    const { headerLength, partLength } = this.#form.rule;
    const data = Math.max(0, payloadLength - this.#kept);
    const parts = this.#partsOf(data);
    const last = data - (parts - 1) * partLength;
    return (parts - 1) *
        this.#inner.maxEncodedLength(headerLength + partLength) +
      this.#inner.maxEncodedLength(headerLength + last);
  }

  encode(payload: Uint8Array): Uint8Array {
    this.#check(payload.length);
    const frames = new Uint8Array(this.maxEncodedLength(payload.length));
    const end = this.encodeInto(payload, frames, 0);
    return end === frames.length ? frames : frames.slice(0, end);
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    this.#check(payload.length);
    checkRoom(target, offset, this.maxEncodedLength(payload.length));
    if (this.#fitsOne(payload.length)) {
      return this.#inner.encodeInto(payload, target, offset);
    }
    // The first part's frame may run over the second's data.
    const source = payload.buffer === target.buffer ? payload.slice() : payload;
    const { partLength } = this.#form.rule;
    const first = source.subarray(0, this.#kept);
    const data = source.subarray(this.#kept);
    const parts = this.#partsOf(data.length);
    let at = offset;
    for (let index = 0; index < parts; index++) {
      const slice = data.subarray(index * partLength, (index + 1) * partLength);
      const part = this.#makePart(slice, first, index, index === parts - 1);
      at = this.#inner.encodeInto(part, target, at);
    }
    return at;
  }

  /** A message that keeps its header and has one part is that part. */
  #fitsOne(length: number): boolean {
    const { keepHeader } = this.#form.rule;
    return keepHeader && this.#partsOf(length - this.#kept) === 1;
  }

  #check(length: number): void {
    checkPayloadLength(length, this.#form.range[0], this.#form.limit);
  }

  #makePart(
    data: Uint8Array,
    first: Uint8Array,
    index: number,
    last: boolean,
  ): Uint8Array {
    const { rule } = this.#form;
    if (rule.headerLength === 0) return data;
    const length = rule.headerLength + data.length;
    if (this.#part.length < length) this.#part = new Uint8Array(length);
    const part = this.#part.subarray(0, length);
    part.fill(0, 0, rule.headerLength);
    rule.writeHeader(part.subarray(0, rule.headerLength), first, index, last);
    part.set(data, rule.headerLength);
    return part;
  }
}
