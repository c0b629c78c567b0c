import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { acquire, release } from "../../../lib/framing/stream/buffer_pool.ts";

const permissions = "none";

Deno.test("acquire() returns a released buffer again, as the same object", {
  permissions,
}, () => {
  for (const size of [512, 4096, 16_384, 65_536, 262_144]) {
    const one = acquire(size);
    const other = acquire(size - 1);
    assertEquals([one.length, other.length], [size, size]);
    assertNotStrictEquals(one, other);
    release(one);
    assertStrictEquals(acquire(1 + size / 2), one);
    release(one);
    release(other);
  }
});

Deno.test(
  "acquire() returns at least the requested size",
  { permissions },
  () => {
    for (
      const least of [
        0,
        1,
        512,
        513,
        4096,
        4097,
        16_385,
        65_537,
        262_144,
        262_145,
        5_000_000,
      ]
    ) {
      assert(acquire(least).length >= least);
    }
    assertEquals(acquire(262_145).length, 524_288);
  },
);

Deno.test(
  "release() keeps at most 2.75 MiB and no oversized buffer",
  { permissions },
  () => {
    const sizes = [512, 4096, 16_384, 65_536, 262_144, 524_288];
    const countOf = (size: number) => size <= 4096 ? 1100 : 100;
    const all = sizes.flatMap((size) =>
      Array.from({ length: countOf(size) }, () => acquire(size))
    );
    for (const buffer of all) release(buffer);
    const released = new Set(all);
    let kept = 0;
    for (const size of sizes) {
      for (let i = 0; i < countOf(size); i++) {
        const buffer = acquire(size);
        if (released.has(buffer)) kept += size;
      }
    }
    assertEquals(kept, 2.75 * 1024 * 1024);
  },
);

Deno.test(
  "release() frees the buffers of a size of which it keeps enough",
  { permissions },
  () => {
    const buffers = Array.from({ length: 20 }, () => acquire(65_536));
    for (const buffer of buffers) release(buffer);
    const freed = buffers.filter(({ buffer }) => buffer.byteLength === 0);
    assertEquals([freed.length, acquire(65_536).length], [12, 65_536]);
  },
);

Deno.test(
  "release() frees an oversized buffer at once",
  { permissions },
  () => {
    const buffer = acquire(262_145);
    release(buffer);
    assertEquals([buffer.length, buffer.buffer.byteLength], [0, 0]);
  },
);
