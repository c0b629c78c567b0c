/**
 * Ownership of a frame's memory, and the memory that a kept frame keeps alive.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { frames, type FramesOptions, u32be } from "../../lib/framing/mod.ts";
import { payload, ScriptedConnection } from "./stream/scripted_connection.ts";

const encoder = u32be().encoder();

function framed(...payloads: Uint8Array[]): Uint8Array {
  return concat(payloads.map((one) => encoder.encode(one)));
}

/** Returns all frames of a connection. */
async function kept(
  chunks: Uint8Array[],
  copy: FramesOptions["copy"],
): Promise<{ frames: Uint8Array[]; connection: ScriptedConnection }> {
  const connection = new ScriptedConnection([...chunks, null]);
  await using stream = frames(connection, u32be(), { copy: copy ?? "always" });
  return { frames: await Array.fromAsync(stream), connection };
}

/** Returns the bytes of memory that frames keep alive. */
function pinned(frames: Uint8Array[]): number {
  let bytes = 0;
  for (const one of new Set(frames.map((frame) => frame.buffer))) {
    bytes += one.byteLength;
  }
  return bytes;
}

for (const copy of ["always", "auto"] as const) {
  Deno.test(`4,000 kept frames of 100 bytes, one per read, pin 400 kB with copy "${copy}"`, async () => {
    const chunks = Array.from({ length: 4000 }, () => framed(payload(100)));
    const { frames } = await kept(chunks, copy);
    assertEquals(frames.length, 4000);
    assert(pinned(frames) < 2 * 1024 * 1024, `${pinned(frames)}`);
    assertEquals(pinned(frames), 400_000);
  });

  Deno.test(`kept frames of any size pin at most 4/3 of their bytes with copy "${copy}"`, async () => {
    const payloads = Array.from(
      { length: 400 },
      (_, i) => payload((i * 7919) % 3000 + (i % 50 === 0 ? 100_000 : 0)),
    );
    const bytes = framed(...payloads);
    for (const size of [1000, 2048, 65_536, 1 << 20]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        chunks.push(bytes.subarray(at, at + size));
      }
      const { frames } = await kept(chunks, copy);
      assertEquals(frames, payloads); // not overwritten
      const total = payloads.reduce((sum, one) => sum + one.length, 0);
      assert(pinned(frames) <= total * 4 / 3 + 1, `${pinned(frames)}`);
    }
  });
}

Deno.test('copy "always" returns each frame in its own memory', async () => {
  const { frames, connection } = await kept(
    [framed(payload(10), payload(2000), payload(60_000))],
    "always",
  );
  for (const frame of frames) {
    assertEquals(frame.buffer.byteLength, frame.length);
    assert(!connection.readMemory.includes(frame.buffer));
  }
});

Deno.test('copy "auto" transfers the buffer that a frame fills and does not read into it again', async () => {
  const payloads = [1900, 1900, 1000, 1900].map((n, i) => payload(n, i));
  const { frames, connection } = await kept(
    payloads.map((one) => framed(one)),
    "auto",
  );
  assertEquals(frames, payloads);
  const lent = frames.map((one) => connection.readMemory.indexOf(one.buffer));
  assertEquals(lent, [0, 1, -1, 2]);
  assertEquals(frames.map((one) => one.buffer.byteLength), [
    2048,
    2048,
    1000,
    2048,
  ]);
});

Deno.test('copy "never" lends a view of the read buffer until the next frame', async () => {
  const connection = new ScriptedConnection([
    framed(payload(10), payload(20)),
    null,
  ]);
  await using stream = frames(connection, u32be(), { copy: "never" });
  for await (const frame of stream) {
    assertEquals(frame, payload(frame.length));
    assert(connection.readMemory.includes(frame.buffer));
  }
});

Deno.test("receive() lends a view of the read buffer and reads into the same memory", async () => {
  const chunks = Array.from({ length: 100 }, () => framed(payload(100)));
  const connection = new ScriptedConnection([...chunks, null]);
  await using stream = frames(connection, u32be());
  const memory = new Set<ArrayBufferLike>();
  await stream.receive((frame) => memory.add(frame.buffer));
  assertEquals([...memory], [connection.readMemory[0]]);
});

Deno.test("receive() assembles frames that span reads in the same memory every time", async () => {
  const bytes = framed(...Array.from({ length: 50 }, () => payload(100_000)));
  const connection = new ScriptedConnection([bytes, null]);
  await using stream = frames(connection, u32be());
  const memory = new Set<ArrayBufferLike>();
  let count = 0;
  await stream.receive((frame) => {
    count++;
    assertEquals(frame.length, 100_000);
    memory.add(frame.buffer);
  });
  assertEquals(count, 50);
  assert(memory.size <= 4, `${memory.size} buffers`);
  assertEquals(new Set(connection.readMemory).size, 2);
});

Deno.test("write() does not refer to the payload after it returns", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be());
  const mine = payload(5000);
  stream.write(mine);
  mine.fill(0);
  const flushed = stream.flush();
  connection.blocked = false;
  connection.letWrite();
  await flushed;
  assertEquals(connection.sent, framed(payload(5000)));
});

Deno.test("the buffer of a failed or closed write is never reused", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be());
  stream.write(payload(3000));
  stream.close();
  const lost = connection.writeMemory[0]!;
  for (let i = 0; i < 50; i++) {
    const other = new ScriptedConnection();
    await using stream = frames(other, u32be());
    stream.write(payload(3000));
    await stream.flush();
    assert(!other.writeMemory.includes(lost));
  }
});

Deno.test("the buffer of an interrupted read is never reused", async () => {
  const connection = new ScriptedConnection([framed(payload(5000))]);
  const stream = frames(connection, u32be());
  const done = stream.receive(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  stream.close();
  await done;
  const lost = new Set(connection.readMemory.slice(-1));
  const other = new ScriptedConnection([framed(payload(5000)), null]);
  await using next = frames(other, u32be());
  await next.receive(() => {});
  for (const memory of other.readMemory) assert(!lost.has(memory));
});
