/**
 * Frames whose length is a variable-length integer (LEB128).
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { ReusedBuffer } from "../decode/reused_buffer.ts";
import { view } from "../decode/uint.ts";
import { Layout } from "../decode/layout.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import { PrefixEncoder } from "./prefix_encoder.ts";
import { WholeFrameEncoder } from "./whole_frame_encoder.ts";

/**
 * Options for {@linkcode varintPrefixed}.
 *
 * @category Framing
 */
export interface VarintPrefixedOptions {
  /**
   * Maximum length of the prefix in bytes, from 1 to 10.
   *
   * @default {10}
   */
  maxPrefixLength?: number | undefined;
  /**
   * Whether to reject lengths that use more bytes than necessary. If a frame
   * has two valid encodings, a filter that knows only one of them can be
   * bypassed.
   *
   * @default {true}
   */
  canonical?: boolean | undefined;
  /**
   * Number of bytes before the length. Frames begin with them: without
   * `keepHeader`, `next()` returns them followed by the payload, and `encode()`
   * takes the same form and inserts the length.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * Whether frames keep their header: `next()` returns whole frames, and
   * `encode()` takes whole frames and rejects one whose length is wrong.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The bytes before the
   * length count, and the header counts if it is kept.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame over the limit: `"close"` throws; `"skip"` counts it
   * in `skipped` and continues with the next frame.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const VARINT_OPTIONS: OptionNames<VarintPrefixedOptions> = {
  maxPrefixLength: true,
  canonical: "flag",
  offset: true,
  keepHeader: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

interface VarintConfig {
  readonly maxPrefix: number;
  readonly canonical: boolean;
  readonly offset: number;
  readonly keep: boolean;
  readonly limit: number;
  readonly range: readonly [number, number];
}

/**
 * Creates a framing with a varint length (LEB128, as in Protocol Buffers). Each
 * byte holds 7 bits, lowest first; all bytes but the last have the top bit set.
 *
 * ```text
 * ┌─────────────────────┬─────────┐
 * │ length (varint)     │ payload │     300 is AC 02
 * └─────────────────────┴─────────┘
 * ```
 *
 * @example Encode and decode a frame
 * ```ts
 * import { varintPrefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = varintPrefixed();
 * const wire = framing.encoder().encode(new Uint8Array(300));
 * assertEquals(wire.subarray(0, 2), new Uint8Array([0xac, 0x02]));
 *
 * const decoder = framing.decoder();
 * decoder.push(wire);
 * assertEquals(decoder.next()?.length, 300);
 * ```
 *
 * @throws {RangeError} if a number is out of range, or if `maxFrameLength`
 * exceeds what the prefix can hold
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function varintPrefixed(options: VarintPrefixedOptions = {}): Framing {
  checkOptions("varintPrefixed()", options, VARINT_OPTIONS);
  const {
    maxPrefixLength = 10,
    canonical = true,
    offset = 0,
    keepHeader = false,
    onTooLarge = "close",
  } = options;
  checkInteger("maxPrefixLength", maxPrefixLength, [1, 10]);
  checkInteger("offset", offset, [0, 65_536]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const header = offset + (keepHeader ? maxPrefixLength : 0);
  const most = Math.min(
    Number.MAX_SAFE_INTEGER,
    128 ** maxPrefixLength - 1 + header,
  );
  const range = [keepHeader ? offset + 1 : offset, most] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const config: VarintConfig = {
    ...{ maxPrefix: maxPrefixLength, canonical, offset },
    ...{ keep: keepHeader, limit, range },
  };
  return {
    maxFrameLength: limit,
    decoder: () => new FrameAssembler(new VarintLayout(config), onTooLarge),
    encoder: () =>
      keepHeader
        ? new WholeFrameEncoder(() => new VarintLayout(config))
        : new PrefixEncoder({
          limit,
          range,
          lead: offset,
          prefixLength: varintLength,
          writePrefix: writeVarint,
        }),
  };
}

function varintLength(value: number): number {
  let length = 1;
  for (; value >= 128; value = Math.floor(value / 128)) length++;
  return length;
}

function writeVarint(target: Uint8Array, at: number, value: number): void {
  for (; value >= 128; value = Math.floor(value / 128)) {
    target[at++] = value % 128 + 128;
  }
  target[at] = value;
}

class VarintLayout extends Layout {
  readonly #config: VarintConfig;
  readonly #joined = new ReusedBuffer();
  #header = 0;

  constructor(config: VarintConfig) {
    super(config.limit, config.range);
    this.#config = config;
  }

  override get held(): number {
    return this.#joined.held;
  }

  override idle(): void {
    this.#joined.idle();
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    const { maxPrefix, offset } = this.#config;
    this.declared = undefined;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < maxPrefix; i++) {
      if (start + offset + i >= end) return -(offset + i + 1);
      const byte = bytes[start + offset + i]!;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte < 0x80) {
        return this.#check(value, offset + i + 1, i > 0 && byte === 0);
      }
    }
    return this.refuse({
      code: "bad-prefix",
      detail: `its length does not end within ${maxPrefix} bytes`,
    });
  }

  #check(value: number, header: number, padded: boolean): number {
    const { canonical, keep, offset } = this.#config;
    if (padded && canonical) {
      return this.refuse({
        code: "bad-prefix",
        detail:
          `its length ${value} has more bytes than necessary; 'canonical: false' would allow it`,
      });
    }
    this.#header = header;
    const payload = (keep ? header : offset) + value;
    this.declared = payload;
    if (payload > this.limit) return this.refuseLong(payload, header + value);
    return header + value;
  }

  override open(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const { keep, offset } = this.#config;
    if (keep) return view(bytes, start, end);
    const payload = start + this.#header;
    if (offset === 0) return view(bytes, payload, end);
    if (payload === end) return view(bytes, start, start + offset);
    const length = offset + end - payload;
    const joined = this.#joined.reserve(length, 0, length);
    joined.set(view(bytes, start, start + offset));
    joined.set(view(bytes, payload, end), offset);
    this.#joined.done(length);
    return view(joined, 0, length);
  }
}
