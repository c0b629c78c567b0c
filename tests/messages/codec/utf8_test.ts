import { assertEquals } from "@std/assert";
import {
  endOfAscii,
  spells,
  utf16Length,
} from "../../../lib/messages/codec/utf8.ts";

const PURE = { permissions: "none" } as const;
const fatal = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

Deno.test(
  "endOfAscii() finds the first non-ASCII byte at every offset",
  PURE,
  () => {
    for (let length = 0; length < 20; length++) {
      const bytes = new Uint8Array(length + 4).fill(0x61);
      assertEquals(endOfAscii(bytes, 2, length + 2), length + 2);
      for (let at = 2; at < length + 2; at++) {
        bytes[at] = 0x80;
        assertEquals(endOfAscii(bytes, 2, length + 2), at);
        bytes[at] = 0x61;
      }
    }
  },
);

Deno.test(
  "utf16Length() agrees with the platform on all triples of boundary bytes",
  PURE,
  () => {
    const edges = [
      0,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
    ]
      .concat(
        0xdf,
        0xe0,
        0xe1,
        0xec,
        0xed,
        0xee,
        0xef,
        0xf0,
        0xf1,
        0xf3,
        0xf4,
        0xf5,
        0xff,
      );
    for (const a of edges) {
      for (const b of edges) {
        for (const c of edges) {
          for (const rest of [[], [0x80], [0xbf, 0x61]]) {
            const bytes = Uint8Array.of(a, b, c, ...rest);
            assertEquals(
              utf16Length(bytes, 0, bytes.length),
              decodedLength(bytes),
              `${bytes}`,
            );
          }
        }
      }
    }
  },
);

Deno.test("spells() compares within the bytes", PURE, () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assertEquals(spells(bytes, 1, Uint8Array.of(2, 3)), true);
  assertEquals(spells(bytes, 2, Uint8Array.of(3, 4)), false);
});

/** Returns the number of UTF-16 code units, or -1. */
function decodedLength(bytes: Uint8Array): number {
  try {
    return fatal.decode(bytes).length;
  } catch {
    return -1;
  }
}
