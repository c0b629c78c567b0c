/**
 * MessagePack, exact and safe against a hostile peer.
 *
 * @module
 */
// @ts-types="npm:msgpackr@^2.1.3"
import { Unpackr } from "msgpackr/index-no-eval";
import { doubleMarks } from "./byte_order_mark.ts";
import { Encoder } from "./encoder.ts";
import { CodecError } from "./errors.ts";
import { type CodecLimits, resolveCodecLimits } from "./codec_limits.ts";
import type { MessageCodec } from "./message_codec.ts";
import { BodyScanner } from "./msgpack_scan.ts";

/** Options of {@linkcode msgpack}. */
export interface MsgpackOptions extends CodecLimits {
  /**
   * What 64-bit integers on the wire become: `"bigint"` always; `"number"`
   * always, and those beyond 2^53 are refused; `"auto"` a number up to 2^53,
   * else a bigint. For peers in languages that write large numbers so.
   *
   * @default {"bigint"}
   */
  int64?: "bigint" | "number" | "auto";
  /**
   * Whether decoded binary data are copies, or views of the body: faster for
   * large ones, but then the body must not be used again, and each view keeps
   * all of it in memory.
   *
   * @default {"copy"}
   */
  binary?: "copy" | "borrow";
}

const INT64 = ["bigint", "number", "auto"];
const BINARY = ["copy", "borrow"];

/** msgpackr is fastest where a small body begins at offset 0 of a buffer it knows. */
const SMALL_BODY = 4096;
const small = new Uint8Array(SMALL_BODY);
/** An extension of the program's own, in the same bundle, may decode in the middle of decoding. */
let decoding = false;
const NO_ROOM = new Uint8Array(0);

/**
 * The MessagePack codec. Bytes are standard MessagePack, with two extension
 * types: timestamps (-1, of the standard) for `Date`, and type 0, which several
 * implementations share, for `undefined`.
 *
 * What goes in comes out, or is refused by path before a byte is sent; the
 * table of values is in this folder's README. Bodies are checked against the
 * limits before they are decoded, and the limits hold for both directions.
 *
 * @param options limits, and what 64-bit integers and binary data become
 * @returns a codec named `msgpack`; one serves any number of connections
 * @throws {RangeError} for an option out of its range
 *
 * @example
 * ```ts
 * import { msgpack } from "@lengthwise/lengthwise/messages";
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
 */
export function msgpack(options: MsgpackOptions = {}): MessageCodec {
  return new MsgpackCodec(options);
}

class MsgpackCodec implements MessageCodec {
  readonly name = "msgpack";
  readonly #borrow: boolean;
  readonly #encoder: Encoder;
  readonly #scanner: BodyScanner;
  readonly #unpackr: Unpackr;

  constructor(options: MsgpackOptions) {
    const { int64 = "bigint", binary = "copy" } = options;
    requireOneOf("int64", int64, INT64);
    requireOneOf("binary", binary, BINARY);
    const limits = resolveCodecLimits(options);
    this.#borrow = binary === "borrow";
    this.#encoder = new Encoder(limits);
    this.#scanner = new BodyScanner(limits, int64 === "number");
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
    return typeof body === "number" ? NO_ROOM : body.slice(); // no body has no bytes
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

  decode(body: Uint8Array): unknown {
    const marked = this.#scanner.scan(body);
    const inside = decoding;
    decoding = true;
    try {
      return marked === undefined && !inside && !this.#borrow &&
          body.length <= SMALL_BODY
        ? this.#decodeSmall(body)
        : this.#unpackr.unpack(doubleMarks(body, marked ?? []));
    } catch (error) {
      throw asCodecError("decode", error);
    } finally {
      decoding = inside;
    }
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

/** The value's own code can throw (a getter, a proxy), and so might msgpackr. */
function asCodecError(verb: "encode" | "decode", error: unknown): CodecError {
  if (error instanceof CodecError) return error;
  return verb === "encode"
    ? new CodecError(
      "Cannot encode as msgpack: reading the value threw an error",
      { kind: "unsupported", cause: error },
    )
    : new CodecError("Cannot decode as msgpack: the decoder failed", {
      kind: "malformed",
      cause: error,
    });
}
