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
import { fromHex, toHex } from "../../support/hex.ts";

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

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Lengths in hexadecimal digits of the parts of `traceparent`. */
const PARTS = [2, 32, 16, 2] as const; // a tuple

/**
 * Encodes a trace context.
 *
 * @returns the value of a field TRACE; `undefined` without a `traceparent`
 * @throws {TypeError} if the `traceparent` is not valid
 */
export function encodeTrace(
  { traceparent, tracestate }: TraceFields,
): Uint8Array | undefined {
  if (traceparent === "") return undefined;
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) {
    throw new TypeError(
      `Cannot send the traceparent ${
        JSON.stringify(traceparent)
      }: expected version, trace id, parent id and flags in lower-case hexadecimal digits, such as "00-" + 32 digits + "-" + 16 digits + "-01"`,
    );
  }
  const state = new TextEncoder().encode(tracestate);
  // A state that is too long is left out; the ids alone continue the trace.
  const kept = state.length <= MAX_STATE ? state : state.subarray(0, 0);
  const bytes = new Uint8Array(FIXED + kept.length);
  bytes.set(fromHex(traceparent.replaceAll("-", "")));
  bytes.set(kept, FIXED);
  return bytes;
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
  const tracestate = new TextDecoder().decode(bytes.subarray(FIXED));
  return {
    traceparent: parts.join("-"),
    // Only printable ASCII is allowed; anything else could not be passed on.
    tracestate: /^[\x20-\x7e]*$/.test(tracestate) ? tracestate : "",
  };
}
