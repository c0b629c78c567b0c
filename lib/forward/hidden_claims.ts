/**
 * Metadata that only gateways may send, hidden in the frames of clients.
 *
 * A gateway that relays frames must not change their length, because both ends
 * count it against the same credit. So the pairs of metadata that claim to be a
 * gateway's are replaced with padding, which is a field that every receiver skips:
 *
 * ```text
 *  ├─ METADATA ───────────────────────────────────────────┤
 *    locale: "en"   lw-forwarded-user: "ada"   app: "shop"
 *  ├─ METADATA ────────────────────┼─ PADDING ────────────┤
 *    locale: "en"   app: "shop"      00 00 00 00 00 00
 * ```
 *
 * @module
 */
import { Field } from "../messages/session/wire/fields.ts";
import {
  Flag,
  getU16,
  HEADER,
  putU16,
} from "../messages/session/wire/frame_header.ts";
import { PREFIX } from "./identity.ts";

/** Type of a field without a meaning, which every receiver skips. */
const PADDING = 0x7f;
/** Bytes of the type and the length of a field. */
const FIELD_HEAD = 3;
/** Offset of the fields in the frame of a REQUEST or NOTIFY. */
const FIELDS: number = HEADER + 4;

const CLAIM = /* @__PURE__ */ new TextEncoder().encode(PREFIX);

/**
 * Replaces the pairs of metadata that begin as those of gateways do.
 *
 * A malformed frame is left as it is: its receiver refuses the message.
 *
 * @param frame the first frame of a REQUEST or NOTIFY, which is changed
 * @returns `false` if the fields go on in the next frame, so that they are unknown
 */
export function hideClaims(frame: Uint8Array): boolean {
  const isWhole = (frame[1]! & Flag.MORE) === 0; // a frame has a header
  if (frame.length < FIELDS) return isWhole;
  const end = FIELDS + getU16(frame, FIELDS - 2);
  if (end > frame.length) return isWhole;
  for (let at = FIELDS; at + FIELD_HEAD <= end;) {
    const next = at + FIELD_HEAD + getU16(frame, at + 1);
    if (next > end) return true;
    if (frame[at] === Field.METADATA) hideIn(frame, at, next);
    at = next;
  }
  return true;
}

/** Does the same in one field. */
function hideIn(frame: Uint8Array, field: number, end: number): void {
  const pairs = pairsIn(frame, field + FIELD_HEAD, end);
  let kept = field + FIELD_HEAD; // end of the pairs that stay
  for (const { start, keyEnd, next } of pairs) {
    if (isClaim(frame, start + 1, keyEnd)) continue;
    frame.copyWithin(kept, start, next);
    kept += next - start;
  }
  if (pairs.length === 0 || kept === end) return;
  // A hidden pair is longer than the head of a field.
  putU16(frame, field + 1, kept - field - FIELD_HEAD);
  frame[kept] = PADDING;
  putU16(frame, kept + 1, end - kept - FIELD_HEAD);
  frame.fill(0, kept + FIELD_HEAD, end);
}

/** Offsets of a pair. */
interface Pair {
  /** Of its key's length. */
  readonly start: number;
  /** Of the byte after its key. */
  readonly keyEnd: number;
  /** Of the byte after its value. */
  readonly next: number;
}

/** Returns the pairs of metadata; none if they do not fill their field. */
function pairsIn(frame: Uint8Array, from: number, end: number): Pair[] {
  const pairs: Pair[] = [];
  for (let start = from; start < end;) {
    const keyEnd = start + 1 + frame[start]!; // in range: start < end
    if (keyEnd + 2 > end) return [];
    const next = keyEnd + 2 + getU16(frame, keyEnd);
    if (next > end) return [];
    pairs.push({ start, keyEnd, next });
    start = next;
  }
  return pairs;
}

function isClaim(frame: Uint8Array, start: number, end: number): boolean {
  return end - start >= CLAIM.length &&
    CLAIM.every((byte, index) => frame[start + index] === byte);
}
