import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, varintPrefixed } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function codeOf(step: () => unknown): string {
  return assertThrows(step, FrameError).code;
}

function first(options: Parameters<typeof varintPrefixed>[0], hex: string) {
  const decoder = varintPrefixed(options).decoder();
  decoder.push(Uint8Array.fromHex(hex));
  return decoder.next()?.toHex();
}

test("varintPrefixed() writes prefixes of 1 to 4 bytes at their boundaries", () => {
  const encoder = varintPrefixed().encoder();
  for (
    const [length, prefix] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [16_383, "ff7f"],
      [16_384, "808001"],
      [2 ** 21, "80808001"],
    ] as const
  ) {
    const frame = encoder.encode(new Uint8Array(length));
    assertEquals(frame.subarray(0, frame.length - length).toHex(), prefix);
    assertEquals(encoder.maxEncodedLength(length), frame.length);
  }
});

test("varintPrefixed() rejects padded lengths unless canonical is false", () => {
  assertEquals(codeOf(() => first({}, "810061")), "bad-prefix");
  assertEquals(first({ canonical: false }, "810061"), "61");
  assertEquals(first({ canonical: false }, "8180808080808080800061"), "61");
  assertEquals(
    codeOf(() => first({ canonical: false }, "8180808080808080808000")),
    "bad-prefix",
  );
  assertEquals(first({}, "00"), "");
});

test("varintPrefixed() rejects 2^53 or more and an unterminated length", () => {
  const most = { maxFrameLength: Number.MAX_SAFE_INTEGER };
  assertEquals(codeOf(() => first(most, "808080808080801001")), "too-large");
  assertEquals(codeOf(() => first(most, "ffffffffffffffff7f")), "too-large");
  assertEquals(codeOf(() => first({}, "ff".repeat(10))), "bad-prefix");
  assertEquals(first({}, "ff".repeat(9)), undefined);
  assertEquals(
    codeOf(() => first({ maxPrefixLength: 2 }, "8080")),
    "bad-prefix",
  );
});

test("varintPrefixed() seals in place without a gap if the prefix is short", () => {
  const { inPlace } = varintPrefixed({ maxFrameLength: 70_000 }).encoder();
  assertEquals(inPlace?.headroom, 3);
  const target = new Uint8Array(500).fill(0xee);
  let end = 0;
  for (const length of [1, 200, 2]) {
    target.fill(length, end + 3, end + 3 + length);
    end = inPlace!.seal(target, end, end + 3 + length);
  }
  assertEquals(end, 2 + 202 + 3);
  assertEquals(target.subarray(0, 5).toHex(), "0101c801c8");
  assertEquals(target.subarray(204, 207).toHex(), "020202");
});

test("varintPrefixed() with keepHeader rejects a frame whose length is wrong", () => {
  const framing = varintPrefixed({ offset: 1, keepHeader: true });
  const encoder = framing.encoder();
  assertEquals(encoder.encode(Uint8Array.fromHex("300161")).toHex(), "300161");
  for (const wrong of ["300261", "3001", "30", "30800061", "3081"]) {
    assertThrows(() => encoder.encode(Uint8Array.fromHex(wrong)), FrameError);
  }
  const target = new Uint8Array(4);
  assertEquals(encoder.encodeInto(Uint8Array.fromHex("300161"), target, 1), 4);
  assertEquals(target.toHex(), "00300161");
  assertEquals(first({ offset: 1, keepHeader: true }, "300161"), "300161");
});

test("varintPrefixed() with offset inserts the length after the first bytes", () => {
  const framing = varintPrefixed({ offset: 2, maxPrefixLength: 2 });
  const encoder = framing.encoder();
  const long = Uint8Array.fromHex("3031" + "61".repeat(128));
  for (
    const [frame, wire] of [
      ["3031", "303100"],
      ["303161", "30310161"],
      [long.toHex(), "30318001" + "61".repeat(128)],
    ] as const
  ) {
    const payload = Uint8Array.fromHex(frame);
    assertEquals(encoder.encode(payload).toHex(), wire);
    assertEquals(first({ offset: 2 }, wire), frame);
    // The payload is part of the target, at each distance from the frame.
    for (let at = 0; at < 6; at++) {
      const target = new Uint8Array(200);
      target.set(payload, at);
      const source = target.subarray(at, at + payload.length);
      const end = encoder.encodeInto(source, target, 2);
      assertEquals(target.subarray(2, end).toHex(), wire);
    }
    const { headroom } = encoder.inPlace!;
    const target = new Uint8Array(200);
    target.set(payload, 1 + headroom);
    const end = encoder.inPlace!.seal(target, 1, 1 + headroom + payload.length);
    assertEquals(target.subarray(1, end).toHex(), wire);
  }
  assertEquals(encoder.encodeHeader, undefined);
  assertThrows(() => encoder.encode(new Uint8Array(1)), FrameError);
  assertEquals(framing.maxFrameLength, 2 + 128 ** 2 - 1);
});

test("varintPrefixed() skips frames that are too long", () => {
  const decoder = varintPrefixed({ maxFrameLength: 2, onTooLarge: "skip" })
    .decoder();
  decoder.push(Uint8Array.fromHex("036161610162"));
  assertEquals(decoder.next()?.toHex(), "62");
  assertEquals(decoder.skipped, 1);
});

test("varintPrefixed() rejects options out of range", () => {
  assertThrows(() => varintPrefixed({ maxPrefixLength: 0 }), RangeError);
  assertThrows(() => varintPrefixed({ maxPrefixLength: 11 }), RangeError);
  assertThrows(() => varintPrefixed({ offset: -1 }), RangeError);
  assertThrows(() => varintPrefixed({ offset: 65_537 }), RangeError);
  varintPrefixed({ offset: 65_536 });
  assertThrows(
    () => varintPrefixed({ maxPrefixLength: 1, maxFrameLength: 128 }),
    RangeError,
  );
  assertThrows(() => varintPrefixed({ onTooLarge: "x" as "skip" }), TypeError);
});
