import { assert, assertEquals } from "@std/assert";
import { ReusedBuffer } from "../../../lib/framing/decode/reused_buffer.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("reserve() keeps the first bytes and grows to four times the length or the maximum", () => {
  const buffer = new ReusedBuffer();
  assertEquals(buffer.held, 0);
  buffer.reserve(1, 0, Infinity)[0] = 7;
  assertEquals(buffer.held, 64);
  assertEquals(buffer.reserve(65, 1, Infinity)[0], 7);
  assertEquals(buffer.held, 260);
  assertEquals(buffer.reserve(261, 1, 300)[0], 7);
  assertEquals(buffer.held, 300);
  assertEquals(new ReusedBuffer().reserve(3, 0, 3).length, 3);
});

test("reserve() returns the same memory while it fits", () => {
  const buffer = new ReusedBuffer();
  const first = buffer.reserve(10, 0, Infinity);
  assert(buffer.reserve(64, 10, Infinity) === first);
});

test("idle() drops the memory at the second call in a row", () => {
  const buffer = new ReusedBuffer();
  buffer.reserve(10, 0, Infinity);
  buffer.idle();
  assertEquals(buffer.held, 64);
  buffer.reserve(10, 0, Infinity);
  buffer.idle();
  assertEquals(buffer.held, 64);
  buffer.idle();
  assertEquals(buffer.held, 0);
});

test("done() keeps a buffer of 64 KiB, and drops larger ones again and again", () => {
  const uses = (size: number, length: number, count: number) => {
    const buffer = new ReusedBuffer();
    const held: number[] = [];
    for (let round = 0; round < 2; round++) {
      buffer.reserve(size, 0, size);
      for (let use = 0; use < count; use++) buffer.done(length);
      held.push(buffer.held);
    }
    return held;
  };
  assertEquals(uses(65_536, 1, 16), [65_536, 65_536]);
  assertEquals(uses(65_537, 1, 16), [0, 0]);
  assertEquals(uses(65_537, 1, 15), [65_537, 0]); // 30 uses
  assertEquals(uses(80_000, 20_000, 16), [0, 0]);
  assertEquals(uses(80_000, 20_001, 16), [80_000, 80_000]);
});

test("done() drops a large buffer after sixteen small uses in a row", () => {
  const buffer = new ReusedBuffer();
  buffer.reserve(1_000_000, 0, 1_000_000);
  for (let i = 0; i < 15; i++) buffer.done(100);
  buffer.done(900_000);
  for (let i = 0; i < 15; i++) buffer.done(100);
  assertEquals(buffer.held, 1_000_000);
  buffer.done(100);
  assertEquals(buffer.held, 0);
});
