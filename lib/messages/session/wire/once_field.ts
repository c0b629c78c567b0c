/**
 * The field ONCE of a REQUEST, and the entry OUTCOMES of HELLO.
 *
 * ```text
 *  ├─────────────┼────────────┼──────────┼─────────────┼───────────────────────┤
 *  │ client (16) │ u64 number │ u64 seen │ u64 created │ SHA-256 of value (32) │
 * ```
 *
 * @module
 */
import { fromHex, toHex } from "../../support/hex.ts";
import { getExactU64, putU64 } from "./frame_header.ts";
import { decodeText, MalformedError } from "./malformed_error.ts";

/** Identity of a call that runs at most once. */
export interface OnceField {
  /** Id of the client, in hexadecimal. */
  readonly client: string;
  /** Number of the call among those of the client, from 1. */
  readonly number: number;
  /** Number up to which the client needs no outcomes any more. */
  readonly seen: number;
  /** Time of its first REQUEST by the server's clock, Unix ms. */
  readonly created: number;
  /** SHA-256 of the encoded input, in hexadecimal. */
  readonly digest: string;
}

/** Where a server stores outcomes, and its time. */
export interface Outcomes {
  /** The server's time in ms since 1970. */
  readonly time: number;
  /** Id of the store; equal ids are the same store. */
  readonly store: string;
}

/** Length in bytes of the id of a client. */
export const CLIENT_ID = 16;
/** Length in bytes of a digest. */
const DIGEST = 32;
/** Length in bytes of the value of ONCE. */
export const ONCE_LENGTH: number = CLIENT_ID + 3 * 8 + DIGEST;
/** Maximum length in bytes of KEY, and of a store's id. */
export const MAX_KEY = 128;

/** The client of calls that KEY identifies. */
export const NO_CLIENT: string = /* @__PURE__ */ "0".repeat(2 * CLIENT_ID);

/** Encodes the value of ONCE. */
export function encodeOnce(once: OnceField): Uint8Array {
  const bytes = new Uint8Array(ONCE_LENGTH);
  bytes.set(fromHex(once.client));
  putU64(bytes, CLIENT_ID, once.number);
  putU64(bytes, CLIENT_ID + 8, once.seen);
  putU64(bytes, CLIENT_ID + 16, once.created);
  bytes.set(fromHex(once.digest), CLIENT_ID + 24);
  return bytes;
}

/**
 * Decodes the value of ONCE.
 *
 * @throws {MalformedError} if its length or a number is not valid
 */
export function decodeOnce(value: Uint8Array): OnceField {
  if (value.length !== ONCE_LENGTH) {
    throw new MalformedError(
      `ONCE has ${value.length} bytes; expected ${ONCE_LENGTH}`,
    );
  }
  return {
    client: toHex(value.subarray(0, CLIENT_ID)),
    number: getExactU64(value, CLIENT_ID),
    seen: getExactU64(value, CLIENT_ID + 8),
    created: getExactU64(value, CLIENT_ID + 16),
    digest: toHex(value.subarray(CLIENT_ID + 24)),
  };
}

/**
 * Decodes the value of KEY.
 *
 * @throws {MalformedError} if the key is empty, too long or not UTF-8
 */
export function decodeKey(value: Uint8Array): string {
  if (value.length > 0 && value.length <= MAX_KEY) return decodeText(value);
  throw new MalformedError(
    `KEY has ${value.length} bytes; expected 1 to ${MAX_KEY}`,
  );
}

/** Encodes the value of OUTCOMES. */
export function encodeOutcomes({ time, store }: Outcomes): Uint8Array {
  const text = new TextEncoder().encode(store);
  const bytes = new Uint8Array(8 + text.length);
  putU64(bytes, 0, time);
  bytes.set(text, 8);
  return bytes;
}

/**
 * Decodes the value of OUTCOMES.
 *
 * @throws {MalformedError} if the entry is too short, or its time or text is not
 * valid
 */
export function decodeOutcomes(value: Uint8Array): Outcomes {
  if (value.length <= 8) throw new MalformedError("OUTCOMES is truncated");
  return { time: getExactU64(value, 0), store: decodeText(value.subarray(8)) };
}
