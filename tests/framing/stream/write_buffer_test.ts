import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  type FrameEncoder,
  netstring,
  u32be,
} from "../../../lib/framing/mod.ts";
import { WriteBuffer } from "../../../lib/framing/stream/write_buffer.ts";
import { acquire, release } from "../../../lib/framing/stream/buffer_pool.ts";
import { payload } from "./scripted_connection.ts";

const permissions = "none";
const encoder = u32be().encoder();

function taken(frames: WriteBuffer): Uint8Array | undefined {
  const batch = frames.take();
  if (batch === undefined) return undefined;
  const bytes = batch.bytes.slice(0, batch.end);
  if (batch.buffer !== undefined) release(batch.buffer);
  return bytes;
}

Deno.test(
  "WriteBuffer collects frames however they were written",
  { permissions },
  () => {
    const frames = new WriteBuffer(encoder);
    frames.write(payload(3));
    const room = frames.begin(10);
    room.buffer.set(payload(10), room.start);
    frames.commit(room.start + 10);
    assert(frames.writeHeader(200_000));
    assertEquals(frames.end, 7 + 14 + 4);
    assertEquals(
      taken(frames),
      concat([
        encoder.encode(payload(3)),
        encoder.encode(payload(10)),
        encoder.encode(payload(200_000)).slice(0, 4),
      ]),
    );
    assertEquals([frames.end, taken(frames)], [0, undefined]);
  },
);

Deno.test(
  "WriteBuffer keeps the frames before an open frame until it is committed",
  {
    permissions,
  },
  () => {
    const frames = new WriteBuffer(encoder);
    frames.write(payload(3));
    frames.begin(5);
    assertEquals(frames.take(), undefined);
    assertThrows(
      () => frames.write(payload(1)),
      Error,
      "another frame is open",
    );
    assertThrows(() => frames.writeHeader(1), Error, "another frame is open");
    frames.abandon();
    assertEquals(taken(frames), encoder.encode(payload(3)));
  },
);

Deno.test("WriteBuffer is unchanged after a payload that cannot be framed", {
  permissions,
}, () => {
  const frames = new WriteBuffer(u32be({ maxFrameLength: 10 }).encoder());
  frames.write(payload(3));
  const room = frames.begin(11);
  assertThrows(() => frames.commit(room.start + 11));
  assertThrows(() => frames.write(payload(11)));
  assertThrows(() => frames.writeHeader(11));
  frames.write(payload(4));
  assertEquals(
    taken(frames),
    concat([encoder.encode(payload(3)), encoder.encode(payload(4))]),
  );
});

Deno.test(
  "WriteBuffer allocates for the usual batch and seldom copies a growing one",
  { permissions },
  () => {
    const frames = new WriteBuffer(encoder);
    const sizes = new Set<number>();
    for (let batch = 0; batch < 5; batch++) {
      for (let i = 0; i < 300; i++) frames.write(payload(200));
      const taken = frames.take();
      sizes.add(taken!.bytes.length);
      release(taken!.buffer!);
    }
    assertEquals([...sizes], [65_536]);
    assertEquals(frames.begin(0).buffer.length, 65_536);
    frames.release();
  },
);

Deno.test(
  "writeHeader() returns false for a layout with a trailer",
  { permissions },
  () => {
    const frames = new WriteBuffer(netstring().encoder());
    assertEquals(frames.writeHeader(200_000), false);
    assertEquals(frames.end, 0);
  },
);

Deno.test("WriteBuffer releases all memory", { permissions }, () => {
  const frames = new WriteBuffer(encoder);
  frames.write(payload(3));
  const { buffer } = frames.begin(5);
  frames.abandon();
  frames.release();
  assertEquals([frames.end, frames.open], [0, false]);
  const other = new WriteBuffer(encoder);
  assertEquals(other.begin(5).buffer === buffer, true);
  other.release();
});

Deno.test("WriteBuffer keeps no memory for a batch without frames", {
  permissions,
}, () => {
  const frames = new WriteBuffer(encoder);
  const { buffer } = frames.begin(5);
  frames.abandon();
  assertEquals(frames.take(), undefined);
  const pooled = acquire(5);
  assertEquals(pooled === buffer, true);
  release(pooled);
});

/** Returns an encoder that cannot frame in place. */
function withoutPlace(encoder: FrameEncoder): FrameEncoder {
  return {
    encode: (payload) => encoder.encode(payload),
    encodeInto: (...args) => encoder.encodeInto(...args),
    maxEncodedLength: (length) => encoder.maxEncodedLength(length),
    maxFrameLength: encoder.maxFrameLength,
  };
}

Deno.test(
  "WriteBuffer returns the space of a frame that is not framed in place",
  {
    permissions,
  },
  () => {
    const ends: Record<string, (frames: WriteBuffer) => void> = {
      "commit()": (frames) => frames.commit(5),
      "commit() that fails": (frames) => {
        assertThrows(() => frames.commit(50), Error, "maxFrameLength");
      },
      "abandon()": (frames) => frames.abandon(),
    };
    for (const [name, end] of Object.entries(ends)) {
      const encoder = netstring({ maxFrameLength: 10 }).encoder();
      const frames = new WriteBuffer(withoutPlace(encoder));
      const { buffer } = frames.begin(5);
      end(frames);
      const pooled = acquire(5);
      assertEquals(pooled === buffer, true, name);
      release(pooled);
      frames.release();
    }
  },
);

Deno.test("WriteBuffer does not allocate as much after a huge batch", {
  permissions,
}, () => {
  const frames = new WriteBuffer(encoder);
  frames.write(payload(3_000_000));
  assertEquals(frames.take()!.bytes.length, 2 ** 22);
  frames.write(payload(3));
  assertEquals(frames.take()!.bytes.length, 65_536);
});
