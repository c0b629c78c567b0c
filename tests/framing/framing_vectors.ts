import {
  contentLength,
  delimited,
  fixedLength,
  type FrameErrorCode,
  type Framing,
  lengthPrefixed,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";
import text from "../vectors/framing.json" with { type: "text" };

/** Lowercase hex, or a list of repeated pieces. */
type Bytes = string | { parts: [hex: string, times: number][] };

interface Event {
  at: number | "eof";
  frame?: Bytes;
  error?: string;
}

interface Config {
  framing: "length-field" | "varint" | "delimiter" | "fixed" | "content-length";
  offset?: number;
  width?: number;
  endian?: "big" | "little";
  adjustment?: number;
  lengthDelta?: number;
  strip?: number;
  max?: number | null;
  maxOf?: "value" | "total";
  maxBytes?: number;
  maxCountsDelimiter?: boolean;
  delimiters?: string[];
  stripDelimiter?: boolean;
  length?: number;
  /** This library's `onTooLarge`. */
  onTooLong?: "fatal" | "skip-fail-fast" | "skip-fail-late";
  eofPartial?: "error" | "drop" | "emit";
}

export interface Vector {
  name: string;
  mode: "decode" | "encode" | "config";
  config: Config;
  chunks?: Bytes[];
  inputs?: Bytes[];
  closes?: boolean;
  expect: {
    events?: Event[];
    end?: "clean" | "open" | "error" | "silent-drop";
    wire?: Bytes | null;
    error?: string | null;
  };
  recommended?: { chunks?: Bytes[]; events: Event[] };
}

/** The file's text. */
export const TEXT: string = text;

export const VECTORS: readonly Vector[] = JSON.parse(text).vectors;

export function bytesOf(bytes: Bytes): Uint8Array {
  if (typeof bytes === "string") return Uint8Array.fromHex(bytes);
  const pieces = bytes.parts.map(([hex, times]) => {
    const piece = Uint8Array.fromHex(hex);
    const whole = new Uint8Array(piece.length * times);
    if (piece.length === 1) return whole.fill(piece[0]!); // often megabytes
    for (let i = 0; i < times; i++) whole.set(piece, i * piece.length);
    return whole;
  });
  return join(pieces);
}

export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Limit for libraries without one: the largest signed number of four bytes. */
const NO_LIMIT = 2 ** 31 - 1;

/** Creates the framing for another library's parameters. */
export function framingOf(config: Config): Framing {
  const onTooLarge = config.onTooLong?.startsWith("skip") ? "skip" : "close";
  switch (config.framing) {
    case "length-field":
      return lengthField(config, onTooLarge);
    case "varint": {
      const { offset = 0, maxBytes = 10 } = config;
      const header = offset > 0 ? offset + maxBytes : 0;
      return varintPrefixed({
        ...{ offset, maxPrefixLength: maxBytes, keepHeader: offset > 0 },
        maxFrameLength: Math.min(
          (config.max ?? NO_LIMIT) + header,
          128 ** maxBytes - 1 + header,
          Number.MAX_SAFE_INTEGER,
        ),
      });
    }
    case "delimiter": {
      const delimiters = config.delimiters!.map((hex) =>
        Uint8Array.fromHex(hex)
      );
      const counted = config.maxCountsDelimiter ? delimiters[0]!.length : 0;
      return delimited(delimiters, {
        ...{ onTooLarge, keepDelimiter: config.stripDelimiter === false },
        maxFrameLength: config.max! - counted,
      });
    }
    case "fixed":
      return fixedLength(config.length!);
    case "content-length":
      return contentLength();
  }
}

function lengthField(config: Config, onTooLarge: "close" | "skip"): Framing {
  const { offset = 0, width = 4, lengthDelta = 0, max, maxOf } = config;
  const { adjustment = -lengthDelta, strip = offset + width } = config;
  // Other libraries limit the length field's value or the whole frame; this one
  // limits the bytes that next() returns.
  const beside = offset + width + adjustment - strip;
  const limit = (max ?? NO_LIMIT) + (maxOf === "value" ? beside : -strip);
  // The largest value of the field is a limit too.
  const most = 256 ** width - 1 + beside;
  return lengthPrefixed({
    ...{ width, offset, adjustment, strip, onTooLarge },
    ...{ endian: config.endian ?? "big" },
    maxFrameLength: Math.min(limit, most),
  });
}

/**
 * Maps the vectors' error codes to this library's. The file is a copy of vectors
 * made for other libraries, so it keeps their names.
 */
const CODES: Record<string, FrameErrorCode> = {
  "too-long": "too-large",
  truncated: "truncated",
  "bad-varint": "bad-prefix",
  "bad-header": "bad-header",
  // Lengths are unsigned here: a negative length exceeds any limit.
  "negative-length": "too-large",
  "bad-adjustment": "bad-length",
  "strip-exceeds-frame": "too-short",
};

/** A length of 2^53 or more cannot be skipped, so no frame follows it. */
const UNCOUNTABLE = "netty-lf-negative-64bit-length";

export interface Outcome {
  frames: Uint8Array[];
  /** Index of the chunk that completed each frame. */
  at: number[];
  skipped: number;
  error: FrameErrorCode | undefined;
}

/**
 * Returns the outcome that a vector must have in this library. Where other
 * libraries behave differently, these rules apply:
 *
 * 1. a skipped frame outside of the limits is counted, not thrown;
 * 2. any other error is the last event: the start of the next frame is unknown;
 * 3. an incomplete frame at the end of the stream is an error: it is neither
 *    dropped nor returned;
 * 4. a recommended outcome takes precedence over the library's own.
 */
export function outcomeOf(vector: Vector): Outcome {
  const { config, expect, recommended, name } = vector;
  const skips = config.onTooLong?.startsWith("skip") ?? false;
  const outcome: Outcome = {
    ...{ frames: [], at: [], skipped: 0, error: undefined },
  };
  for (const event of recommended?.events ?? expect.events!) {
    if (event.error !== undefined) {
      const code = CODES[event.error]!;
      const countable = code === "too-large" || code === "too-short";
      if (skips && countable && name !== UNCOUNTABLE) outcome.skipped++;
      else return { ...outcome, error: code };
    } else if (event.at === "eof") {
      return { ...outcome, error: "truncated" };
    } else {
      outcome.frames.push(bytesOf(event.frame!));
      outcome.at.push(event.at);
    }
  }
  if (expect.end === "silent-drop") return { ...outcome, error: "truncated" };
  return outcome;
}
