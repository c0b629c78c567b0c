import { assertEquals } from "@std/assert";
import { ReceivedFrames } from "../../../../lib/messages/session/resume/received_frames.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("ReceivedFrames asks for an ACK after 1 s or 64 KiB", pure, () => {
  const received = new ReceivedFrames();
  assertEquals([received.position, received.ackAt], [0, Infinity]);
  received.count(100, 5_000);
  received.count(100, 5_900);
  assertEquals([received.position, received.ackAt], [2, 6_000]);
  received.acknowledged();
  assertEquals(received.ackAt, Infinity);
  received.count(65_000, 7_000);
  assertEquals(received.ackAt, 8_000);
  received.count(536, 7_001);
  assertEquals([received.position, received.ackAt], [4, 7_001]);
});

Deno.test(
  "ReceivedFrames counts the bytes after an ACK from 0 again",
  pure,
  () => {
    const received = new ReceivedFrames();
    received.count(65_535, 100);
    assertEquals(received.ackAt, 1_100);
    received.acknowledged();
    received.count(65_535, 200);
    assertEquals(received.ackAt, 1_200);
    received.count(1, 300);
    assertEquals(received.ackAt, 300);
  },
);
