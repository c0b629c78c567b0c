import { assertEquals } from "@std/assert";
import { Lane } from "../../../../lib/messages/session/flow/send_budget.ts";

const pure = { permissions: "none" } as const;

function setUp() {
  const progress = { position: 0, unsent: 0 };
  const frame = (lane: Lane, length: number) => {
    progress.position += length;
    progress.unsent += length;
    lane.add(length);
  };
  const lanes = [new Lane(progress, 100), new Lane(progress, 100)] as const;
  return { progress, frame, lanes };
}

Deno.test(
  "Lane is open up to its width; the last frame may overshoot",
  pure,
  () => {
    const { frame, lanes: [lane] } = setUp();
    frame(lane, 99);
    assertEquals(lane.open, true);
    frame(lane, 500);
    assertEquals(lane.open, false);
  },
);

Deno.test(
  "Lane counts its own frames alone, until the transport has taken them",
  pure,
  () => {
    const { progress, frame, lanes: [one, other] } = setUp();
    frame(one, 60);
    frame(other, 10_000);
    frame(one, 60);
    assertEquals([one.open, other.open], [false, false]);
    progress.unsent = 10_060; // the first frame has been taken
    assertEquals([one.open, other.open], [true, false]);
    progress.unsent = 61; // not quite the second
    assertEquals(other.open, false);
    progress.unsent = 60;
    assertEquals(other.open, true);
  },
);

Deno.test("Lane stays right over many frames", pure, () => {
  const { progress, frame, lanes: [lane] } = setUp();
  for (let n = 0; n < 10_000; n++) {
    frame(lane, 30);
    progress.unsent = Math.min(progress.unsent, 90);
    assertEquals(lane.open, true);
  }
  for (let n = 0; n < 4; n++) frame(lane, 30);
  assertEquals(lane.open, false);
});
