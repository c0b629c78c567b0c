/**
 * GOAWAY (PROTOCOL.md, "GOAWAY"): asks the peer to start no new calls, or ends the
 * session.
 *
 * ```text
 *  ├──────┼──────────────┼──────────────┤
 *    code   u48 last id    text, UTF-8
 * ```
 *
 * @module
 */
import { printableLines, truncate } from "../../support/printable.ts";
import {
  SESSION_ERROR_CODES,
  type SessionErrorCode,
} from "../../errors/call_error.ts";
import { MalformedError } from "./malformed_error.ts";
import { getU48, HEADER, putU48 } from "./frame_header.ts";

const FIXED = 7;
/**
 * Maximum length of the text in UTF-16 units. It may quote text from the peer.
 */
const MAX_TEXT = 512;

/** The content of a GOAWAY. */
export interface Goaway {
  /** Reason for the end of the session; `"none"` for an orderly end. */
  readonly code: SessionErrorCode;
  /** Calls with a higher id have not run and will not run. */
  readonly lastId: number;
  /** The reason, as text for humans. */
  readonly message: string;
}

/** Encodes the body of a GOAWAY. */
export function encodeGoaway({ code, lastId, message }: Goaway): Uint8Array {
  const text = new TextEncoder().encode(truncateMessage(message));
  const body = new Uint8Array(FIXED + text.length);
  body[0] = SESSION_ERROR_CODES.indexOf(code);
  putU48(body, 1, lastId);
  body.set(text, FIXED);
  return body;
}

/**
 * Decodes a GOAWAY frame.
 *
 * @throws {MalformedError} if the frame is truncated
 */
export function decodeGoaway(frame: Uint8Array): Goaway {
  if (frame.length < HEADER + FIXED) {
    throw new MalformedError("GOAWAY is truncated");
  }
  const text = frame.subarray(HEADER + FIXED, HEADER + FIXED + 4 * MAX_TEXT);
  return {
    code: SESSION_ERROR_CODES[frame[HEADER]!] ?? "internal", // in range; an unknown code, from a later version, counts as "internal"
    lastId: getU48(frame, HEADER + 1),
    message: truncateMessage(printableLines(new TextDecoder().decode(text))),
  };
}

/** Truncates text before it is sent or logged. */
export function truncateMessage(text: string): string {
  return truncate(text, MAX_TEXT);
}
