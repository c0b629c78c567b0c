/**
 * Decodes the MessagePack bodies that msgpackr does not decode well.
 *
 * msgpackr drops leading byte order marks, and objects that are empty or have
 * index keys hold more than they must. The reader is slower.
 *
 * @module
 */
import { emptyObject, isIndex, makeSparse } from "./index_keys.ts";

/** Maximum length of strings that a loop joins without a rope (V8). */
const SHORT_STRING = 12;
const EXT_TIMESTAMP = -1;
const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);
const EMPTY_VIEW: DataView = /* @__PURE__ */ new DataView(EMPTY.buffer);
// Without this option the decoder would drop a leading byte order mark.
const fromUtf8 = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
const { fromCharCode } = String;

/** Reader of bodies that the scanner has accepted. */
export class MsgpackReader {
  readonly #int64: "bigint" | "number" | "auto";
  readonly #borrow: boolean;
  #bytes = EMPTY;
  #view = EMPTY_VIEW;
  #at = 0;

  /**
   * @param int64 the type of 64-bit integers
   * @param borrow whether binary data references the body
   */
  constructor(int64: "bigint" | "number" | "auto", borrow: boolean) {
    this.#int64 = int64;
    this.#borrow = borrow;
  }

  /** Decodes a whole body, which the scanner must have accepted. */
  read(body: Uint8Array): unknown {
    const { buffer, byteOffset, length } = body;
    // A plain view, as a subclass could override `subarray()`.
    this.#bytes = new Uint8Array(buffer, byteOffset, length);
    this.#view = new DataView(buffer, byteOffset, length);
    this.#at = 0;
    try {
      return this.#value();
    } finally {
      this.#bytes = EMPTY;
      this.#view = EMPTY_VIEW;
    }
  }

  #value(): unknown {
    const lead = this.#bytes[this.#at++]!;
    if (lead < 0x80) return lead;
    if (lead < 0x90) return this.#map(lead & 0x0f);
    if (lead < 0xa0) return this.#array(lead & 0x0f);
    if (lead < 0xc0) return this.#string(lead & 0x1f);
    if (lead >= 0xe0) return lead - 0x100;
    const view = this.#view;
    switch (lead) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#uint8());
      case 0xc5:
        return this.#binary(this.#uint16());
      case 0xc6:
        return this.#binary(this.#uint32());
      case 0xc7:
        return this.#extension(this.#uint8());
      case 0xc8:
        return this.#extension(this.#uint16());
      case 0xc9:
        return this.#extension(this.#uint32());
      case 0xca:
        return view.getFloat32(this.#skip(4));
      case 0xcb:
        return view.getFloat64(this.#skip(8));
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return this.#integer(view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return view.getInt8(this.#skip(1));
      case 0xd1:
        return view.getInt16(this.#skip(2));
      case 0xd2:
        return view.getInt32(this.#skip(4));
      case 0xd3:
        return this.#integer(view.getBigInt64(this.#skip(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << lead - 0xd4);
      case 0xd9:
        return this.#string(this.#uint8());
      case 0xda:
        return this.#string(this.#uint16());
      case 0xdb:
        return this.#string(this.#uint32());
      case 0xdc:
        return this.#array(this.#uint16());
      case 0xdd:
        return this.#array(this.#uint32());
      case 0xde:
        return this.#map(this.#uint16());
      default:
        return this.#map(this.#uint32());
    }
  }

  /** Returns the offset and moves past `size` bytes. */
  #skip(size: number): number {
    const at = this.#at;
    this.#at += size;
    return at;
  }

  #uint8(): number {
    return this.#bytes[this.#at++]!;
  }

  #uint16(): number {
    return this.#view.getUint16(this.#skip(2));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#skip(4));
  }

  #integer(value: bigint): bigint | number {
    if (this.#int64 === "bigint") return value;
    const isSafe = value <= 2n ** 53n && value >= -(2n ** 53n);
    return isSafe || this.#int64 === "number" ? Number(value) : value;
  }

  #array(length: number): unknown[] {
    if (length === 0) return [];
    const array = new Array<unknown>(length);
    for (let index = 0; index < length; index++) array[index] = this.#value();
    return array;
  }

  #map(count: number): Record<string, unknown> {
    if (count === 0) return emptyObject();
    let object: Record<string, unknown> | undefined;
    let isSparse = false;
    for (let index = 0; index < count; index++) {
      const key = String(this.#value()); // the scanner accepts only strings as keys
      if (!isSparse && isIndex(key)) {
        object ??= emptyObject();
        makeSparse(object);
        isSparse = true;
      }
      object ??= {};
      object[key] = this.#value();
    }
    return object!; // set by the first key
  }

  #string(length: number): string {
    const start = this.#skip(length);
    const bytes = this.#bytes;
    const end = start + length;
    if (length <= SHORT_STRING) {
      let text = "";
      let at = start;
      while (at < end && bytes[at]! < 0x80) text += fromCharCode(bytes[at++]!);
      if (at === end) return text;
    }
    return fromUtf8.decode(bytes.subarray(start, end));
  }

  #binary(length: number): Uint8Array {
    const start = this.#skip(length);
    const end = start + length;
    return this.#borrow
      ? this.#bytes.subarray(start, end)
      : this.#bytes.slice(start, end);
  }

  #extension(length: number): Date | undefined {
    const type = this.#view.getInt8(this.#skip(1));
    const at = this.#skip(length);
    if (type !== EXT_TIMESTAMP) return undefined;
    const view = this.#view;
    if (length === 4) return new Date(view.getUint32(at) * 1000);
    const upper = view.getUint32(at);
    if (length === 12) {
      const seconds = Number(view.getBigInt64(at + 4));
      return new Date(seconds * 1000 + upper / 1e6);
    }
    const seconds = (upper & 3) * 2 ** 32 + view.getUint32(at + 4);
    return new Date(seconds * 1000 + (upper >>> 2) / 1e6);
  }
}
