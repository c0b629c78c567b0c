/**
 * The trace context of a call (PROTOCOL.md, section 18, TRACE).
 *
 * ```text
 *  ├─────────┼──────────┼───────────┼───────┼────────────┤
 *  │ version │ trace id │ parent id │ flags │ tracestate │
 *  │    1    │    16    │     8     │   1   │   ≤ 512    │
 * ```
 *
 * @module
 */
import { toHex } from "../../support/hex.ts";

/** Trace context in the form of W3C Trace Context. */
export interface TraceFields {
  /** The text of `traceparent`, with version, ids and flags; or `""`. */
  traceparent: string;
  /** The text of `tracestate`, at most 512 bytes; may be `""`. */
  tracestate: string;
}

/** Bytes of version, trace id, parent id and flags. */
const FIXED = 26;
/** Most bytes of `tracestate` that its specification lets a sender expect. */
const MAX_STATE = 512;
/** Most bytes of the field that this side sends and reads. */
export const MAX_TRACE: number = FIXED + MAX_STATE;

const NO_STATE = /* @__PURE__ */ new Uint8Array(0);
const encoder = /* @__PURE__ */ new TextEncoder();
/** Length of a `traceparent`: its bytes in hexadecimal, and three hyphens. */
const TEXT = 2 * FIXED + 3;
const HYPHEN = 0x2d;
/** The digits of a `traceparent`; reused, since encoding is synchronous. */
const digits = /* @__PURE__ */ new Uint8Array(TEXT);
/** Lengths in hexadecimal digits of the parts of `traceparent`. */
const PARTS = [2, 32, 16, 2] as const; // a tuple

/**
 * Encodes a trace context.
 *
 * @param room number of bytes to leave before the value
 * @returns the value of a field TRACE; `undefined` without a `traceparent`
 * @throws {TypeError} if the `traceparent` is not valid
 */
export function encodeTrace(
  { traceparent, tracestate }: TraceFields,
  room = 0,
): Uint8Array | undefined {
  if (traceparent === "") return undefined;
  // Most calls have no state, and an encoder costs more than the ids.
  const state = tracestate === "" ? NO_STATE : encoder.encode(tracestate);
  // A state that is too long is left out; the ids alone continue the trace.
  const kept = state.length <= MAX_STATE ? state : NO_STATE;
  const bytes = new Uint8Array(room + FIXED + kept.length);
  if (!putParent(traceparent, bytes, room)) {
    throw new TypeError(
      `Cannot send the traceparent ${
        JSON.stringify(traceparent)
      }: expected version, trace id, parent id and flags in lower-case hexadecimal digits, such as "00-" + 32 digits + "-" + 16 digits + "-01"`,
    );
  }
  if (kept.length > 0) bytes.set(kept, room + FIXED);
  return bytes;
}

/** Writes the bytes of a `traceparent`; returns `false` if it is not valid. */
function putParent(text: unknown, bytes: Uint8Array, at: number): boolean {
  if (typeof text !== "string" || text.length !== TEXT) return false;
  // Text that was just joined is slow to read by index.
  encoder.encodeInto(text, digits);
  for (let from = 0, to = at; from < TEXT; from += 2) {
    if (from === 2 || from === 35 || from === 52) {
      if (digits[from++] !== HYPHEN) return false;
    }
    const value = 16 * valueOf(digits[from]!) + valueOf(digits[from + 1]!); // in range
    if (Number.isNaN(value)) return false;
    bytes[to++] = value;
  }
  return true;
}

/** Returns the value of a lower-case digit, or NaN. */
function valueOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : NaN;
}

/**
 * Decodes a trace context.
 *
 * @returns `undefined` if the bytes are not one: a trace never fails a call
 */
export function decodeTrace(bytes: Uint8Array): TraceFields | undefined {
  if (bytes.length < FIXED || bytes.length > MAX_TRACE) return undefined;
  const digits = toHex(bytes.subarray(0, FIXED));
  let at = 0;
  const parts = PARTS.map((length) => digits.slice(at, at += length));
  const tracestate = bytes.length === FIXED
    ? ""
    : new TextDecoder().decode(bytes.subarray(FIXED));
  return {
    traceparent: parts.join("-"),
    // Only printable ASCII is allowed; anything else could not be passed on.
    tracestate: /^[\x20-\x7e]*$/.test(tracestate) ? tracestate : "",
  };
}
