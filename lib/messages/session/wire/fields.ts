/**
 * The block of fields before a body (PROTOCOL.md, "Fields"). Fields describe the
 * message; a peer skips the types that it does not know, unless they are critical.
 *
 * ```text
 *  ├────────────────┤  u16 length of the block
 *  ├──────┼─────────┼──────────┤  u8 type, u16 length, value; repeated
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { MessageCodec } from "../../codec/message_codec.ts";
import { decodeText, MalformedError } from "./malformed_error.ts";
import {
  decodeMetadata,
  encodeMetadata,
  type Metadata,
  NO_METADATA,
} from "./metadata.ts";
import { Feature } from "./features.ts";
import {
  encodeIds,
  encodeTrace,
  MAX_TRACE,
  type TraceFields,
  type TraceIds,
} from "./trace_field.ts";
import { getU16, getU32, putU16, putU32 } from "./frame_header.ts";
import {
  decodeKey,
  decodeOnce,
  encodeOnce,
  type OnceField,
} from "./once_field.ts";
import {
  decodeGap,
  decodeJoined,
  decodePosition,
  encodeGap,
  encodeJoined,
  encodePosition,
  type Gap,
  type Joined,
  type Position,
} from "./positions.ts";

export { MalformedError, type Metadata, type Position };

/** Lowest critical field type: a receiver that does not know it must not skip it. */
const CRITICAL = 0x80;

/** Thrown for a critical field of an unknown type. */
export class UnknownFieldError extends MalformedError {
  /** @inheritdoc */
  override name = "UnknownFieldError";
}

/** Field types. */
export const Field = {
  /** Milliseconds left for the call, u32. */
  DEADLINE: 0x01,
  /** Pairs of u8 length, key, u16 length, value; UTF-8. */
  METADATA: 0x02,
  /** How often the call was sent before, u8; 255 means 255 or more. */
  ATTEMPT: 0x03,
  /** Trace context, 26 bytes and a text. */
  TRACE: 0x04,
  /** The caller's own key of a call, UTF-8. */
  KEY: 0x05,
  /** Position of an item, two u64. */
  ITEM_ID: 0x06,
  /** Items that a stream does not have: two u64, u8 reason. */
  GAP: 0x07,
  /** Beginning of a stream with positions: two u64, u8 recovered. */
  JOINED: 0x08,
  /** Message of an error, UTF-8. */
  MESSAGE: 0x10,
  /** Id of an incident, UTF-8. */
  INCIDENT: 0x11,
  /** Name of a declared error, UTF-8. */
  DECLARED: 0x12,
  /** Milliseconds to wait before a retry, u32. */
  RETRY_AFTER: 0x13,
  /** Milliseconds over which clients spread their next connections, u32. */
  SPREAD: 0x14,
  /** Identity of a call that runs at most once; critical. */
  ONCE: 0x80,
  /** Position after which a stream continues, two u64; critical. */
  RESUME_FROM: 0x81,
} as const;

const encoder = /* @__PURE__ */ new TextEncoder();

/** No fields. */
export const NO_FIELDS: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/** Highest u32; in milliseconds, 49 days. */
const MAX_U32 = 0xffff_ffff;

/** Encodes a field whose value is a string. */
export function textField(type: number, text: string): Uint8Array {
  return field(type, encoder.encode(text));
}

/** Encodes a field whose value is a u32. Rounds the value up and clamps it. */
export function u32Field(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(7);
  putFieldHead(bytes, 0, type, 4);
  putU32(bytes, 3, milliseconds(value));
  return bytes;
}

/** Encodes how often a call was sent before. */
export function attemptField(attempt: number): Uint8Array {
  return field(Field.ATTEMPT, Uint8Array.of(Math.min(attempt, 255)));
}

/**
 * Encodes metadata as a field.
 *
 * @throws {TypeError} if a key is invalid or a value is not a well-formed string
 * @throws {RangeError} if the metadata exceeds `limit` bytes
 */
export function metadataField(metadata: Metadata, limit: number): Uint8Array {
  return field(Field.METADATA, encodeMetadata(metadata, limit));
}

/**
 * Encodes a trace context as a field; returns none without ids.
 *
 * @throws {TypeError} if its `traceparent` is not valid
 */
export function traceField(trace: TraceFields): Uint8Array {
  return withTraceHead(encodeTrace(trace, FIELD_HEAD));
}

/** Encodes the ids of a trace as a field; returns none if they are not valid. */
export function traceIdsField(ids: TraceIds, tracestate: string): Uint8Array {
  return withTraceHead(encodeIds(ids, tracestate, FIELD_HEAD));
}

