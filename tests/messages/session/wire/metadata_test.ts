import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  decodeMetadata,
  encodeMetadata,
} from "../../../../lib/messages/session/wire/metadata.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "encodeMetadata() and decodeMetadata() preserve every pair",
  pure,
  () => {
    const metadata: Record<string, string> = {
      a: "",
      "trace-id": "é\ufeff",
      "x.y_z": "1",
      "999": "index",
      "7": "keys",
    };
    const bytes = encodeMetadata(metadata, 100);
    assertEquals({ ...decodeMetadata(bytes).metadata }, metadata);
  },
);

Deno.test(
  "encodeMetadata() rejects invalid keys, values and sizes",
  pure,
  () => {
    for (const key of ["", "A", "-a", "a b", "a".repeat(65)]) {
      assertThrows(() => encodeMetadata({ [key]: "" }, 100), TypeError, "key");
    }
    assertThrows(
      () => encodeMetadata({ a: "\ud800" }, 9),
      TypeError,
      "well-formed",
    );
    // deno-lint-ignore no-explicit-any -- what JavaScript may pass
    assertThrows(() => encodeMetadata({ a: 1 as any }, 9), TypeError, "string");
    assertEquals(encodeMetadata({ a: "12345" }, 9).length, 9);
    assertThrows(
      () => encodeMetadata({ a: "123456" }, 9),
      RangeError,
      "maxMetadata",
    );
  },
);

Deno.test(
  "decodeMetadata() rejects truncation and invalid keys, and sets no prototype",
  pure,
  () => {
    const bytes = encodeMetadata({ a: "bc", d: "ef" }, 100);
    for (let end = 1; end < bytes.length; end++) {
      if (end === bytes.length / 2) continue; // one whole pair
      assertThrows(
        () => decodeMetadata(bytes.subarray(0, end)),
        MalformedError,
      );
    }
    assertThrows(
      () => decodeMetadata(Uint8Array.of(1, 65, 0, 0)),
      MalformedError,
      "key",
    );
    const { metadata } = decodeMetadata(bytes);
    assertEquals(Object.getPrototypeOf(metadata), null);
  },
);

Deno.test("metadata has at most 128 pairs, however short", pure, () => {
  const pairs = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, ""]));
  const bytes = encodeMetadata(pairs(128), 8192);
  assertEquals(Object.keys(decodeMetadata(bytes).metadata).length, 128);
  assertThrows(() => encodeMetadata(pairs(129), 8192), RangeError, "128");
  const more = Uint8Array.of(...bytes, 1, 97, 0, 0);
  assertThrows(() => decodeMetadata(more), MalformedError, "128");
});
