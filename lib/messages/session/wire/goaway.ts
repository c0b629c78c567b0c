/**
 * GOAWAY (PROTOCOL.md, "GOAWAY"): asks the peer to start no new calls, or ends the
 * session.
 *
 * ```text
 *  ├──────┼──────────────┼──────────┼──────────────┤
 *    code   u48 last id    fields …   text, UTF-8
 * ```
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { printableLines, truncate } from "../../support/printable.ts";
import {
  SESSION_ERROR_CODES,
  type SessionErrorCode,
} from "../../errors/call_error.ts";
import {
  Field,
  FIELDS_OF,
  fieldsEnd,
  putFields,
  readFields,
  u32Field,
} from "./fields.ts";
import { MalformedError } from "./malformed_error.ts";
import { getU48, HEADER, putU48 } from "./frame_header.ts";

const FIXED = 7;
/**
 * Maximum length of the text in UTF-16 units. It may quote text from the peer.
 */
const MAX_TEXT = 512;

/** The content of a GOAWAY. */
export interface Goaway {
  /** Reason for the end of the session, or of its announcement. */
  readonly code: SessionErrorCode;
  /** Calls with a higher id have not run and will not run. */
  readonly lastId: number;
  /** The reason, as text for humans. */
  readonly message: string;
  /** Milliseconds to wait before the next connection. @default {0} */
  readonly retryAfter?: number;
  /** Milliseconds over which clients spread their next connections. @default {0} */
  readonly spread?: number;
}

/** Encodes the body of a GOAWAY. */
export function encodeGoaway(goaway: Goaway): Uint8Array {
  const { code, lastId, message, retryAfter = 0, spread = 0 } = goaway;
  const text = new TextEncoder().encode(truncateMessage(message));
  const fields = concat([
    ...(retryAfter === 0 ? [] : [u32Field(Field.RETRY_AFTER, retryAfter)]),
    ...(spread === 0 ? [] : [u32Field(Field.SPREAD, spread)]),
  ]);
  const body = new Uint8Array(FIXED + 2 + fields.length + text.length);
  body[0] = SESSION_ERROR_CODES.indexOf(code);
  putU48(body, 1, lastId);
  body.set(text, putFields(body, FIXED, Infinity, fields));
  return body;
}

/**
 * Decodes a GOAWAY frame.
 *
 * @throws {MalformedError} if the frame is truncated or its fields are malformed
 */
export function decodeGoaway(frame: Uint8Array): Required<Goaway> {
  const body = frame.subarray(HEADER);
  if (body.length < FIXED) throw new MalformedError("GOAWAY is truncated");
  const end = fieldsEnd(body, FIXED);
  const { retryAfter, spread } = readFields(
    body,
    FIXED,
    end,
    FIELDS_OF.GOAWAY,
    Infinity,
  );
  const text = body.subarray(end, end + 4 * MAX_TEXT);
  return {
    code: SESSION_ERROR_CODES[body[0]!] ?? "internal", // in range; an unknown code, from a later version, counts as "internal"
    lastId: getU48(body, 1),
    message: truncateMessage(printableLines(new TextDecoder().decode(text))),
    retryAfter,
    spread,
  };
}

/** Truncates text before it is sent or logged. */
export function truncateMessage(text: string): string {
  return truncate(text, MAX_TEXT);
}