function withTraceHead(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) return NO_FIELDS;
  putFieldHead(bytes, 0, Field.TRACE, bytes.length - FIELD_HEAD);
  return bytes;
}

/** Encodes the position after which a stream continues, as a field. */
export function resumeField(position: Position): Uint8Array {
  return field(Field.RESUME_FROM, encodePosition(position));
}

/** Encodes the fields of an item with a position. */
export function itemFields({ position, gap, joined }: ItemFields): Uint8Array {
  const id = field(Field.ITEM_ID, encodePosition(position));
  if (gap === undefined && joined === undefined) return id;
  return concat([
    id,
    ...(joined === undefined
      ? []
      : [field(Field.JOINED, encodeJoined(joined))]),
    ...(gap === undefined ? [] : [field(Field.GAP, encodeGap(gap))]),
  ]);
}

/**
 * Encodes the fields of a call that runs at most once.
 *
 * @param key the caller's own key of the call, or `""`
 */
export function onceFields(once: OnceField, key: string): Uint8Array {
  const identity = field(Field.ONCE, encodeOnce(once));
  return key === "" ? identity : concat([identity, textField(Field.KEY, key)]);
}

/**
 * Writes the block of fields at offset `at`.
 *
 * @param timeout milliseconds left, or `Infinity`; always the first field
 * @param fields other fields, already encoded
 * @returns the offset at which the block ends
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
  if (fields.length > 0) target.set(fields, end);
  return end + fields.length;
}

/**
 * Encodes the body of a RESULT.
 *
 * @param fields its fields, already encoded
 * @throws {CodecError} if the value cannot be encoded
 */
export function encodeResult(
  fields: Uint8Array,
  value: unknown,
  codec: MessageCodec,
): Uint8Array {
  const head = new Uint8Array(2 + fields.length);
  putFields(head, 0, Infinity, fields);
  return concat([head, codec.encode(value)]);
}

/** Updates the deadline in the block at `at`, which must have one. */
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

/** Field types that each kind of message may have (PROTOCOL.md, "Fields"). */
export const FIELDS_OF = {
  REQUEST: [
    Field.DEADLINE,
    Field.METADATA,
    Field.ATTEMPT,
    Field.TRACE,
    Field.RESUME_FROM,
  ],
  NOTIFY: [Field.METADATA, Field.TRACE],
  ITEM: [], // those of features that are not in use are skipped
  /** With the feature `positions`, from the callee of a server stream. */
  POSITIONED_ITEM: [Field.ITEM_ID, Field.GAP, Field.JOINED],
  RESULT: [Field.METADATA],
  ERROR: [
    Field.MESSAGE,
    Field.INCIDENT,
    Field.DECLARED,
    Field.RETRY_AFTER,
  ],
  GOAWAY: [Field.RETRY_AFTER, Field.SPREAD],
} as const;

const ONCE_FIELDS = [...FIELDS_OF.REQUEST, Field.ONCE, Field.KEY];

/** Returns the field types of a REQUEST with these features. */
export function requestFields(features: number): readonly number[] {
  return (features & Feature.ONCE) === 0 ? FIELDS_OF.REQUEST : ONCE_FIELDS;
}

/** Fields of an item in a stream with positions. */
export interface ItemFields {
  /** Position up to which the stream has been sent. */
  readonly position: Position;
  /** Items before it that are missing. */
  readonly gap?: Gap | undefined;
  /** Set if the stream begins. */
  readonly joined?: Joined | undefined;
}

/**
 * Decoded fields; {@linkcode EMPTY_FIELDS} has the values of absent fields.
 */
export interface Fields {
  /** Milliseconds left, or `Infinity`. */
  timeout: number;
  /** Metadata, possibly empty. */
  metadata: Metadata;
  /** How often the call was sent before. */
  attempt: number;
  /** Heap bytes that the metadata, the identity and the trace hold. */
  held: number;
  /** Value of the field TRACE; may be malformed. */
  trace: Uint8Array | undefined;
  /** Message of an error. */
  message: string;
  /** Id of an incident. */
  incident: string;
  /** Name of a declared error. */
  declared: string;
  /** Milliseconds to wait before a retry. */
  retryAfter: number;
  /** Milliseconds over which clients spread their next connections. */
  spread: number;
  /** Identity of a call that runs at most once. */
  once: OnceField | undefined;
  /** The caller's own key of the call, or `""`. */
  key: string;
  /** Position up to which a stream has been sent. */
  position: Position | undefined;
  /** Items before it that are missing. */
  gap: Gap | undefined;
  /** Set if a stream with positions begins. */
  joined: Joined | undefined;
  /** Position after which a stream continues. */
  resumeFrom: Position | undefined;
}

