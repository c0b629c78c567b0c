/**
 * The pass-through codec, whose values are plain bytes.
 *
 * @module
 */
import { exceeded } from "./refusal.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { describeClass } from "./describe_value.ts";
import { CodecError } from "./errors.ts";
import { BINARY } from "./held_bytes.ts";
import type { DecodeBudget, MessageCodec } from "./message_codec.ts";

/**
 * Options for {@linkcode bytes}.
 *
 * @category Codecs
 */
export interface BytesOptions {
  /**
   * Whether `decode()` returns a copy or the body itself. The body is valid only
   * until the next message.
   *
   * @default {"copy"}
   */
  binary?: "copy" | "borrow" | undefined;
}

/**
 * Creates a pass-through codec, for programs with their own encoding. It encodes
 * and decodes only `Uint8Array`s.
 *
 * @param options whether decoded bodies are copies
 * @returns a codec named `bytes`, usable by any number of connections
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { bytes } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = bytes();
 * assertEquals(codec.decode(codec.encode(Uint8Array.of(1, 2))), Uint8Array.of(1, 2));
 * ```
 *
 * @category Codecs
 */
export function bytes(options: BytesOptions = {}): MessageCodec {
  checkOptions("bytes()", options, OPTIONS);
  const { binary = "copy" } = options;
  if (binary !== "copy" && binary !== "borrow") {
    throw new RangeError(
      `Cannot make a codec as 'binary' must be one of "copy", "borrow": current value is ${binary}`,
    );
  }
  return {
    name: "bytes",
    encode: (value) => copyOf(requireBytes(value)),
    encodeInto: (value, target, offset) => {
      const body = requireBytes(value);
      if (body.length > target.length - offset) return body;
      target.set(body, offset);
      return offset + body.length;
    },
    decode: (body, budget) => {
      if (budget !== undefined) charge(budget, body.length);
      return binary === "copy" ? copyOf(body) : body;
    },
  };
}

const OPTIONS: OptionNames<BytesOptions> = { binary: true };

function charge(budget: DecodeBudget, length: number): void {
  const { maxHeld = Infinity } = budget;
  const held = BINARY + length;
  if (held > maxHeld) {
    throw exceeded("decode as bytes", {
      limit: "maxHeld",
      allowed: maxHeld,
      found: held,
    });
  }
  budget.held = held;
}

/** Copies a `Uint8Array`, or a subclass of it, into a plain `Uint8Array`. */
function copyOf(body: Uint8Array): Uint8Array {
  return new Uint8Array(body);
}

function requireBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value) && value instanceof Uint8Array) return value;
  const what = typeof value === "object" && value !== null
    ? describeClass(value)
    : `${value === null ? "null" : `a value of type ${typeof value}`}`;
  throw new CodecError(
    `Cannot encode ${what} as bytes: send a Uint8Array, such as that of a TextEncoder`,
    { code: "unsupported", path: [] },
  );
}
