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
import { MalformedError, text } from "./malformed_error.ts";
import {
  decodeMetadata,
  encodeMetadata,
  type Metadata,
  NO_METADATA,
} from "./metadata.ts";
import { getU16, getU32, putU16, putU32 } from "./frame_header.ts";

export { MalformedError, type Metadata };

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

const encoder = new TextEncoder();

/** No fields. */
export const NO_FIELDS: Uint8Array = new Uint8Array(0);

/** Most that a u32 of milliseconds can say: 49 days. */
const MAX_U32 = 2 ** 32 - 1;

/** One field of text. */
export function textField(type: number, text: string): Uint8Array {
  return field(type, encoder.encode(text));
}

/** One field of a u32. */
export function u32Field(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(7);
  putFieldHead(bytes, 0, type, 4);
  putU32(bytes, 3, milliseconds(value));
  return bytes;
}

/**
 * Metadata as a field.
 *
 * @throws {TypeError} for a key that is none, or a value that is no string
 * @throws {RangeError} for more than `limit` bytes
 */
export function metadataField(metadata: Metadata, limit: number): Uint8Array {
  return field(Field.METADATA, encodeMetadata(metadata, limit));
}

/**
 * Writes the block of fields at `at`.
 *
 * @param timeout milliseconds left, or `Infinity`; always the first field
 * @param fields further ones, already encoded
 * @returns where the block ends
 */
export function putFields(
  target: Uint8Array,
  at: number,
  timeout: number,
  fields: Uint8Array,
): number {
  const hasTimeout = timeout !== Infinity;
  putU16(target, at, fields.length + (hasTimeout ? 7 : 0));
  let end = at + 2;
  if (hasTimeout) {
    putFieldHead(target, end, Field.DEADLINE, 4);
    putTimeout(target, at, timeout);
    end += 7;
  }
  target.set(fields, end);
  return end + fields.length;
}

/** Writes the milliseconds left into a block at `at` that has them. */
export function putTimeout(
  target: Uint8Array,
  at: number,
  timeout: number,
): void {
  putU32(target, at + 5, milliseconds(timeout));
}

function milliseconds(value: number): number {
  return Math.min(MAX_U32, Math.max(0, Math.ceil(value)));
}

/** Types of field in each kind of message that has some (PROTOCOL.md, "Fields"). */
export const FIELDS_OF = {
  REQUEST: [Field.DEADLINE, Field.METADATA],
  NOTIFY: [Field.METADATA],
  RESULT: [Field.METADATA],
  ERROR: [
    Field.MESSAGE,
    Field.INCIDENT,
    Field.DECLARED,
    Field.RETRY_AFTER,
  ],
} as const;

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

/**
 * Reads the block that begins at `offset` and ends where
 * {@linkcode fieldsEnd} says.
 *
 * Five parameters: this runs once a message, and an object would be garbage.
 *
 * @param types those that the message may have; others are passed over
 * @param maxMetadata bytes of metadata that are accepted
 * @throws {MalformedError} also for more metadata than `maxMetadata`
 */
export function readFields(
  bytes: Uint8Array,
  offset: number,
  end: number,
  types: readonly number[],
  maxMetadata: number,
): Readonly<Fields> {
  if (end === offset + 2) return EMPTY_FIELDS;
  const fields: Fields = { ...EMPTY_FIELDS };
  let at = offset + 2;
  while (at < end) {
    if (at + 3 > end) {
      throw new MalformedError("a field's head is cut");
    }
    const type = bytes[at]!; // in range: at + 3 <= end
    const from = at + 3;
    at = from + getU16(bytes, at + 1);
    if (at > end) throw new MalformedError(`field ${type} is cut`);
    if (!types.includes(type)) continue;
    if (type === Field.METADATA && at - from > maxMetadata) {
      throw new MalformedError(
        `there are ${
          at - from
        } bytes of metadata, at most ${maxMetadata} are accepted`,
      );
    }
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
      fields.metadata = decodeMetadata(value);
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

function u32(value: Uint8Array): number {
  if (value.length !== 4) throw new MalformedError("a number is not 4 bytes");
  return getU32(value, 0);
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
