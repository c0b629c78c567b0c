import { assertEquals } from "@std/assert";
import { mulberry32 } from "../../../framing/random.ts";
import {
  MessageQueue,
  type Queueable,
  QueueBudget,
  queueCharge,
} from "../../../../lib/messages/session/calls/message_queue.ts";

const pure = { permissions: "none" } as const;

/** Returns a message of this size. */
function message(size: number): Queueable {
  return { bytes: new Uint8Array(size) };
}

Deno.test("MessageQueue is a list, and charges its budget", pure, () => {
  const random = mulberry32(3);
  const budget = new QueueBudget(1e9);
  const queue = new MessageQueue(budget);
  let list: Queueable[] = [];
  const steps: Record<string, () => unknown[]> = {
    push() {
      const one = message(random(9));
      list.push(one);
      queue.push(one);
      return [];
    },
    shift: () => [queue.shift(), list.shift()],
    remove() {
      const gone = message(0);
      const one = list[random(list.length + 1)] ?? gone;
      list = list.filter((other) => other !== one);
      return [queue.remove(one), one !== gone];
    },
    takeFrom() {
      const index = random(list.length + 1);
      return [queue.takeFrom(index), list.splice(index)];
    },
  };
  const names = ["push", "push", "push", "shift", "shift", "remove"];
  for (let round = 0; round < 1000; round++) {
    const name = random(100) === 0 ? "takeFrom" : names[random(names.length)]!;
    const [actual, expected] = steps[name]!();
    assertEquals(actual, expected, `${name} in round ${round}`);
    const index = random(list.length + 1);
    assertEquals(
      [queue.length, queue.first, queue.at(index), budget.used],
      [
        list.length,
        list[0],
        list[index],
        list.reduce((sum, one) => sum + queueCharge(one), 0),
      ],
    );
  }
});

Deno.test(
  "MessageQueue.shift() frees messages, and moves the others rarely",
  pure,
  () => {
    const splice = Array.prototype.splice;
    const removed: number[] = [];
    const queue = new MessageQueue(new QueueBudget(1e9));
    for (let n = 0; n < 1000; n++) queue.push(message(0));
    Array.prototype.splice = function (this: unknown[], start, count = 0) {
      removed.push(count);
      return splice.call(this, start, count);
    };
    try {
      while (queue.shift() !== undefined);
    } finally {
      Array.prototype.splice = splice;
    }
    assertEquals(removed.reduce((sum, count) => sum + count), 1000);
    assertEquals(removed.length < 20, true, `moved ${removed.length} times`);
    assertEquals(
      removed[0]! > 400,
      true,
      "the first half is passed over first",
    );
  },
);

Deno.test("QueueBudget refuses what exceeds it, exactly", pure, () => {
  const budget = new QueueBudget(100_000);
  const { refusal } = budget;
  const refuses = (used: number, size: number) => {
    budget.used = used;
    return refusal.call(budget, message(size)) !== undefined;
  };
  const small = queueCharge(message(100));
  assertEquals(refuses(100_000 - small, 100), false);
  assertEquals(refuses(100_001 - small, 100), true);
  // A quarter is reserved for small messages.
  const large = queueCharge(message(50_000));
  assertEquals(refuses(75_000 - large, 50_000), false);
  assertEquals(refuses(75_001 - large, 50_000), true);
  assertEquals([refuses(0, 10 ** 6), refuses(1, 10 ** 6)], [false, true]);
});
