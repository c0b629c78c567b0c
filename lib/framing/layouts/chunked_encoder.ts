/**
 * Encoder for `chunked()`: splits a message into parts.
 *
 * @module
 */
import { type ChunkedConfig, partFor } from "./chunked_config.ts";
import { LimitedEncoder } from "./limited_encoder.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";
import type { FrameEncoder } from "../framing.ts";

/** The encoder for `chunked`. */
export class ChunkedEncoder extends LimitedEncoder implements FrameEncoder {
  readonly #config: ChunkedConfig;
  readonly #inner: FrameEncoder;
  /** Number of leading message bytes that form the first part's header. */
  readonly #kept: number;
  /** Scratch buffer for a part's header and data. */
  #part: Uint8Array = new Uint8Array(0);

  constructor(config: ChunkedConfig) {
    super(config.limit, config.range);
    this.#config = config;
    this.#inner = config.inner.encoder();
    this.#kept = config.rule.keepHeader ? config.rule.headerLength : 0;
  }

  override get maxFrameLength(): number {
    return super.maxFrameLength;
  }

  override set maxFrameLength(value: number) {
    super.maxFrameLength = value;
    const part = partFor(this.limit, this.#config);
    if (part > this.#inner.maxFrameLength) this.#inner.maxFrameLength = part;
  }

  #partsOf(dataLength: number): number {
    const { partLength, fullContinues } = this.#config.rule;
    return fullContinues
      ? Math.floor(dataLength / partLength) + 1
      : Math.max(1, Math.ceil(dataLength / partLength));
  }

  maxEncodedLength(payloadLength: number): number {
    const { headerLength, partLength } = this.#config.rule;
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
    if (this.#fitsOne(payload)) {
      return this.#inner.encodeInto(payload, target, offset);
    }
    // If payload and target share memory, the first part's frame may overwrite
    // the second part's data.
    const source = payload.buffer === target.buffer
      ? new Uint8Array(payload)
      : payload;
    const { partLength } = this.#config.rule;
    const first = source.subarray(0, this.#kept);
    const data = source.subarray(this.#kept);
    const parts = this.#partsOf(data.length);
    let at = offset;
    let lead: Uint8Array | undefined;
    for (let index = 0; index < parts; index++) {
      const slice = data.subarray(index * partLength, (index + 1) * partLength);
      const last = index === parts - 1;
      const part = this.#makePart(slice, first, index, last);
      lead ??= part.slice(0, this.#config.rule.headerLength);
      this.#checkPart(part, lead, index, last);
      at = this.#inner.encodeInto(part, target, at);
    }
    return at;
  }

  /** Returns whether the message, with its header, is already one complete part. */
  #fitsOne(payload: Uint8Array): boolean {
    const { rule } = this.#config;
    return rule.keepHeader &&
      this.#partsOf(payload.length - this.#kept) === 1 &&
      rule.isLast(payload);
  }

  /** Rejects a part that the decoder would understand differently. */
  #checkPart(
    part: Uint8Array,
    first: Uint8Array,
    index: number,
    last: boolean,
  ): void {
    const { rule } = this.#config;
    if (rule.isLast(part) !== last) {
      refusePayload(
        `'rule' writes a header with which its part ${index} is ${
          last ? "not " : ""
        }the last one`,
      );
    }
    if (index > 0 && rule.follows?.(part, first, index) === false) {
      refusePayload(
        `'rule' writes a header with which its part ${index} does not follow`,
      );
    }
  }

  #check(length: number): void {
    checkPayloadLength(length, this.#config.range[0], this.limit);
  }

  #makePart(
    data: Uint8Array,
    first: Uint8Array,
    index: number,
    last: boolean,
  ): Uint8Array {
    const { rule } = this.#config;
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
