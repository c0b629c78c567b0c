import { assertEquals } from "@std/assert";
import {
  type SlowPolicy,
  SubscriberQueue,
} from "../../../lib/messages/broadcast/subscriber_queue.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function contents<M>(queue: SubscriberQueue<M>): M[] {
  const taken: M[] = [];
  for (let next; (next = queue.take()) !== undefined;) taken.push(next);
  return taken;
}

function filled(policy: SlowPolicy): SubscriberQueue<number> {
  const queue = new SubscriberQueue<number>(3, policy);
  for (const message of [1, 2, 3]) {
    assertEquals(queue.put(message, undefined), "queued");
  }
  return queue;
}

Deno.test(
  "SubscriberQueue.put() drops the oldest message beyond the limit when that is the policy",
  none,
  () => {
    const queue = filled("drop-oldest");
    assertEquals(queue.put(4, undefined), "dropped");
    assertEquals(contents(queue), [2, 3, 4]);
  },
);

Deno.test(
  "SubscriberQueue.put() drops the newest message beyond the limit when that is the policy",
  none,
  () => {
    const queue = filled("drop-newest");
    assertEquals(queue.put(4, undefined), "dropped");
    assertEquals(contents(queue), [1, 2, 3]);
  },
);

Deno.test(
  "SubscriberQueue.put() returns disconnect beyond the limit when that is the policy",
  none,
  () => {
    const queue = filled("disconnect");
    assertEquals(queue.put(4, undefined), "disconnect");
    assertEquals(contents(queue), [1, 2, 3]);
  },
);

Deno.test(
  "SubscriberQueue.put() replaces the queued message with the same key, in its place",
  none,
  () => {
    const queue = new SubscriberQueue<string>(2, "drop-oldest");
    assertEquals(queue.put("a1", "a"), "queued");
    assertEquals(queue.put("b1", "b"), "queued");
    assertEquals(queue.put("a2", "a"), "conflated");
    assertEquals(contents(queue), ["a2", "b1"]);
    assertEquals(queue.put("a3", "a"), "queued");
  },
);

Deno.test("SubscriberQueue.clear() drops all messages", none, () => {
  const queue = filled("drop-oldest");
  queue.clear();
  assertEquals(queue.length, 0);
  assertEquals(queue.take(), undefined);
});

Deno.test(
  "SubscriberQueue.change() drops only what the new options require, and returns the number",
  none,
  () => {
    const full = () => {
      const queue = new SubscriberQueue<number>(4, "drop-oldest");
      for (const message of [1, 2, 3, 4]) queue.put(message, undefined);
      return queue;
    };
    const wider = full();
    assertEquals(wider.change(5, "drop-newest"), 0);
    assertEquals(wider.put(5, undefined), "queued");
    assertEquals(wider.put(6, undefined), "dropped");
    assertEquals(contents(wider), [1, 2, 3, 4, 5]);
    const oldest = full();
    assertEquals(oldest.change(3, "drop-oldest"), 1);
    assertEquals(contents(oldest), [2, 3, 4]);
    const newest = full();
    assertEquals(newest.change(1, "drop-newest"), 3);
    assertEquals(contents(newest), [1]);
    // With the policy disconnect, no message is dropped before the disconnect.
    const strict = full();
    assertEquals(strict.change(2, "disconnect"), 0);
    assertEquals(strict.put(5, undefined), "disconnect");
    assertEquals(contents(strict), [1, 2, 3, 4]);
  },
);
