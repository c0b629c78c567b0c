import { assertEquals } from "@std/assert";
import { EarlyFrames } from "../../../../lib/messages/session/control/early_frames.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "takeAll() returns copies of the frames in order, once",
  pure,
  () => {
    const early = new EarlyFrames(1000);
    const reused = Uint8Array.of(1, 2, 3);
    assertEquals(early.put(reused, 5), true);
    reused.fill(9);
    assertEquals(early.put(reused.subarray(0, 1), 7), true);
    assertEquals(early.put(new Uint8Array(), 8), true);
    const frames = () =>
      early.takeAll().map(({ frame, receivedAt }) => [[...frame], receivedAt]);
    assertEquals(frames(), [[[1, 2, 3], 5], [[9], 7], [[], 8]]);
    assertEquals(frames(), []);
    assertEquals(early.put(reused, 10), true);
    assertEquals(frames(), [[[9, 9, 9], 10]]);
  },
);

Deno.test(
  "put() accepts frames up to the limit, each with a charge of 64 bytes",
  pure,
  () => {
    const early = new EarlyFrames(1000);
    for (let n = 0; n < 10; n++) {
      assertEquals(early.put(new Uint8Array(36), n), true);
    }
    assertEquals(early.put(new Uint8Array(), 10), false);
    assertEquals(early.takeAll().length, 10);
    assertEquals(early.put(new Uint8Array(936), 11), true);
  },
);
