/**
 * Payloads over the limit, which are also wrong in another way: the error names the
 * limit, before any space is used for them.
 *
 * @module
 */
import {
  cobs,
  contentLength,
  delimited,
  FrameError,
  type Framing,
  lines,
  netstring,
  slip,
  u16be,
  u32be,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";
import { assertEquals, assertThrows } from "@std/assert";

const limit = { maxFrameLength: 10 };

const FRAMINGS: Readonly<Record<string, Framing>> = {
  "u16be()": u16be(limit),
  "u32be()": u32be(limit),
  "varintPrefixed()": varintPrefixed(limit),
  "delimited()": delimited("\n", limit),
  "delimited() with keepDelimiter": delimited("\n", {
    ...limit,
    keepDelimiter: true,
  }),
  "lines()": lines(limit),
  "netstring()": netstring(limit),
  "contentLength()": contentLength(limit),
  "cobs()": cobs(limit),
  "slip()": slip(limit),
};

for (const [name, framing] of Object.entries(FRAMINGS)) {
  Deno.test(`${name} names its limit for a payload that is too long`, {
    permissions: "none",
  }, () => {
    const payload = new TextEncoder().encode("a\n\0".repeat(100));
    const encoder = framing.encoder();
    const { headroom = 0 } = encoder.inPlace ?? {};
    const room = new Uint8Array(headroom + payload.length + 100);
    room.set(payload, headroom);
    const before = room.slice();
    const attempts: (() => unknown)[] = [
      () => encoder.encode(payload),
      () => encoder.encodeInto(payload, new Uint8Array(5), 0),
      () => encoder.encodeInto(payload, new Uint8Array(5), 9),
    ];
    const { inPlace } = encoder;
    if (inPlace !== undefined) {
      attempts.push(() => inPlace.seal(room, 0, headroom + payload.length));
    }
    for (const attempt of attempts) {
      const { code, limit } = assertThrows(attempt, FrameError);
      assertEquals([code, limit], ["too-large", 10]);
    }
    assertEquals(room, before);
  });
}
