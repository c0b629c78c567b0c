/**
 * ERROR (PROTOCOL.md, "ERROR"): what a call ended with instead of a result.
 *
 * ```text
 *  ├──────┼───────────┼───────┼───┼──────────┼─────────┤
 *  │ code │ processed │ retry │ 0 │ fields … │ data …  │
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { printableLines } from "../../support/printable.ts";
import type { MessageCodec } from "../../codec/message_codec.ts";
import {
  CALL_ERROR_CODES,
  CallError,
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
/** Longest text that travels in an error, so that a message is never a surprise in size. */
const MAX_TEXT = 2048;

/** What an ERROR carries in front of its data. */
export function encodeErrorHead(error: CallError): Uint8Array {
  const fields = concat([
    textField(Field.MESSAGE, truncateText(error.message)),
    ...(error.incident === ""
      ? []
      : [textField(Field.INCIDENT, truncateText(error.incident))]),
    ...(error.declared === ""
      ? []
      : [textField(Field.DECLARED, truncateText(error.declared))]),
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
 * The body of an ERROR.
 *
 * @throws {CodecError} for data that has no encoding
 */
export function encodeError(error: CallError, codec: MessageCodec): Uint8Array {
  const head = encodeErrorHead(error);
  return error.data === undefined
    ? head
    : concat([head, codec.encode(error.data)]);
}

function truncateText(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT) + "…";
}

/**
 * Reads the body of an ERROR. Data that cannot be decoded is left out: the
 * error is worth more than its data.
 *
 * @throws {MalformedError}
 */
export function decodeError(
  body: Uint8Array,
  codec: MessageCodec,
  method: string,
): CallError {
  if (body.length < FIXED) throw new MalformedError("ERROR is cut");
  const end = fieldsEnd(body, FIXED);
  const fields = readFields(body, FIXED, end, FIELDS_OF.ERROR, Infinity);
  // A code of a later version is as unknown to us as any failure of the other side's.
  const code = CALL_ERROR_CODES[body[0]!] ?? "internal"; // in range: length >= FIXED
  const message = printableLines(fields.message) || `${method} failed: ${code}`;
  return new CallError(code, message, {
    method,
    processed: PROCESSED[body[1]!] ?? "maybe", // in range: as above
    retry: RETRY[body[2]!] ?? "never", // in range: as above
    retryAfter: fields.retryAfter,
    declared: fields.declared,
    incident: fields.incident,
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
