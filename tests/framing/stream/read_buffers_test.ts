/** Tests of the reads that bursts take and the memory that idle reads hold. */
import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { frames, type FrameStream, u32be } from "../../../lib/framing/mod.ts";
import {
  IDLE_READ,
  ReadBuffers,
  WAITING_LIMIT,
} from "../../../lib/framing/stream/read_buffers.ts";
import { payload, ScriptedConnection, settled } from "./scripted_connection.ts";

const KIB = 1024;
const encoder = u32be().encoder();
const FRAME = encoder.encode(payload(124));

/** Returns so many bytes of small frames. */
function burst(bytes: number): Uint8Array {
  return concat(Array.from({ length: bytes / FRAME.length }, () => FRAME));
}

/**
 * Returns the buffer sizes of the reads of some bursts. Each burst arrives after
 * the one before has been read.
 */
async function readSizes(bursts: readonly number[]): Promise<number[]> {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const done = stream.receive(() => {});
  for (const bytes of bursts) {
    connection.feed(burst(bytes));
    await settled();
  }
  connection.feed(null);
  await done;
  return connection.readSizes;
}

/** Returns the reads per burst after the connection has adapted to them. */
async function readsPerBurst(...pattern: number[]): Promise<number> {
  const warm = (await readSizes(Array(8).fill(pattern).flat())).length;
  const all = (await readSizes(Array(108).fill(pattern).flat())).length;
  return (all - warm) / 100 / pattern.length;
}

Deno.test("an idle connection reads with 2 KiB; a full read switches to 64 KiB", async () => {
  assertEquals(await readSizes([128, 128, 100 * KIB]), [
    2 * KIB, // idle
    2 * KIB, // after a small read
    2 * KIB, // filled
    64 * KIB, // filled
    64 * KIB, // the rest of the burst
    64 * KIB, // pending
  ]);
});

for (const [bytes, most] of [[128, 1], [10, 1], [60, 1], [256, 4]] as const) {
  const size = bytes === 128 ? bytes : bytes * KIB;
  Deno.test(`a burst of ${size} bytes takes ${most} read(s) every time`, async () => {
    assertEquals(await readsPerBurst(size), most);
  });
}

Deno.test("alternating large and small bursts take one read each", async () => {
  assertEquals(await readsPerBurst(10 * KIB, 128), 1);
  assertEquals(await readsPerBurst(40 * KIB, 8 * KIB, 128, 128), 1);
});

Deno.test("a bulk transfer uses 64 KiB from its second read on", async () => {
  const reads = await readSizes([4 * KIB * KIB]);
  assert(reads.length <= 64 + 2, `${reads.length} reads for 4 MiB`);
});

Deno.test("four consecutive reads that fit in a smaller size lead to that size", async () => {
  const small = Array<number>(9).fill(128);
  assertEquals((await readSizes([10 * KIB, ...small])).slice(1), [
    ...Array(4).fill(64 * KIB), // the first of them reads 8 KiB
    ...Array(4).fill(16 * KIB),
    ...Array(3).fill(2 * KIB),
  ]);
});

Deno.test(
  "10,000 connections that are idle after a burst hold 2 KiB each and 4 MiB together",
  {
    permissions: "none",
  },
  () => {
    const all = Array.from({ length: 10_000 }, () => new ReadBuffers());
    let bytes = 0;
    for (const memory of all) {
      const { length } = memory.begin();
      memory.end(length, length);
      memory.end(10 * KIB, memory.begin().length);
      bytes += memory.begin().length; // pending
    }
    const limit = all.length * IDLE_READ + WAITING_LIMIT;
    assert(bytes <= limit, `${bytes}`);
    assert(bytes > limit - 256 * KIB, `${bytes}`);
    for (const memory of all) memory.end(0, Infinity);

    // The next connection can use the memory that the others have released.
    const next = new ReadBuffers();
    next.end(1, 1);
    next.end(60 * KIB, next.begin().length);
    assertEquals(next.begin().length, 64 * KIB);
    next.end(0, Infinity);
  },
);

Deno.test("reads no longer count as pending, however they end", async () => {
  const ends:
    ((connection: ScriptedConnection, stream: FrameStream) => void)[] = [
      (connection) => connection.feed(null),
      (connection) => connection.feed(new Error("reset")),
      (_, stream) => stream.close(),
    ];
  // More of each kind than the limit allows at once.
  for (let i = 0; i < 100; i++) {
    for (const end of ends) {
      const connection = new ScriptedConnection();
      await using stream = frames(connection, u32be());
      const done = stream.receive(() => {}).catch(() => {});
      connection.feed(burst(10 * KIB));
      await settled();
      assertEquals(connection.readSizes.at(-1), 64 * KIB);
      end(connection, stream);
      await done;
    }
  }
});

Deno.test(
  "ReadBuffers reuses its own buffer for small reads and can transfer it to a frame",
  {
    permissions: "none",
  },
  () => {
    const memory = new ReadBuffers();
    const own = memory.begin();
    memory.end(5, own.length);
    assertEquals(memory.begin() === own, true);
    memory.end(own.length, own.length);
    const large = memory.begin();
    assertEquals(memory.disown(large.subarray(7)), true);
    assertEquals(memory.disown(large), false);
    memory.end(large.length, large.length);
    assertEquals(memory.begin() === large, false);
    memory.end(0, Infinity);
    assertEquals(memory.disown(own), true);
    memory.drop();
  },
);
