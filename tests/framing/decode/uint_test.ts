import { assert, assertEquals } from "@std/assert";
import {
  indexOfByte,
  maxUint,
  readUint,
  startsWith,
  view,
  writeUint,
} from "../../../lib/framing/decode/uint.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("writeUint() and readUint() agree with DataView for each width and order", () => {
  for (let width = 1; width <= 8; width++) {
    for (const little of [false, true]) {
      const edges = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 - 1, 2 ** 40];
      const values = [0, 1, 0x7f, 0x80, 0x1234, ...edges, maxUint(width)];
      for (const value of values) {
        if (value > maxUint(width)) continue;
        const bytes = new Uint8Array(10);
        writeUint(bytes, 1, width, little, value);
        assertEquals(readUint(bytes, 1, width, little), value);
        const wide = new DataView(new ArrayBuffer(8));
        wide.setBigUint64(0, BigInt(value), little);
        const expected = new Uint8Array(wide.buffer);
        assertEquals(
          bytes.slice(1, 1 + width),
          little ? expected.slice(0, width) : expected.slice(8 - width),
        );
      }
    }
  }
});

test("readUint() never returns less than 2^53 for larger values", () => {
  const bytes = Uint8Array.fromHex("0020000000000001");
  assert(readUint(bytes, 0, 8, false) >= 2 ** 53);
});

test("indexOfByte() searches only between its bounds, short or long", () => {
  for (const size of [10, 100]) {
    const bytes = new Uint8Array(size + 20);
    bytes[2] = bytes[size] = bytes[size + 10] = 1;
    assertEquals(indexOfByte(bytes, 1, 3, size), -1);
    assertEquals(indexOfByte(bytes, 1, 3, size + 1), size);
    assertEquals(indexOfByte(bytes, 1, size + 1, size + 20), size + 10);
    assertEquals(indexOfByte(bytes, 1, size + 11, size + 20), -1);
  }
});

test("view() and startsWith() count from the start of a view", () => {
  const bytes = new Uint8Array([9, 9, 1, 2, 3]).subarray(2);
  assertEquals(view(bytes, 1, 3), new Uint8Array([2, 3]));
  assertEquals(startsWith(bytes, 1, 2, new Uint8Array([2, 3])), true);
  assertEquals(startsWith(bytes, 0, 2, new Uint8Array([2, 3])), false);
});
