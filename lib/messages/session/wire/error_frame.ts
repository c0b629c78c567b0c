/**
 * The body of ERROR (PROTOCOL.md, "ERROR"): why a call failed.
 *
 * ```text
 *  ├──────┼───────────┼───────┼───┼──────────┼─────────┤
 *  │ code │ processed │ retry │ 0 │ fields … │ data …  │
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import {
  printable,
  printableLines,
  printableName,
  truncate,
} from "../../support/printable.ts";
import type { MessageCodec } from "../../codec/message_codec.ts";
import {
  CALL_ERROR_CODES,
  CallError,
  type CallErrorCode,
  PROCESSED,
  RETRY,
} from "../../errors/call_error.ts";
import {
  Field,
  FIELDS_OF,
  fieldsEnd,
  MalformedError,
  putFields,
  readFields,
  textField,
  u32Field,
} from "./fields.ts";

const FIXED = 4;
/** Maximum length of an ERROR's text in UTF-16 units; keeps errors small. */
const MAX_TEXT = 2048;

/** Encodes the part of an ERROR that precedes its data. */
export function encodeErrorHead(error: CallError): Uint8Array {
  const fields = concat([
    textField(Field.MESSAGE, truncate(error.message, MAX_TEXT)),
    ...(error.incident === ""
      ? []
      : [textField(Field.INCIDENT, truncate(error.incident, MAX_TEXT))]),
    ...(error.declared === ""
      ? []
      : [textField(Field.DECLARED, truncate(error.declared, MAX_TEXT))]),
    ...(error.retryAfter === 0
      ? []
      : [u32Field(Field.RETRY_AFTER, error.retryAfter)]),
  ]);
  const head = new Uint8Array(FIXED + 2 + fields.length);
  head[0] = CALL_ERROR_CODES.indexOf(error.code);
  head[1] = PROCESSED.indexOf(error.processed);
  head[2] = RETRY.indexOf(error.retry);
  putFields(head, FIXED, Infinity, fields);
  return head;
}

/**
 * Encodes the body of an ERROR.
 *
 * @throws {CodecError} if the data cannot be encoded
 */
export function encodeError(error: CallError, codec: MessageCodec): Uint8Array {
  const head = encodeErrorHead(error);
  return error.data === undefined
    ? head
    : concat([head, codec.encode(error.data)]);
}

/** Returns the code in the body of an ERROR. */
export function errorCodeOf([code = 0]: Uint8Array): CallErrorCode {
  // An unknown code, from a later version, counts as "internal".
  return CALL_ERROR_CODES[code] ?? "internal";
}

/**
 * Decodes the body of an ERROR. Data that cannot be decoded is omitted, because
 * the error matters more than its data.
 *
 * @throws {MalformedError} if the body is malformed
 */
export function decodeError(
  body: Uint8Array,
  codec: MessageCodec,
  method: string,
): CallError {
  if (body.length < FIXED) throw new MalformedError("ERROR is truncated");
  const end = fieldsEnd(body, FIXED);
  const fields = readFields(body, FIXED, end, FIELDS_OF.ERROR, Infinity);
  const code = errorCodeOf(body);
  const message = printableLines(fields.message) || `${method} failed: ${code}`;
  return new CallError(message, {
    code,
    method,
    processed: PROCESSED[body[1]!] ?? "maybe", // in range: as above
    retry: RETRY[body[2]!] ?? "never", // in range: as above
    retryAfter: fields.retryAfter,
    declared: printableName(fields.declared),
    incident: printable(fields.incident),
    data: decodeData(body.subarray(end), codec),
  });
}

function decodeData(body: Uint8Array, codec: MessageCodec): unknown {
  if (body.length === 0) return undefined;
  try {
    return codec.decode(body);
  } catch {
    return undefined;
  }
}
