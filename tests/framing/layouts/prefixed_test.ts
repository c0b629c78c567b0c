import { assertEquals, assertThrows } from "@std/assert";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { FrameError, prefixed } from "@lengthwise/lengthwise/framing";
import type { Prefix, PrefixedOptions } from "@lengthwise/lengthwise/types";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A length in decimal digits, then a dot. */
const DIGITS: Prefix = {
  maxLength: 4,
  maxPayloadLength: 999,
  read(bytes) {
    const text = new TextDecoder().decode(bytes);
    const [digits = ""] = text.split(".", 1);
    if (/[^0-9]/.test(digits)) throw new Error("it must be digits and a dot");
    if (digits === text) return undefined;
    return [digits.length + 1, Number(digits)];
  },
  write: (length) => new TextEncoder().encode(`${length}.`),
};

function decode(text: string, options: PrefixedOptions = {}) {
  const decoder = prefixed(DIGITS, options).decoder();
  const frames: string[] = [];
  decoder.push(new TextEncoder().encode(text));
  for (let frame; (frame = decoder.next());) {
    frames.push(new TextDecoder().decode(frame));
  }
  return { frames, decoder };
}

test("prefixed() passes checkFraming()", () => {
  checkFraming((options) => prefixed(DIGITS, options), [
    new Uint8Array([1, 2, 3]),
    new Uint8Array(0),
    new Uint8Array(120).fill(7),
  ]);
});

test("prefixed() writes and reads the prefix", () => {
  const wire = prefixed(DIGITS).encoder().encode(new Uint8Array(12).fill(65));
  assertEquals(new TextDecoder().decode(wire), "12.AAAAAAAAAAAA");
  assertEquals(decode("1.a0.2.bc").frames, ["a", "", "bc"]);
});

test("prefixed() rejects a prefix that is invalid or does not end", () => {
  for (
    const [text, why] of [
      ["1.ax", "it must be digits and a dot"],
      ["1.a1234", "does not end within 4 bytes"],
    ] as const
  ) {
    const error = assertThrows(() => decode(text), FrameError, why);
    assertEquals([error.code, error.frameIndex], ["bad-prefix", 1]);
  }
});

test("prefixed() rejects invalid results of read()", () => {
  for (
    const wrong of [[0, 1], [2, 1], [1.5, 1], [1, -1], [1, 0.5], [1, NaN]]
  ) {
    const decoder = prefixed({
      ...DIGITS,
      read: () => [wrong[0]!, wrong[1]!],
    }).decoder();
    decoder.push(new Uint8Array(1));
    const error = assertThrows(
      () => decoder.next(),
      FrameError,
      "expected integers, 1 to 1 and 0 or more",
    );
    assertEquals(error.code, "bad-prefix");
  }
});

test("prefixed() rejects or skips a frame that is too long", () => {
  const error = assertThrows(
    () => decode("5.abcde", { maxFrameLength: 4 }),
    FrameError,
  );
  assertEquals([error.code, error.declared, error.limit], ["too-large", 5, 4]);
  const { frames, decoder } = decode("5.abcde1.f", {
    maxFrameLength: 4,
    onTooLarge: "skip",
  });
  assertEquals([frames, decoder.skipped], [["f"], 1]);
});

test("prefixed() caps its default limit at what the prefix can hold and rejects more", () => {
  assertEquals(prefixed(DIGITS).maxFrameLength, 999);
  assertThrows(() => prefixed(DIGITS, { maxFrameLength: 1000 }), RangeError);
  for (const maxLength of [0, 1025, 1.5]) {
    assertThrows(() => prefixed({ ...DIGITS, maxLength }), RangeError);
  }
  assertThrows(() => prefixed({ ...DIGITS, maxPayloadLength: -1 }), RangeError);
});
