/**
 * Metadata (PROTOCOL.md, "Fields"): strings that accompany a message.
 *
 * ```text
 *  ├────────────┼───────┼──────────────┼─────────┤  repeated
 *    u8 length    key     u16 length     value
 * ```
 *
 * @module
 */
import { isIndex, makeSparse } from "../../codec/index_keys.ts";
import { checkObject } from "../../support/check_options.ts";
import { printable } from "../../support/printable.ts";
import { decodeText, MalformedError } from "./malformed_error.ts";
import { getU16, putU16 } from "./frame_header.ts";

/**
 * Pairs of strings that accompany a message, outside its body.
 *
 * @category Clients
 */
export type Metadata = Readonly<Record<string, string>>;

/** Most pairs of metadata. Each costs memory, however short it is. */
export const MAX_PAIRS = 128;

/** Heap bytes of metadata, in addition to the bytes on the wire. */
const METADATA_COST = 128;
/** Heap bytes of a pair, as above. */
const PAIR_COST = 80;

/** No metadata. */
export const NO_METADATA: Metadata = /* @__PURE__ */ Object.freeze(
  Object.create(null),
);

/**
 * Keys are lower case, so that they mean the same everywhere.
 */
const KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const KEY_RULE =
  'expected 1 to 64 characters of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit';

const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * Encodes metadata.
 *
 * @throws {TypeError} if a key is invalid or a value is not a well-formed string
 * @throws {RangeError} if the metadata exceeds `limit` bytes or 128 pairs
 */
export function encodeMetadata(metadata: Metadata, limit: number): Uint8Array {
  checkObject("metadata", metadata);
  const pairs = Object.entries(metadata).map(([key, value]) => {
    check(key, value);
    return { key, value: encoder.encode(value) };
  });
  if (pairs.length > MAX_PAIRS) {
    throw new RangeError(
      `Cannot send metadata with ${pairs.length} keys; at most ${MAX_PAIRS} are allowed`,
    );
  }
  let size = 0;
  for (const { key, value } of pairs) {
    size += 3 + key.length + value.length;
    if (size > limit) {
      throw new RangeError(
        `Cannot send metadata of more than ${limit} bytes: "${key}" exceeds the limit "maxMetadata"`,
      );
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { key, value } of pairs) {
    bytes[at] = key.length;
    encoder.encodeInto(key, bytes.subarray(at + 1));
    at += 1 + key.length;
    putU16(bytes, at, value.length);
    bytes.set(value, at + 2);
    at += 2 + value.length;
  }
  return bytes;
}

function check(key: string, value: unknown): void {
  if (!KEY.test(key)) {
    throw new TypeError(
      `"${printable(key)}" is not a valid metadata key (${KEY_RULE})`,
    );
  }
  if (typeof value !== "string" || !value.isWellFormed()) {
    throw new TypeError(
      `Cannot send metadata "${key}": the value must be a well-formed string`,
    );
  }
}

/** Decoded metadata. */
export interface DecodedMetadata {
  readonly metadata: Metadata;
  /** Heap bytes that it holds. */
  readonly held: number;
}

/**
 * Decodes metadata.
 *
 * @throws {MalformedError} if the bytes are truncated, a key is invalid, or there
 * are more than 128 pairs
 */
export function decodeMetadata(bytes: Uint8Array): DecodedMetadata {
  const metadata: Record<string, string> = Object.create(null);
  let isSparse = false;
  let at = 0;
  let pairs = 0;
  while (at < bytes.length) {
    if (++pairs > MAX_PAIRS) {
      throw new MalformedError(`the metadata has more than ${MAX_PAIRS} pairs`);
    }
    const keyEnd = at + 1 + bytes[at]!; // in range: at < length
    if (keyEnd + 2 > bytes.length) {
      throw new MalformedError("the metadata is truncated");
    }
    const end = keyEnd + 2 + getU16(bytes, keyEnd);
    if (end > bytes.length) {
      throw new MalformedError("the metadata is truncated");
    }
    const key = decodeText(bytes.subarray(at + 1, keyEnd));
    if (!KEY.test(key)) {
      throw new MalformedError(
        `"${printable(key)}" is not a valid metadata key (${KEY_RULE})`,
      );
    }
    if (!isSparse && isIndex(key)) {
      makeSparse(metadata);
      isSparse = true;
    }
    metadata[key] = decodeText(bytes.subarray(keyEnd + 2, end));
    at = end;
  }
  return { metadata, held: METADATA_COST + bytes.length + PAIR_COST * pairs };
}
