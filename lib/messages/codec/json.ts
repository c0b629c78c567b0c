/**
 * The JSON codec, which rejects values that JSON would change.
 *
 * This entry has nothing else, so that a page does not carry another codec.
 *
 * @example Encode a value
 * ```ts
 * import { json } from "@lengthwise/lengthwise/json";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = json();
 * assertEquals(codec.decode(codec.encode({ sku: "A-1" })), { sku: "A-1" });
 * ```
 *
 * [Codecs](/lib/messages/codec/README.md) compares them, and
 * [messages](/lib/messages/README.md) explains how the ends of a session choose
 * one.
 *
 * @module
 */
import { checkOptions } from "../../support/check_options.ts";
import { CodecError } from "./errors.ts";
import { JsonValueChecker, type ValueSize } from "./json_value_checker.ts";
import { JsonReader } from "./json_reader.ts";
import { JsonScanner } from "./json_scanner.ts";
import {
  CODEC_LIMITS,
  type CodecLimits,
  resolveCodecLimits,
  type ResolvedCodecLimits,
} from "./codec_limits.ts";
import {
  allowedBytes,
  BOXED,
  ESCAPED_KEY,
  MOST_PER_KEY,
  SLOT,
} from "./held_bytes.ts";
import { exceeded } from "./refusal.ts";
import type { DecodeBudget, MessageCodec } from "./message_codec.ts";

/** Upper bound of the bytes of a number or a string's header. */
const MOST_PER_NODE = SLOT + BOXED + SLOT;
const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const toUtf8 = /* @__PURE__ */ new TextEncoder();
// Without this option the decoder would drop a leading byte order mark.
const fromUtf8 = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
/** Detects ill-formed UTF-8. It is slow, so it runs only if the text contains U+FFFD. */
const fatalFromUtf8 = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true });

/**
 * Creates a JSON codec, for peers and tools that support only JSON. A body is
 * one JSON text (RFC 8259) in UTF-8; an empty body represents `undefined`.
 *
 * Values that `JSON.stringify` would change are rejected with their path before
 * anything is sent: `undefined` inside a value, `NaN` and the infinities,
 * `bigint`, `Date`, binary data, `Map`, `Set` and class instances. The exception
 * is `-0`, which arrives as `0`. `toJSON` is never called.
 *
 * @param options the limits
 * @returns a codec named `json`, usable by any number of connections
 * @throws {RangeError} if a limit is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { CodecError, json } from "@lengthwise/lengthwise";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const codec = json();
 * assertEquals(codec.decode(codec.encode({ a: [1, null, "é"] })), { a: [1, null, "é"] });
 * assertThrows(() => codec.encode({ at: new Date() }), CodecError, "Cannot encode a Date");
 * ```
 *
 * @category Codecs
 */
export function json(options: CodecLimits = {}): MessageCodec {
  return new JsonCodec(options);
}

class JsonCodec implements MessageCodec {
  readonly name = "json";
  readonly limits: ResolvedCodecLimits;
  readonly #checker: JsonValueChecker;
  readonly #scanner: JsonScanner;
  readonly #reader = new JsonReader();

  constructor(options: CodecLimits) {
    checkOptions("json()", options, CODEC_LIMITS);
    const limits = resolveCodecLimits(options);
    this.limits = limits;
    this.#checker = new JsonValueChecker(limits);
    this.#scanner = new JsonScanner(limits);
  }

  encode(value: unknown): Uint8Array {
    if (value === undefined) return EMPTY;
    return toUtf8.encode(this.#stringify(value));
  }

  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array {
    if (value === undefined) return offset;
    const text = this.#stringify(value);
    const { read, written } = toUtf8.encodeInto(text, target.subarray(offset));
    return read === text.length ? offset + written : toUtf8.encode(text);
  }

  decode(body: Uint8Array, budget?: DecodeBudget): unknown {
    if (body.length === 0) {
      if (budget !== undefined) budget.held = 0;
      return undefined;
    }
    const isPlain = this.#scanner.scan(body, budget?.maxHeld);
    if (budget !== undefined) budget.held = this.#scanner.held;
    const text = fromUtf8.decode(body);
    if (text.includes("\ufffd")) requireUtf8(body);
    try {
      return isPlain ? JSON.parse(text) : this.#reader.read(text);
    } catch {
      // The platform's message quotes the body, which must not appear in logs.
      throw malformed("the body is not well-formed JSON (RFC 8259)");
    }
  }

  #stringify(value: unknown): string {
    try {
      const size = this.#checker.check(value);
      const text = JSON.stringify(value);
      this.#checkEncoded(text, size);
      return text;
    } catch (error) {
      if (error instanceof CodecError) throw error;
      throw new CodecError(
        "Cannot encode as json: reading the value threw an error",
        { code: "unsupported", cause: error },
      );
    }
  }

  /** Measures the encoded value if it may exceed a limit. */
  #checkEncoded(text: string, { nodes, keys, text: size }: ValueSize): void {
    const perKey = MOST_PER_KEY + (text.includes("\\") ? ESCAPED_KEY : 0);
    const most = 2 * size + MOST_PER_NODE * nodes + perKey * keys;
    const { maxBytes, maxHeld } = this.limits;
    if (size * 3 <= maxBytes && most <= allowedBytes(text.length, maxHeld)) {
      return;
    }
    const body = toUtf8.encode(text);
    const held = this.#scanner.measure(body);
    const allowed = allowedBytes(body.length, maxHeld);
    if (held <= allowed) return;
    throw exceeded("encode as json", {
      limit: "maxHeld",
      allowed,
      found: held,
      path: [],
    });
  }
}

function requireUtf8(body: Uint8Array): void {
  try {
    fatalFromUtf8.decode(body);
  } catch {
    throw malformed("the body is not well-formed UTF-8");
  }
}

function malformed(what: string): CodecError {
  return new CodecError(`Cannot decode as json: ${what}`, {
    code: "malformed",
  });
}
