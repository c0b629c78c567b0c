/**
 * GOAWAY (PROTOCOL.md, "GOAWAY"): nothing new is to be started, or it is over.
 *
 * ```text
 *  ├──────┼──────────────┼──────────────┤
 *    code   u48 last id    text, UTF-8
 * ```
 *
 * @module
 */
import { printableLines } from "../../support/printable.ts";
import {
  SESSION_ERROR_CODES,
  type SessionErrorCode,
} from "../../errors/call_error.ts";
import { MalformedError } from "./malformed_error.ts";
import { getU48, HEADER, putU48 } from "./frame_header.ts";

const FIXED = 7;
/** Longest text, in UTF-16 units: it may quote the peer, who chooses what. */
const MAX_TEXT = 512;

/** What a GOAWAY says. */
export interface Goaway {
  /** Why; `"none"`: in good order. */
  readonly code: SessionErrorCode;
  /** Calls above were not and will not be run. */
  readonly lastId: number;
  /** The same for people. */
  readonly message: string;
}

/** The body of a GOAWAY. */
export function encodeGoaway({ code, lastId, message }: Goaway): Uint8Array {
  const text = new TextEncoder().encode(truncateMessage(message));
  const body = new Uint8Array(FIXED + text.length);
  body[0] = SESSION_ERROR_CODES.indexOf(code);
  putU48(body, 1, lastId);
  body.set(text, FIXED);
  return body;
}

/** Reads a GOAWAY frame. @throws {MalformedError} */
export function decodeGoaway(frame: Uint8Array): Goaway {
  if (frame.length < HEADER + FIXED) {
    throw new MalformedError("GOAWAY is cut");
  }
  const text = frame.subarray(HEADER + FIXED, HEADER + FIXED + 4 * MAX_TEXT);
  return {
    code: SESSION_ERROR_CODES[frame[HEADER]!] ?? "internal", // in range; a later code is a failure all the same
    lastId: getU48(frame, HEADER + 1),
    message: truncateMessage(printableLines(new TextDecoder().decode(text))),
  };
}

/** A text that is short enough to be sent and to be logged. */
export function truncateMessage(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT) + "…";
}
