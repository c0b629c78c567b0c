/** Claims of identity in frames, which keep their length. */
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { hideClaims } from "../../lib/forward/hidden_claims.ts";
import {
  attemptField,
  FIELDS_OF,
  fieldsEnd,
  metadataField,
  putFields,
  readFields,
} from "../../lib/messages/session/wire/fields.ts";
import { HEADER, Kind } from "../../lib/messages/session/wire/frame_header.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const BODY = Uint8Array.of(0xc1, 1, 2, 3);
const START: number = HEADER + 2;

/** Returns the frame of a REQUEST with fields. */
function frameOf(fields: Uint8Array, flags = 0): Uint8Array {
  const head = new Uint8Array(START + 2 + 7 + fields.length);
  head.set([Kind.REQUEST, flags, 0, 0, 0, 0, 0, 1]);
  putFields(head, START, 500, fields);
  return concat([head, BODY]);
}

/** Returns the fields of a frame, and its body. */
function contentOf(frame: Uint8Array) {
  const end = fieldsEnd(frame, START);
  const { timeout, metadata, attempt } = readFields(
    frame,
    START,
    end,
    FIELDS_OF.REQUEST,
    Infinity,
  );
  assertEquals(frame.subarray(end), BODY);
  return { timeout, metadata: { ...metadata }, attempt };
}

Deno.test(
  "hideClaims() drops the pairs of gateways, wherever they are",
  none,
  () => {
    const claim = { "lw-forwarded-user": "mallory" };
    const long = { "lw-forwarded-": "ä".repeat(300) };
    const kept = { a: "1", "lw-forwarded": "2", "x-lw-forwarded-user": "3" };
    for (
      const metadata of [
        { ...claim, ...kept, ...long },
        { ...kept, ...long },
        { ...long, ...kept },
        claim,
        kept,
      ]
    ) {
      const fields = concat([metadataField(metadata, 9_999), attemptField(3)]);
      const frame = frameOf(fields);
      const { length } = frame;
      assertEquals(hideClaims(frame), true);
      assertEquals(frame.length, length);
      assertEquals(contentOf(frame), {
        timeout: 500,
        metadata: "a" in metadata ? kept : {},
        attempt: 3,
      });
    }
    // The last of several fields counts, so all are changed.
    const twice = frameOf(concat([
      metadataField(claim, 99),
      metadataField({ ...kept, ...claim }, 999),
    ]));
    hideClaims(twice);
    assertEquals(contentOf(twice).metadata, kept);
  },
);

Deno.test("hideClaims() leaves malformed metadata as it is", none, () => {
  const field = metadataField({ "lw-forwarded-user": "m", b: "2" }, 99);
  // One byte of the last value is missing.
  field[2] = field.length - 4;
  const frame = frameOf(field.subarray(0, -1));
  const before = frame.slice();
  assertEquals(hideClaims(frame), true);
  assertEquals(frame, before);
  // At every length, the result is the same or well-formed.
  const whole = frameOf(metadataField({ "lw-forwarded-user": "m" }, 99));
  for (let length = HEADER; length < whole.length - BODY.length; length++) {
    const cut = whole.slice(0, length);
    assertEquals(hideClaims(cut), true);
    assertEquals(cut, whole.subarray(0, length));
    cut[1] = 1; // MORE
    assertEquals(hideClaims(cut), false);
  }
});
