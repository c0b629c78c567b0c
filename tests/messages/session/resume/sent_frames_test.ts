import { assert, assertEquals } from "@std/assert";
import { SentFrames } from "../../../../lib/messages/session/resume/sent_frames.ts";
import { mulberry32 } from "../simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Keeps frames of `length` bytes that contain their positions. */
function put(frames: SentFrames, length: number): void {
  const { buffer, start } = frames.begin(length + 20);
  buffer.fill(frames.sent + 1, start, start + length);
  frames.commit(start + length, 1000 * (frames.sent + 1));
}

Deno.test("SentFrames keeps frames until they are acknowledged", pure, () => {
  const frames = new SentFrames();
  assertEquals([frames.sent, frames.firstKept, frames.held], [0, 1, 0]);
  for (let n = 0; n < 5; n++) put(frames, 3_000);
  assertEquals([frames.sent, frames.firstKept], [5, 1]);
  assert(frames.acknowledge(3));
  assert(frames.acknowledge(2)); // late
  assertEquals([frames.acknowledged, frames.firstKept], [3, 4]);
  const { bytes, streamEnd } = frames.at(4);
  assertEquals([bytes.length, bytes[0], bytes.at(-1), streamEnd], [
    ...[3_000, 4, 4, 4_000],
  ]);
  assertEquals(frames.acknowledge(6), false);
  assert(frames.acknowledge(5));
  assertEquals([frames.firstKept, frames.held, frames.complete], [6, 0, true]);
});

Deno.test(
  "SentFrames is complete again once later frames are read",
  pure,
  () => {
    const frames = new SentFrames();
    for (let n = 0; n < 100; n++) put(frames, 3_000);
    assert(frames.complete);
    frames.dropOldest(100_000);
    assert(frames.held <= 100_000);
    assert(frames.firstKept > 1);
    assertEquals(frames.complete, false);
    frames.acknowledge(frames.firstKept - 2);
    assertEquals(frames.complete, false);
    frames.acknowledge(frames.firstKept - 1);
    assertEquals(frames.complete, true);
  },
);

Deno.test("SentFrames keeps no frame that was abandoned", pure, () => {
  const frames = new SentFrames();
  put(frames, 10);
  const { buffer, start } = frames.begin(50);
  buffer.fill(9, start, start + 50);
  frames.abandon();
  put(frames, 10);
  assertEquals(frames.at(1).bytes, new Uint8Array(10).fill(1));
  assertEquals(frames.at(2).bytes, new Uint8Array(10).fill(2));
});

Deno.test(
  "SentFrames holds exactly the frames that are not acknowledged",
  pure,
  () => {
    const random = mulberry32(5);
    const frames = new SentFrames();
    const lengths = [0];
    for (let step = 0; step < 5_000; step++) {
      if (random(3) > 0) {
        const length = 8 + (random(50) === 0 ? random(100_000) : random(300));
        lengths.push(length);
        put(frames, length);
      } else {
        const { acknowledged, sent } = frames;
        frames.acknowledge(acknowledged + random(sent - acknowledged + 1));
      }
      assertEquals(frames.firstKept, frames.acknowledged + 1);
      if (frames.firstKept > frames.sent) continue;
      const { firstKept, sent } = frames;
      const position = firstKept + random(sent - firstKept + 1);
      const { bytes, streamEnd } = frames.at(position);
      assertEquals(bytes.length, lengths[position]);
      assert(bytes.every((byte) => byte === position % 256));
      assertEquals(streamEnd, 1000 * position);
    }
    frames.acknowledge(frames.sent);
    assertEquals(frames.held, 0);
  },
);

Deno.test("dropOldest() frees no more than it must", pure, () => {
  const frames = new SentFrames();
  for (let n = 0; n < 4; n++) put(frames, 20_000); // in buffers of their own
  const { held } = frames;
  frames.dropOldest(held);
  assertEquals([frames.held, frames.firstKept], [held, 1]);
  frames.dropOldest(held - 1);
  assertEquals([frames.held < held, frames.firstKept], [true, 2]);
  frames.dropOldest(0);
  assertEquals([frames.held, frames.firstKept], [0, 5]);
  frames.dropOldest(-1);
  put(frames, 10);
  assertEquals(frames.at(5).bytes, new Uint8Array(10).fill(5));
});

Deno.test("SentFrames uses a buffer up to its last byte", pure, () => {
  const frames = new SentFrames();
  const one = frames.begin(10);
  frames.commit(10, 10);
  const size = one.buffer.length;
  const rest = frames.begin(size - 10);
  assertEquals([rest.buffer === one.buffer, rest.start], [true, 10]);
  const more = frames.begin(size - 10 + 1);
  assertEquals([more.buffer === one.buffer, more.start], [false, 0]);
  frames.abandon();
  assertEquals(frames.held, size + 32);
});
