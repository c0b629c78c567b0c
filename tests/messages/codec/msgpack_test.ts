import { assertEquals } from "@std/assert";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";

const PURE = { permissions: "none" } as const;

Deno.test("encodeInto() writes the same bytes at every alignment", PURE, () => {
  const codec = msgpack();
  const value = { id: 7, tags: ["a", "b"], text: "x".repeat(100) };
  const expected = codec.encode(value);
  for (let offset = 0; offset < 24; offset++) {
    const target = new Uint8Array(8192).fill(0xee);
    const end = codec.encodeInto(value, target, offset);
    assertEquals(end, offset + expected.length);
    assertEquals(target.subarray(offset, offset + expected.length), expected);
    assertEquals(
      target.subarray(0, offset),
      new Uint8Array(offset).fill(0xee),
    );
  }
});
