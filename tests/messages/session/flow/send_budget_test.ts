import { assertEquals } from "@std/assert";
import { SendBudget } from "../../../../lib/messages/session/flow/send_budget.ts";

const pure = { permissions: "none" } as const;

function setUp() {
  const progress = { position: 0, unsent: 0 };
  const frame = (sendBudget: SendBudget, length: number) => {
    progress.position += length;
    progress.unsent += length;
    sendBudget.add(length);
  };
  const sendBudgets = [
    new SendBudget(progress, 100),
    new SendBudget(progress, 100),
  ] as const;
  return { progress, frame, sendBudgets };
}

Deno.test(
  "SendBudget has room up to its limit; the last frame may overshoot",
  pure,
  () => {
    const { frame, sendBudgets: [sendBudget] } = setUp();
    frame(sendBudget, 99);
    assertEquals(sendBudget.hasRoom, true);
    frame(sendBudget, 500);
    assertEquals(sendBudget.hasRoom, false);
  },
);

Deno.test(
  "SendBudget counts only its own frames, until the transport has taken them",
  pure,
  () => {
    const { progress, frame, sendBudgets: [one, other] } = setUp();
    frame(one, 60);
    frame(other, 10_000);
    frame(one, 60);
    assertEquals([one.hasRoom, other.hasRoom], [false, false]);
    progress.unsent = 10_060; // the first frame has been taken
    assertEquals([one.hasRoom, other.hasRoom], [true, false]);
    progress.unsent = 61; // not quite the second
    assertEquals(other.hasRoom, false);
    progress.unsent = 60;
    assertEquals(other.hasRoom, true);
  },
);

Deno.test("SendBudget counts correctly over many frames", pure, () => {
  const { progress, frame, sendBudgets: [sendBudget] } = setUp();
  for (let n = 0; n < 10_000; n++) {
    frame(sendBudget, 30);
    progress.unsent = Math.min(progress.unsent, 90);
    assertEquals(sendBudget.hasRoom, true);
  }
  for (let n = 0; n < 4; n++) frame(sendBudget, 30);
  assertEquals(sendBudget.hasRoom, false);
});

Deno.test("SendBudget has room again below its limit, not at it", pure, () => {
  for (const [left, hasRoom] of [[99, true], [100, false]] as const) {
    const { progress, frame, sendBudgets: [sendBudget] } = setUp();
    frame(sendBudget, 50);
    frame(sendBudget, left);
    assertEquals(sendBudget.hasRoom, false);
    progress.unsent = left; // the first frame has been taken
    assertEquals(sendBudget.hasRoom, hasRoom);
  }
});

Deno.test("SendBudget has no room from exactly its limit on", pure, () => {
  const { progress, frame, sendBudgets: [budget] } = setUp();
  frame(budget, 50);
  frame(budget, 50);
  assertEquals([budget.hasRoom, budget.count], [false, 2]);
  progress.unsent = 51;
  assertEquals([budget.hasRoom, budget.count], [false, 2]);
  progress.unsent = 50;
  assertEquals([budget.hasRoom, budget.count], [true, 1]);
});

Deno.test(
  "SendBudget forgets the frames that were sent, also while it has room",
  pure,
  () => {
    const { progress, frame, sendBudgets: [budget] } = setUp();
    const splice = Array.prototype.splice;
    let forgotten = 0;
    let most = 0;
    Array.prototype.splice = function (this: unknown[], start, count = 0) {
      forgotten += count;
      most = Math.max(most, count);
      return splice.call(this, start, count);
    };
    try {
      for (let n = 0; n < 1000; n++) {
        frame(budget, 10);
        progress.unsent = Math.min(progress.unsent, 30); // of three frames
      }
      progress.unsent = 0;
      assertEquals(budget.count, 0);
    } finally {
      Array.prototype.splice = splice;
    }
    assertEquals(forgotten, 2000);
    assertEquals(most < 20, true, `${most} numbers at once`);
  },
);
