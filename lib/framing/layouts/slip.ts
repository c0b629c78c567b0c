/**
 * Serial Line IP (SLIP) framing.
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
 * Options for {@linkcode slip}.
 *
 * @category Framing
 */
export interface SlipOptions {
  /**
   * Whether frames also begin with an END byte. It ends any spurious frame
   * caused by line noise.
   *
   * @default {false}
   */
  leadingEnd?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame that is too large or malformed: `"close"` throws;
   * `"skip"` counts it in `skipped` and continues after the next END byte. Use
   * `"skip"` on a noisy line: damaged bytes then cost one frame, or two frames
   * if the END byte between the frames is damaged.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const SLIP_OPTIONS: OptionNames<SlipOptions> = {
  leadingEnd: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;
const RANGE = [1, 2 ** 51] as const;

/**
 * Creates a SLIP framing: escaped payloads, each followed by an END byte.
 *
 * ```text
 * ┌─────────────────┬────┐
 * │ escaped payload │ C0 │     C0 is DB DC, DB is DB DD
 * └─────────────────┴────┘
 * ```
 *
 * An END byte that follows another is ignored, so frames cannot be empty: the
 * encoder rejects an empty payload. An ESC byte not followed by one of its two
 * codes is an error. Source: RFC 1055.
 *
 * @example Encode and decode a frame
 * ```ts
 * import { slip } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = slip().encoder().encode(new Uint8Array([1, 0xc0]));
 * assertEquals(wire, new Uint8Array([1, 0xdb, 0xdc, 0xc0]));
 *
 * const decoder = slip().decoder();
 * decoder.push(wire);
 * assertEquals(decoder.next(), new Uint8Array([1, 0xc0]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function slip(options: SlipOptions = {}): Framing {
  checkOptions("slip()", options, SLIP_OPTIONS);
  const { leadingEnd = false, onTooLarge = "close" } = options;
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const limit = resolveLimit(options.maxFrameLength, RANGE);
  return {
    maxFrameLength: limit,
    decoder: () => new FrameAssembler(new SlipLayout(limit, RANGE), onTooLarge),
    encoder: () => new SlipEncoder(limit, leadingEnd),
  };
}

class SlipLayout extends TerminatedLayout {
  protected readonly terminator = 1;
  protected readonly emptyFrames = false;
  readonly #decoded = new ReusedBuffer();

  override get held(): number {
    return this.#decoded.held;
  }

  override idle(): void {
    this.#decoded.idle();
  }

  protected get maxEncoded(): number {
    return this.limit * 2;
  }

  protected find(bytes: Uint8Array, start: number, end: number): number {
    const found = indexOfByte(bytes, END, start + this.searched, end);
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
    const escape = indexOfByte(bytes, ESC, start, stop);
    const payload = escape === -1
      ? view(bytes, start, stop)
      : this.#unescape(bytes, start, stop);
    if (payload === undefined) {
      this.refuse({
        code: "bad-encoding",
        detail: "an ESC byte is not followed by 0xdc or 0xdd",
        resume: end - start,
      });
    } else if (payload.length > this.limit) {
      this.refuseLong(payload.length, end - start);
    }
    return payload;
  }

  #unescape(
    bytes: Uint8Array,
    start: number,
    stop: number,
  ): Uint8Array | undefined {
    const room = stop - start;
    const decoded = this.#decoded.reserve(room, 0, room);
    let length = 0;
    for (let at = start; at < stop; at++) {
      let byte = bytes[at]!;
      if (byte === ESC) {
        const code = bytes[++at]; // END after the last byte
        if (code === ESC_END) byte = END;
        else if (code !== ESC_ESC) return undefined;
      }
      decoded[length++] = byte;
    }
    this.#decoded.done(length);
    return view(decoded, 0, length);
  }
}

class SlipEncoder extends LimitedEncoder implements FrameEncoder {
  readonly #leadingEnd: boolean;

  constructor(limit: number, leadingEnd: boolean) {
    super(limit, RANGE);
    this.#leadingEnd = leadingEnd;
  }

  maxEncodedLength(payloadLength: number): number {
    return 2 * payloadLength + (this.#leadingEnd ? 2 : 1);
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, 1, this.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    return frame.slice(0, this.encodeInto(payload, frame, 0));
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    checkPayloadLength(payload.length, 1, this.limit);
    checkRoom(target, offset, this.maxEncodedLength(payload.length));
    // If payload and target share memory, escaping would overwrite bytes not yet
    // read.
    const source = payload.buffer === target.buffer
      ? new Uint8Array(payload)
      : payload;
    let at = offset;
    if (this.#leadingEnd) target[at++] = END;
    for (let i = 0; i < source.length; i++) {
      const byte = source[i]!;
      if (byte === END || byte === ESC) {
        target[at++] = ESC;
        target[at++] = byte === END ? ESC_END : ESC_ESC;
      } else {
        target[at++] = byte;
      }
    }
    target[at++] = END;
    return at;
  }
}
