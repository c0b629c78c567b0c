/**
 * The MessagePack codec, exact and safe against a hostile peer.
 *
 * This entry has nothing else, so that a page does not carry another codec.
 *
 * @example Encode a value
 * ```ts
 * import { msgpack } from "@lengthwise/lengthwise/msgpack";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = msgpack();
 * const value = { sku: "A-1", image: new Uint8Array(2) };
 * assertEquals(codec.decode(codec.encode(value)), value);
 * ```
 *
 * [Codecs](/lib/messages/codec/README.md) compares them, and
 * [messages](/lib/messages/README.md) explains how the ends of a session choose
 * one.
 *
 * @module
 */
// @ts-types="npm:msgpackr@2.1.3"
import { Unpackr } from "msgpackr/index-no-eval";
import { CodecError } from "./errors.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import {
  CODEC_LIMITS,
  type CodecLimits,
  resolveCodecLimits,
  type ResolvedCodecLimits,
} from "./codec_limits.ts";
import type { DecodeBudget, MessageCodec } from "./message_codec.ts";
import { MsgpackEncoder } from "./msgpack_encoder.ts";
import { MsgpackReader } from "./msgpack_reader.ts";
import { MsgpackScanner } from "./msgpack_scanner.ts";
import { SmallBodyReader, UNREAD } from "./small_body_reader.ts";

/**
 * Options for {@linkcode msgpack}.
 *
 * @category Codecs
 */
export interface MsgpackOptions extends CodecLimits {
  /**
   * The type of decoded 64-bit integers. `"bigint"` always returns a bigint;
   * `"number"` always returns a number and rejects integers beyond 2^53;
   * `"auto"` returns a number up to 2^53 and a bigint beyond. Use the last two
   * for peers in languages that encode large numbers as 64-bit integers.
   *
   * @default {"bigint"}
   */
  int64?: "bigint" | "number" | "auto" | undefined;
  /**
   * Whether decoded binary data is copied or borrowed from the body. Borrowing
   * is faster for large data, but the body must not be reused, and each borrowed
   * array keeps the whole body in memory.
   *
   * @default {"copy"}
   */
  binary?: "copy" | "borrow" | undefined;
}

const INT64 = ["bigint", "number", "auto"];
const BINARY = ["copy", "borrow"];

/**
 * Maximum size of bodies that are copied to a reused buffer. msgpackr decodes
 * them fastest at offset 0 of a buffer that it has seen before.
 */
const SMALL_BODY = 4096;
const small = /* @__PURE__ */ new Uint8Array(SMALL_BODY);
/**
 * Whether a decode is in progress.
 *
 * If the program registers an extension with the same copy of msgpackr, that
 * extension may call `decode()` recursively.
 */
let decoding = false;
const NO_ROOM = /* @__PURE__ */ new Uint8Array(0);

/**
 * Creates a MessagePack codec. Bodies are standard MessagePack with two extension
 * types: the standard timestamp (-1) for `Date`, and type 0 for `undefined`, as
 * in several other implementations.
 *
 * A value arrives unchanged, or is rejected with its path before anything is
 * sent; `lib/messages/codec/README.md` lists how each kind of value is handled.
 * Bodies are checked against the limits before they are decoded. The limits
 * apply in both directions.
 *
 * @param options the limits, and the types of 64-bit integers and binary data
 * @returns a codec named `msgpack`, usable by any number of connections
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { msgpack } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = msgpack();
 * const bytes = codec.encode({ at: new Date(0), ids: [1n], data: new Uint8Array(3) });
 * assertEquals(codec.decode(bytes), {
 *   at: new Date(0),
 *   ids: [1n],
 *   data: new Uint8Array(3),
 * });
 * ```
 *
 * @category Codecs
 */
export function msgpack(options: MsgpackOptions = {}): MessageCodec {
  return new MsgpackCodec(options);
}