/** The fields of a message that has none. */
export const EMPTY_FIELDS: Readonly<Fields> = /* @__PURE__ */ Object.freeze({
  timeout: Infinity,
  metadata: NO_METADATA,
  attempt: 0,
  held: 0,
  trace: undefined,
  message: "",
  incident: "",
  declared: "",
  retryAfter: 0,
  spread: 0,
  once: undefined,
  key: "",
  position: undefined,
  gap: undefined,
  joined: undefined,
  resumeFrom: undefined,
});

/** Heap bytes of a decoded ONCE and KEY. */
const HELD_IDENTITY = 512;
/** Heap bytes of a kept TRACE. */
const HELD_TRACE = 256 + MAX_TRACE;

/**
 * Returns where the block at `offset` ends, without reading its content.
 *
 * @throws {MalformedError} if the block exceeds the frame
 */
export function fieldsEnd(bytes: Uint8Array, offset: number): number {
  if (offset + 2 > bytes.length) {
    throw new MalformedError("the frame ends before its fields");
  }
  const end = offset + 2 + getU16(bytes, offset);
  if (end > bytes.length) {
    throw new MalformedError(
      `the fields claim ${end - offset - 2} bytes, but the frame has only ${
        bytes.length - offset - 2
      }`,
    );
  }
  return end;
}

/**
 * Decodes the block from `offset` to `end`; see {@linkcode fieldsEnd}.
 *
 * The function has five positional parameters because it runs once per message,
 * and would otherwise allocate an options object each time.
 *
 * @param types field types that the message may have; others are skipped
 * @param maxMetadata largest accepted metadata in bytes
 * @throws {MalformedError} if a field is malformed or the metadata is too long
 * @throws {UnknownFieldError} if the message may not have a critical field
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
      throw new MalformedError("the header of a field is truncated");
    }
    const type = bytes[at]!; // in range: at + 3 <= end
    const from = at + 3;
    at = from + getU16(bytes, at + 1);
    if (at > end) throw new MalformedError(`field ${type} is truncated`);
    if (!types.includes(type)) {
      if (type < CRITICAL) continue;
      throw new UnknownFieldError(
        `the critical field ${type} is not supported`,
      );
    }
    if (type === Field.METADATA && at - from > maxMetadata) {
      throw new MalformedError(
        `the metadata has ${
          at - from
        } bytes; at most ${maxMetadata} are accepted`,
      );
    }
    assign(fields, type, bytes.subarray(from, at));
  }
  if (fields.once !== undefined) fields.held += HELD_IDENTITY;
  if (fields.trace !== undefined) fields.held += HELD_TRACE;
  return fields;
}

function assign(fields: Fields, type: number, value: Uint8Array): void {
  switch (type) {
    case Field.DEADLINE:
      fields.timeout = u32(value);
      break;
    case Field.METADATA:
      Object.assign(fields, decodeMetadata(value));
      break;
    case Field.ATTEMPT:
      fields.attempt = value[0] ?? 0; // for information, so any length will do
      break;
    case Field.TRACE: // never fails a call
      fields.trace = value.length > MAX_TRACE ? undefined : value.slice();
      break;
    case Field.MESSAGE:
      fields.message = decodeText(value);
      break;
    case Field.INCIDENT:
      fields.incident = decodeText(value);
      break;
    case Field.DECLARED:
      fields.declared = decodeText(value);
      break;
    case Field.RETRY_AFTER:
      fields.retryAfter = u32(value);
      break;
    case Field.SPREAD:
      fields.spread = u32(value);
      break;
    case Field.ONCE:
      fields.once = decodeOnce(value);
      break;
    case Field.KEY:
      fields.key = decodeKey(value);
      break;
    case Field.ITEM_ID:
      fields.position = decodePosition(value);
      break;
    case Field.GAP:
      fields.gap = decodeGap(value);
      break;
    case Field.JOINED:
      fields.joined = decodeJoined(value);
      break;
    case Field.RESUME_FROM:
      fields.resumeFrom = decodePosition(value);
      break;
  }
}

function u32(value: Uint8Array): number {
  if (value.length !== 4) {
    throw new MalformedError("a number is not 4 bytes long");
  }
  return getU32(value, 0);
}

/** Bytes of a field's type and length. */
const FIELD_HEAD = 3;

function field(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FIELD_HEAD + value.length);
  putFieldHead(bytes, 0, type, value.length);
  bytes.set(value, FIELD_HEAD);
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
