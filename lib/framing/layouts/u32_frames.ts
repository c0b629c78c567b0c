/**
 * Frames of sessions: a length of 4 bytes in big-endian order, and the payload.
 *
 * They are those of `u32be()`. A program that has only sessions does not carry the
 * other layouts of `lengthPrefixed()`, and its options.
 *
 * @module
 */
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { Layout } from "../decode/layout.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";
import { maxUint, readUint, view } from "../decode/uint.ts";
import type { FrameEncoder, Framing, InPlaceFraming } from "../framing.ts";
import { swappedHint } from "./length_layout.ts";
import { LimitedEncoder } from "./limited_encoder.ts";

/** Number of bytes of the length. */
const WIDTH = 4;
/** Smallest and largest valid limit of a payload. */
const RANGE = /* @__PURE__ */ (() => [0, maxUint(WIDTH)] as const)();

/**
 * Creates the framing of sessions.
 *
 * @param maxFrameLength maximum payload length in bytes, in both directions
 */
export function u32Frames(maxFrameLength: number): Framing {
  return {
    maxFrameLength,
    decoder: () =>
      new U32Decoder(new U32Layout(maxFrameLength, RANGE), "close"),
    encoder: () => new U32Encoder(maxFrameLength, RANGE),
  };
}

class U32Layout extends Layout {
  measure(bytes: Uint8Array, start: number, end: number): number {
    this.declared = undefined;
    if (end - start < WIDTH) return -WIDTH;
    const length = readUint(bytes, start, WIDTH, false);
    const total = WIDTH + length;
    this.declared = length;
    if (length <= this.limit) return total;
    const swapped = readUint(bytes, start, WIDTH, true);
    return this.refuseLong(
      length,
      total,
      swappedHint(swapped, this.limit, false),
    );
  }

  override open(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start + WIDTH, end);
  }
}

class U32Decoder extends FrameAssembler {
  /** Takes a frame that is complete in the chunk at once. */
  override next(): Uint8Array | undefined {
    const { at, bytes } = this;
    if (this.plain && at + WIDTH <= this.stop) {
      const length = bytes[at]! << 24 | bytes[at + 1]! << 16 |
        bytes[at + 2]! << 8 | bytes[at + 3]!; // negative from 2^31 on
      const end = at + WIDTH + length;
      if (length >= 0 && end <= this.stop && length <= this.layout.limit) {
        this.at = end;
        this.frames++;
        return new Uint8Array(this.buffer, this.origin + at + WIDTH, length);
      }
    }
    return super.next();
  }
}

class U32Encoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  readonly headroom: number = WIDTH;
  readonly tailroom: number = 0;

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return WIDTH + payloadLength;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, 0, this.limit);
    const frame = new Uint8Array(WIDTH + payload.length);
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const { length } = payload;
    this.#check(length, target, offset, WIDTH + length);
    // Copy the payload first: it may overlap the target bytes of the length.
    target.set(payload, offset + WIDTH);
    return writeLength(target, offset, length) + length;
  }

  encodeHeader(length: number, target: Uint8Array, offset: number): number {
    this.#check(length, target, offset, WIDTH);
    return writeLength(target, offset, length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - WIDTH;
    this.#check(length, target, frameStart, WIDTH + length);
    writeLength(target, frameStart, length);
    return payloadEnd;
  }

  /** Throws if a payload's length or the room is out of range. */
  #check(
    length: number,
    target: Uint8Array,
    offset: number,
    needed: number,
  ): void {
    checkPayloadLength(length, 0, this.limit);
    checkRoom(target, offset, needed);
  }
}

/** Writes a length, and returns the offset of the byte after it. */
function writeLength(target: Uint8Array, at: number, length: number): number {
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  return at + WIDTH;
}
