import { assertEquals, assertThrows } from "@std/assert";
import { fixedLength, FrameError } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("fixedLength() encodes only payloads of its length", () => {
  const encoder = fixedLength(2).encoder();
  assertEquals(encoder.encode(new Uint8Array([1, 2])).toHex(), "0102");
  const code = (length: number) =>
    assertThrows(() => encoder.encode(new Uint8Array(length)), FrameError).code;
  assertEquals([code(1), code(3)], ["too-short", "too-large"]);
});

test("fixedLength() reports the declared length of a truncated frame", () => {
  const decoder = fixedLength(5).decoder();
  decoder.push(new Uint8Array(3));
  assertEquals(decoder.next(), undefined);
  assertEquals(assertThrows(() => decoder.end(), FrameError).declared, 5);
});

test("fixedLength() rejects a length out of range and any other limit", () => {
  for (const length of [0, -1, 1.5, NaN]) {
    assertThrows(() => fixedLength(length), RangeError, "'length'");
  }
  assertThrows(() => fixedLength(4).decoder().maxFrameLength = 3, RangeError);
});
