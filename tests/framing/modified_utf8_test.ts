/**
 * Java's modified UTF-8.
 *
 * @module
 */
import {
  decodeModifiedUtf8,
  encodeModifiedUtf8,
} from "@lengthwise/lengthwise/framing/presets";
import { assertEquals, assertThrows } from "@std/assert";

const test = (name: string, fn: () => void) =>
  Deno.test({ name, permissions: "none", fn });

test("encodeModifiedUtf8() encodes as java.io.DataOutput specifies", () => {
  const cases = {
    ...{ "": "", "\0": "c080", "\x01\x7f": "017f", "\x80": "c280" },
    ...{ "\u07ff": "dfbf", "\u0800": "e0a080", "\uffff": "efbfbf" },
    ...{ "🙂": "eda0bdedb982", "\ud83d": "eda0bd" },
  };
  for (const [text, hex] of Object.entries(cases)) {
    assertEquals(encodeModifiedUtf8(text).toHex(), hex);
    assertEquals(decodeModifiedUtf8(Uint8Array.fromHex(hex)), text);
  }
});

test("decodeModifiedUtf8() returns every UTF-16 unit", () => {
  const units = Array.from({ length: 65_536 }, (_, i) => i);
  const text = units.map((unit) => String.fromCharCode(unit)).join("");
  assertEquals(decodeModifiedUtf8(encodeModifiedUtf8(text)) === text, true);
});

test("decodeModifiedUtf8() rejects what the encoder never writes", () => {
  const invalid = [
    ...["00", "80", "bf", "c0", "c081", "c1bf", "c2", "c200", "c2c0"],
    ...["e0", "e0a0", "e09fbf", "e0a000", "f09f9982", "ff", "61c0"],
  ];
  for (let first = 0x80; first < 0x100; first++) {
    if (first >= 0xc2 && first < 0xf0) continue;
    invalid.push(Uint8Array.of(first, 0x80, 0x80).toHex());
    invalid.push(Uint8Array.of(first, 0xbf, 0xbf).toHex());
  }
  invalid.splice(invalid.indexOf("c08080"), 1); // U+0000
  for (const hex of invalid) {
    assertThrows(
      () => decodeModifiedUtf8(Uint8Array.fromHex(hex)),
      TypeError,
      hex === "61c0" ? "its byte 1 (192)" : "does not begin a character",
    );
  }
});
