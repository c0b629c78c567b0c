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
