/**
 * The skippable block in front of a body (PROTOCOL.md, "Fields"): what a
 * message says about itself. A type that a peer does not know is passed over.
 *
 * ```text
 *  ├────────────────┤  u16 bytes of the block
 *  ├──────┼─────────┼──────────┤  u8 type, u16 length, value; again and again
 * ```
 *
 * @module
 */
import { getU16, getU32, putU16, putU32 } from "./wire.ts";

/** Text that travels beside a message, not in it. */
export type Metadata = Readonly<Record<string, string>>;

/** Types of field. */
export const Field = {
  /** Milliseconds that are left for the call, u32. */
  DEADLINE: 0x01,
  /** Pairs of u8 length, key, u16 length, value; UTF-8. */
  METADATA: 0x02,
  /** Text of an error, UTF-8. */
  MESSAGE: 0x10,
  /** Id of an incident, UTF-8. */
  INCIDENT: 0x11,
  /** Name of a declared error, UTF-8. */
  DECLARED: 0x12,
  /** Milliseconds to wait before a retry, u32. */
  RETRY_AFTER: 0x13,
} as const;

/** Bytes that break the wire's rules; the session decides what they close. */
export class MalformedError extends Error {
  /** @inheritdoc */
  override name = "MalformedError";
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** No fields. */
export const NO_FIELDS: Uint8Array = new Uint8Array(0);

/** Keys are lower case, so that they mean the same everywhere. */
const METADATA_KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** One field of text. */
export function textField(type: number, text: string): Uint8Array {
  return field(type, encoder.encode(text));
}

/** One field of a u32. */
export function u32Field(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(7);
  putFieldHead(bytes, 0, type, 4);
  putU32(bytes, 3, value);
  return bytes;
}

/**
 * Metadata as a field.
 *
 * @throws {TypeError} for a key that is none, or a value that is no string
 * @throws {RangeError} for more than `limit` bytes
 */
export function metadataField(metadata: Metadata, limit: number): Uint8Array {
  const parts: number[] = [];
  for (const [key, value] of Object.entries(metadata)) {
    if (!METADATA_KEY.test(key)) {
      throw new TypeError(
        `Cannot use "${key}" as a metadata key: it must be 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit`,
      );
    }
    if (typeof value !== "string" || !value.isWellFormed()) {
      throw new TypeError(
        `Cannot send metadata "${key}": the value must be a well-formed string`,
      );
    }
    const text = encoder.encode(value);
    if (text.length + parts.length > limit) {
      throw new RangeError(
        `Cannot send metadata of more than ${limit} bytes: "${key}" goes over the limit "maxMetadata"`,
      );
    }
    parts.push(key.length, ...encoder.encode(key));
    parts.push(text.length >>> 8, text.length & 0xff, ...text);
  }
  return field(Field.METADATA, Uint8Array.from(parts));
}

/** Fields as they were read; absent ones have the value that means nothing. */
export interface Fields {
  /** Milliseconds left, or `Infinity`. */
  timeout: number;
  /** Metadata, empty if none. */
  metadata: Metadata;
  /** Text of an error. */
  message: string;
  /** Id of an incident. */
  incident: string;
  /** Name of a declared error. */
  declared: string;
  /** Milliseconds to wait. */
  retryAfter: number;
}

const NO_METADATA: Metadata = Object.freeze(Object.create(null));

/** What a message without fields says. */
export const EMPTY_FIELDS: Readonly<Fields> = Object.freeze({
  timeout: Infinity,
  metadata: NO_METADATA,
  message: "",
  incident: "",
  declared: "",
  retryAfter: 0,
});

/**
 * Reads the block that begins at `offset` and says where it ends.
 *
 * @throws {MalformedError}
 */
export function readFields(
  bytes: Uint8Array,
  offset: number,
): { fields: Readonly<Fields>; end: number } {
  const end = fieldsEnd(bytes, offset);
  return {
    fields: end === offset + 2 ? EMPTY_FIELDS : parse(bytes, offset + 2, end),
    end,
  };
}

/**
 * Where the block that begins at `offset` ends, its content unread.
 *
 * @throws {MalformedError}
 */
export function fieldsEnd(bytes: Uint8Array, offset: number): number {
  if (offset + 2 > bytes.length) {
    throw new MalformedError("the frame ends before its fields");
  }
  const end = offset + 2 + getU16(bytes, offset);
  if (end > bytes.length) {
    throw new MalformedError(
      `the fields claim ${end - offset - 2} bytes, the frame has ${
        bytes.length - offset - 2
      }`,
    );
  }
  return end;
}

function parse(bytes: Uint8Array, start: number, end: number): Fields {
  const fields: Fields = { ...EMPTY_FIELDS };
  let at = start;
  while (at < end) {
    if (at + 3 > end) throw new MalformedError("a field's head is cut");
    const type = bytes[at]!; // in range: at + 3 <= end
    const from = at + 3;
    at = from + getU16(bytes, at + 1);
    if (at > end) throw new MalformedError(`field ${type} is cut`);
    assign(fields, type, bytes.subarray(from, at));
  }
  return fields;
}

function assign(fields: Fields, type: number, value: Uint8Array): void {
  switch (type) {
    case Field.DEADLINE:
      fields.timeout = u32(value);
      break;
    case Field.METADATA:
      fields.metadata = parseMetadata(value);
      break;
    case Field.MESSAGE:
      fields.message = text(value);
      break;
    case Field.INCIDENT:
      fields.incident = text(value);
      break;
    case Field.DECLARED:
      fields.declared = text(value);
      break;
    case Field.RETRY_AFTER:
      fields.retryAfter = u32(value);
      break;
  }
}

function parseMetadata(bytes: Uint8Array): Metadata {
  const metadata: Record<string, string> = Object.create(null);
  let at = 0;
  while (at < bytes.length) {
    const keyEnd = at + 1 + bytes[at]!; // in range: at < length
    if (keyEnd + 2 > bytes.length) throw new MalformedError("metadata is cut");
    const end = keyEnd + 2 + getU16(bytes, keyEnd);
    if (end > bytes.length) throw new MalformedError("metadata is cut");
    metadata[text(bytes.subarray(at + 1, keyEnd))] = text(
      bytes.subarray(keyEnd + 2, end),
    );
    at = end;
  }
  return metadata;
}

function u32(value: Uint8Array): number {
  if (value.length !== 4) throw new MalformedError("a number is not 4 bytes");
  return getU32(value, 0);
}

/** Reads UTF-8. @throws {MalformedError} */
export function text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MalformedError("text is not UTF-8");
  }
}

function field(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(3 + value.length);
  putFieldHead(bytes, 0, type, value.length);
  bytes.set(value, 3);
  return bytes;
}

function putFieldHead(
  bytes: Uint8Array,
  offset: number,
  type: number,
  length: number,
): void {
  bytes[offset] = type;
  putU16(bytes, offset + 1, length);
}
