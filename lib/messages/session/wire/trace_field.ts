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

/**
 * Trace context in the form of W3C Trace Context.
 *
 * @category Observers
 */
export interface TraceFields {
  /** The text of `traceparent`, with version, ids and flags; or `""`. */
  traceparent: string;
  /** The text of `tracestate`, at most 512 bytes; may be `""`. */
  tracestate: string;
}

/** The ids of a trace context in hexadecimal digits, and its flags. */
export interface TraceIds {
  /** Id of the trace, 32 digits. */
  readonly traceId: string;
  /** Id of the caller's span, 16 digits. */
  readonly parentId: string;
  /** Flags, 8 bits. */
  readonly flags: number;
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
/** Lengths in hexadecimal digits of the parts of `traceparent`. */
const PARTS = [2, 32, 16, 2] as const; // a tuple
/** Bytes before the trace id: the version. */
const TRACE_ID = 1;
/** Bytes before the parent id. */
const PARENT_ID = 17;

/**
 * Bytes of which values without a `tracestate` are parts: to allocate each of them
 * takes five times as long. A value that waits keeps only this many bytes.
 */
const SLAB = 512;
let slab = /* @__PURE__ */ new Uint8Array(SLAB);
/** Bytes of the slab that are parts of values. */
let used = 0;

/** Values of lower-case digits by their codes; −1 for other characters. */
const VALUES = /* @__PURE__ */ digitValues();

function digitValues(): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (let value = 0; value < 16; value++) {
    values[value.toString(16).charCodeAt(0)] = value;
  }
  return values;
}

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
  const bytes = withState(tracestate, room);
  if (!putParent(traceparent, bytes, room)) {
    throw new TypeError(
      `Cannot send the traceparent ${
        JSON.stringify(traceparent)
      }: expected version, trace id, parent id and flags in lower-case hexadecimal digits, such as "00-" + 32 digits + "-" + 16 digits + "-01"`,
    );
  }
  return bytes;
}

/**
 * Encodes the ids of a trace, with version 0.
 *
 * This is faster than to join them to a text that `encodeTrace()` reads.
 *
 * @param room number of bytes to leave before the value
 * @returns `undefined` if an id is not valid: of another form, or all zeros
 */
export function encodeIds(
  { traceId, parentId, flags }: TraceIds,
  tracestate: string,
  room = 0,
): Uint8Array | undefined {
  if (traceId.length !== 32 || parentId.length !== 16) return undefined;
  const bytes = withState(tracestate, room);
  const valid = putDigits(traceId, 0, 32, bytes, room + TRACE_ID) > 0 &&
    putDigits(parentId, 0, 16, bytes, room + PARENT_ID) > 0;
  if (!valid) return undefined;
  bytes[room + FIXED - 1] = flags;
  return bytes;
}

/** Returns space for a value, with its `tracestate`. */
function withState(tracestate: string, room: number): Uint8Array {
  // Most calls have no state, and an encoder costs more than the ids.
  if (tracestate === "") return ofSlab(room + FIXED);
  const state = encoder.encode(tracestate);
  // A state that is too long is left out; the ids alone continue the trace.
  const kept = state.length <= MAX_STATE ? state : NO_STATE;
  const bytes = new Uint8Array(room + FIXED + kept.length);
  if (kept.length > 0) bytes.set(kept, room + FIXED);
  return bytes;
}

/** Returns bytes that are zero and no part of another value. */
function ofSlab(size: number): Uint8Array {
  if (used + size > SLAB) {
    slab = new Uint8Array(SLAB);
    used = 0;
  }
  return slab.subarray(used, used += size);
}

/** Writes the bytes of a `traceparent`; returns `false` if it is not valid. */
function putParent(text: unknown, bytes: Uint8Array, at: number): boolean {
  if (typeof text !== "string" || text.length !== TEXT) return false;
  let from = 0;
  let to = at;
  for (const digits of PARTS) {
    if (from > 0 && text[from - 1] !== "-") return false;
    if (putDigits(text, from, digits, bytes, to) < 0) return false;
    from += digits + 1;
    to += digits / 2;
  }
  return true;
}

/**
 * Writes bytes from lower-case digits.
 *
 * @returns all bits that are set in any byte; −1 if a character is not a digit
 */
function putDigits(
  text: string,
  from: number,
  digits: number,
  bytes: Uint8Array,
  at: number,
): number {
  let bits = 0;
  for (let digit = from; digit < from + digits; digit += 2) {
    const high = VALUES[text.charCodeAt(digit)] ?? -1;
    const low = VALUES[text.charCodeAt(digit + 1)] ?? -1;
    if ((high | low) < 0) return -1;
    bits |= bytes[at++] = high << 4 | low;
  }
  return bits;
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