const OPTIONS: OptionNames<MsgpackOptions> = {
  ...CODEC_LIMITS,
  int64: true,
  binary: true,
};

class MsgpackCodec implements MessageCodec {
  readonly name = "msgpack";
  readonly limits: ResolvedCodecLimits;
  readonly #borrow: boolean;
  readonly #encoder: MsgpackEncoder;
  readonly #scanner: MsgpackScanner;
  readonly #small: SmallBodyReader;
  readonly #reader: MsgpackReader;
  readonly #unpackr: Unpackr;

  constructor(options: MsgpackOptions) {
    checkOptions("msgpack()", options, OPTIONS);
    const { int64 = "bigint", binary = "copy" } = options;
    requireOneOf("int64", int64, INT64);
    requireOneOf("binary", binary, BINARY);
    const limits = resolveCodecLimits(options);
    this.limits = limits;
    this.#borrow = binary === "borrow";
    this.#scanner = new MsgpackScanner(limits, int64 === "number");
    this.#small = new SmallBodyReader(limits, int64 === "bigint", this.#borrow);
    this.#reader = new MsgpackReader(int64, this.#borrow);
    this.#encoder = new MsgpackEncoder(limits);
    this.#unpackr = new Unpackr(
      {
        useRecords: false,
        mapsAsObjects: true,
        structuredClone: false,
        copyBuffers: !this.#borrow,
        int64AsType: int64 as "bigint", // the types lack "auto"
      },
    );
  }

  encode(value: unknown): Uint8Array {
    const body = this.encodeInto(value, NO_ROOM, 0);
    return typeof body === "number" ? NO_ROOM : body.slice(); // never a number: every body has at least one byte
  }

  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array {
    try {
      return this.#encoder.encodeInto(value, target, offset);
    } catch (error) {
      throw asCodecError("encode", error);
    }
  }

  decode(body: Uint8Array, budget?: DecodeBudget): unknown {
    if (this.#small.supports(body.length)) {
      const value = this.#small.read(body, budget?.maxHeld);
      if (value !== UNREAD) {
        if (budget !== undefined) this.#charge(budget, this.#small.held, body);
        return value;
      }
    }
    const isPlain = this.#scanner.scan(body, budget?.maxHeld);
    if (budget !== undefined) this.#charge(budget, this.#scanner.held, body);
    const inside = decoding;
    decoding = true;
    try {
      if (!isPlain) return this.#reader.read(body);
      return !inside && !this.#borrow && body.length <= SMALL_BODY
        ? this.#decodeSmall(body)
        : this.#unpackr.unpack(
          new Uint8Array(body.buffer, body.byteOffset, body.length),
        );
    } catch (error) {
      throw asCodecError("decode", error);
    } finally {
      decoding = inside;
    }
  }

  #charge(budget: DecodeBudget, held: number, body: Uint8Array): void {
    // Each borrowed array keeps the whole body in memory.
    budget.held = held + (this.#borrow ? body.length : 0);
  }

  #decodeSmall(body: Uint8Array): unknown {
    small.set(body);
    return this.#unpackr.unpack(small, body.length);
  }
}

function requireOneOf(
  name: string,
  value: string,
  allowed: readonly string[],
): void {
  if (allowed.includes(value)) return;
  throw new RangeError(
    `Cannot make a codec as '${name}' must be one of ${
      allowed.map((one) => `"${one}"`).join(", ")
    }: current value is ${value}`,
  );
}

/**
 * Wraps errors thrown by the value's getters and proxies, or by msgpackr.
 */
function asCodecError(verb: "encode" | "decode", error: unknown): CodecError {
  if (error instanceof CodecError) return error;
  return verb === "encode"
    ? new CodecError(
      "Cannot encode as msgpack: reading the value threw an error",
      { code: "unsupported", cause: error },
    )
    : new CodecError("Cannot decode as msgpack: the decoder failed", {
      code: "malformed",
      cause: error,
    });
}
