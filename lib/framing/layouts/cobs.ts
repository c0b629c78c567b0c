/**
 * Consistent Overhead Byte Stuffing (COBS).
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { FrameEncoder, Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { indexOfByte, view } from "../decode/uint.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";
import { TerminatedLayout } from "../decode/layout.ts";
import { checkOneOf, resolveLimit } from "../decode/option_checks.ts";
import { ReusedBuffer } from "../decode/reused_buffer.ts";
import { LimitedEncoder } from "./limited_encoder.ts";

/**
 * Options for {@linkcode cobs}.
 *
 * @category Framing
 */
export interface CobsOptions {
  /**
   * Maximum payload length in bytes, in both directions.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame that is too large or malformed: `"close"` throws;
   * `"skip"` counts it in `skipped` and continues after the next zero byte. Use
   * `"skip"` on a noisy line: damaged bytes then cost one frame, or two frames
   * if the zero byte between the frames is damaged.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const COBS_OPTIONS: OptionNames<CobsOptions> = {
  maxFrameLength: true,
  onTooLarge: true,
};

/** Maximum number of bytes after one code byte. */
const BLOCK = 254;
const RANGE = [0, 2 ** 52] as const;

/**
 * Creates a COBS framing: a zero byte appears only as the terminator. Each code
 * byte is the distance to the next zero byte or the end of the payload, or 255
 * if the next 254 bytes contain no zero byte.
 *
 * ```text
 * ┌──────┬─────────────┬──────┬─────────────┬────┐
 * │ code │ code-1 bytes│ code │ code-1 bytes│ 00 │    11 00 22 is 02 11 02 22 00
 * └──────┴─────────────┴──────┴─────────────┴────┘
 * ```
 *
 * The overhead is one byte per 254 payload bytes, at least one, plus the zero
 * byte. Extra zero bytes between frames are ignored, so a sender may write one
 * before a frame to end a spurious frame caused by line noise. Source: S.
 * Cheshire, M. Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
 *
 * @example Encode and decode a frame
 * ```ts
 * import { cobs } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = cobs().encoder().encode(new Uint8Array([0x11, 0, 0x22]));
 * assertEquals(wire, new Uint8Array([2, 0x11, 2, 0x22, 0]));
 *
 * const decoder = cobs().decoder();
 * decoder.push(wire);
 * assertEquals(decoder.next(), new Uint8Array([0x11, 0, 0x22]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function cobs(options: CobsOptions = {}): Framing {
  checkOptions("cobs()", options, COBS_OPTIONS);
  const { onTooLarge = "close" } = options;
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const limit = resolveLimit(options.maxFrameLength, RANGE);
  return {
    maxFrameLength: limit,
    decoder: () => new FrameAssembler(new CobsLayout(limit, RANGE), onTooLarge),
    encoder: () => new CobsEncoder(limit),
  };
}

class CobsLayout extends TerminatedLayout {
  protected readonly terminator = 1;
  protected readonly emptyFrames = false;
  readonly #decoded = new ReusedBuffer();

  override get held(): number {
    return this.#decoded.held;
  }

  override idle(): void {
    this.#decoded.idle();
  }

  /**
   * Maximum number of bytes before the terminator. Includes the code byte that
   * some encoders append after a full block.
   */
  protected get maxEncoded(): number {
    return this.limit + Math.floor(this.limit / BLOCK) + 2;
  }

  protected find(bytes: Uint8Array, start: number, end: number): number {
    const found = indexOfByte(bytes, 0, start + this.searched, end);
    if (found >= 0) return found - start;
    this.searched = end - start;
    return -1;
  }

  protected unwrap(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined {
    const stop = end - 1;
    // With a single block, the payload is a view.
    const payload = start + bytes[start]! === stop
      ? view(bytes, start + 1, stop)
      : this.#unstuff(bytes, start, stop);
    if (payload === undefined) {
      this.refuse({
        code: "bad-encoding",
        detail: "a code byte points past the end of the frame",
        resume: end - start,
      });
    } else if (payload.length > this.limit) {
      this.refuseLong(payload.length, end - start);
    }
    return payload;
  }

  #unstuff(
    bytes: Uint8Array,
    start: number,
    stop: number,
  ): Uint8Array | undefined {
    const room = stop - start;
    const decoded = this.#decoded.reserve(room, 0, room);
    let length = 0;
    for (let at = start; at < stop;) {
      const code = bytes[at]!;
      const next = at + code;
      if (next > stop) return undefined;
      for (at++; at < next; at++) decoded[length++] = bytes[at]!;
      if (code <= BLOCK && next < stop) decoded[length++] = 0;
    }
    this.#decoded.done(length);
    return view(decoded, 0, length);
  }
}

class CobsEncoder extends LimitedEncoder implements FrameEncoder {
  constructor(limit: number) {
    super(limit, RANGE);
  }

  maxEncodedLength(payloadLength: number): number {
    return payloadLength + Math.floor(payloadLength / BLOCK) + 2;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, 0, this.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    return frame.slice(0, this.encodeInto(payload, frame, 0));
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    checkPayloadLength(payload.length, 0, this.limit);
    checkRoom(target, offset, this.maxEncodedLength(payload.length));
    // If payload and target share memory, stuffing would overwrite bytes not yet
    // read.
    const source = payload.buffer === target.buffer
      ? new Uint8Array(payload)
      : payload;
    let codeAt = offset;
    let at = offset + 1;
    for (let i = 0; i < source.length; i++) {
      const byte = source[i]!;
      if (byte !== 0) target[at++] = byte;
      // A full block at the end of the payload needs no block after it.
      const full = at - codeAt > BLOCK && i < source.length - 1;
      if (byte === 0 || full) {
        target[codeAt] = at - codeAt;
        codeAt = at++;
      }
    }
    target[codeAt] = at - codeAt;
    target[at++] = 0;
    return at;
  }
}
