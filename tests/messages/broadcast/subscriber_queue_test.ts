import { assertEquals } from "@std/assert";
import {
  type QueueLimits,
  type SlowPolicy,
  SubscriberQueue,
} from "../../../lib/messages/broadcast/subscriber_queue.ts";

import { mulberry32 } from "../../framing/random.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

interface Message {
  readonly name: string;
  readonly size: number;
}

const limits = (
  slow: SlowPolicy,
  maxQueued = Infinity,
  maxQueuedBytes = 1e9,
): QueueLimits => ({ slow, maxQueued, maxQueuedBytes });

/** A queue of messages of one byte, unless stated otherwise. */
class Queue {
  readonly queue: SubscriberQueue<Message>;

  constructor(...args: Parameters<typeof limits>) {
    this.queue = new SubscriberQueue(limits(...args));
  }

  put(name: string, key?: string, size = 1): string {
    const { outcome, dropped } = this.queue.put({ name, size }, key);
    return dropped === 0 ? outcome : `${outcome} ${dropped}`;
  }

  /** Takes all messages. */
  contents(): string {
    let names = "";
    for (let next; (next = this.queue.take()) !== undefined;) {
      names += next.name;
    }
    return names;
  }
}

function filled(policy: SlowPolicy, maxQueued = 3): Queue {
  const queue = new Queue(policy, maxQueued);
  for (const name of "1234".slice(0, maxQueued)) {
    assertEquals(queue.put(name), "queued");
  }
  return queue;
}

for (
  const [policy, outcome, left] of [
    ["drop-oldest", "dropped 1", "234"],
    ["drop-newest", "dropped 1", "123"],
    ["disconnect", "disconnect", "123"],
  ] as const
) {
  Deno.test(
    `SubscriberQueue.put() with ${policy} keeps ${left} of 4 messages if 3 may be queued`,
    none,
    () => {
      const queue = filled(policy);
      assertEquals(queue.put("4"), outcome);
      assertEquals(queue.contents(), left);
    },
  );
}

for (
  const [policy, outcome, left] of [
    ["drop-oldest", "dropped 2", "34"],
    ["drop-newest", "dropped 1", "123"],
    ["disconnect", "disconnect", "123"],
  ] as const
) {
  Deno.test(
    `SubscriberQueue.put() with ${policy} keeps ${left} of 4 messages within maxQueuedBytes`,
    none,
    () => {
      const queue = new Queue(policy, Infinity, 3 * (100 + 64));
      for (const name of "123") queue.put(name, undefined, 100);
      assertEquals(queue.put("4", undefined, 101), outcome);
      assertEquals(queue.contents(), left);
    },
  );
}

Deno.test(
  "SubscriberQueue.put() queues a single message that is longer than maxQueuedBytes",
  none,
  () => {
    for (
      const policy of ["drop-oldest", "drop-newest", "disconnect"] as const
    ) {
      const queue = new Queue(policy, Infinity, 100);
      assertEquals(queue.put("1", undefined, 1000), "queued");
      assertEquals(queue.contents(), "1");
      assertEquals(queue.put("2"), "queued"); // the bytes of the first are free again
    }
  },
);

Deno.test(
  "SubscriberQueue.put() replaces the queued message with the same key, in its place",
  none,
  () => {
    const queue = new Queue("drop-oldest", 2);
    assertEquals(queue.put("A", "a"), "queued");
    assertEquals(queue.put("B", "b"), "queued");
    assertEquals(queue.put("C", "a"), "conflated");
    assertEquals(queue.contents(), "CB");
    assertEquals(queue.put("D", "a"), "queued");
  },
);

Deno.test(
  "SubscriberQueue.put() counts the size of the message that replaced another",
  none,
  () => {
    const queue = new Queue("drop-newest", Infinity, 2 * 64 + 100);
    queue.put("A", "a", 90);
    queue.put("B", "a", 10);
    assertEquals(queue.put("C", "b", 90), "queued");
    assertEquals(queue.put("D", "c", 1), "dropped 1");
    assertEquals(queue.contents(), "BC");
  },
);

for (
  const [policy, outcome, left] of [
    ["drop-oldest", "conflated 1", "DC"],
    ["drop-newest", "conflated 1", "AD"],
    ["disconnect", "disconnect", "ADC"],
  ] as const
) {
  Deno.test(
    `SubscriberQueue.put() with ${policy} bounds the bytes of messages that replace others`,
    none,
    () => {
      const queue = new Queue(policy, Infinity, 3 * 64 + 30);
      queue.put("A", "a", 10);
      queue.put("B", "b", 10);
      queue.put("C", "c", 10);
      assertEquals(queue.put("D", "b", 60), outcome);
      assertEquals(queue.contents(), left);
    },
  );
}

Deno.test(
  "SubscriberQueue.put() does not replace a message that was dropped or taken",
  none,
  () => {
    const queue = new Queue("drop-oldest", 1);
    queue.put("A", "a");
    assertEquals(queue.put("B", "b"), "dropped 1");
    assertEquals(queue.put("C", "a"), "dropped 1");
    assertEquals(queue.contents(), "C");
    assertEquals(queue.put("D", "a"), "queued");
  },
);

Deno.test("SubscriberQueue.clear() drops all messages", none, () => {
  const { queue } = filled("drop-oldest");
  queue.clear();
  assertEquals(queue.length, 0);
  assertEquals(queue.take(), undefined);
});

Deno.test(
  "SubscriberQueue.change() drops only what the new limits require, and returns the number",
  none,
  () => {
    const wider = filled("drop-oldest", 4);
    assertEquals(wider.queue.change(limits("drop-newest", 5)), 0);
    assertEquals(wider.put("5"), "queued");
    assertEquals(wider.put("6"), "dropped 1");
    assertEquals(wider.contents(), "12345");
    const oldest = filled("drop-oldest", 4);
    assertEquals(oldest.queue.change(limits("drop-oldest", 3)), 1);
    assertEquals(oldest.contents(), "234");
    const newest = filled("drop-oldest", 4);
    assertEquals(newest.queue.change(limits("drop-newest", 1)), 3);
    assertEquals(newest.contents(), "1");
    const bytes = filled("drop-oldest", 4);
    assertEquals(bytes.queue.change(limits("drop-oldest", 4, 2 * 65)), 2);
    assertEquals(bytes.contents(), "34");
    // With the policy disconnect, no message is dropped before the disconnect.
    const strict = filled("drop-oldest", 4);
    assertEquals(strict.queue.change(limits("disconnect", 2)), 0);
    assertEquals(strict.put("5"), "disconnect");
    assertEquals(strict.contents(), "1234");
  },
);

Deno.test("queues of one subscriber add up their bytes", () => {
  const total = { held: 0 };
  const limits = { slow: "drop-oldest", maxQueued: 2 } as const;
  const queues = [1, 2].map(() =>
    new SubscriberQueue({ ...limits, maxQueuedBytes: 1000 }, total)
  );
  for (const queue of queues) queue.put({ size: 100 }, undefined);
  assertEquals(total.held, 2 * 164);
  for (let n = 0; n < 3; n++) queues[0]?.put({ size: 10 }, undefined);
  assertEquals(total.held, 164 + 2 * 74); // the oldest were dropped
  queues[0]?.put({ size: 20 }, "key");
  queues[0]?.put({ size: 30 }, "key"); // replaces it
  assertEquals(total.held, 164 + 74 + 94);
  queues[1]?.take();
  queues[0]?.clear();
  assertEquals(total.held, 0);
});

Deno.test("SubscriberQueue.clear() leaves an empty queue", none, () => {
  const queue = filled("drop-newest");
  queue.put("A", "a");
  assertEquals(queue.queue.take()?.name, "1");
  queue.queue.clear();
  assertEquals([queue.queue.length, queue.queue.bytes], [0, 0]);
  for (const name of "567") assertEquals(queue.put(name, name), "queued");
  assertEquals(queue.put("8", "8"), "dropped 1");
  assertEquals(queue.contents(), "567");
});

Deno.test(
  "SubscriberQueue is a list, and counts its bytes here and in total",
  none,
  () => {
    const random = mulberry32(4);
    const total = { held: 1000 };
    const queue = new SubscriberQueue<Message>(limits("drop-oldest"), total);
    let list: Message[] = [];
    for (let round = 0; round < 1500; round++) {
      const size = random(100);
      if (random(500) === 0) {
        queue.clear();
        list = [];
      } else if (random(2) === 0) assertEquals(queue.take(), list.shift());
      else {
        const message = { name: `${round}`, size };
        const key = random(3) === 0 ? random(4) : undefined;
        const at = list.findIndex(({ name }) => keys.get(name) === key);
        const { outcome } = queue.put(message, key);
        if (key !== undefined) keys.set(message.name, key);
        assertEquals(
          outcome,
          key !== undefined && at >= 0 ? "conflated" : "queued",
        );
        if (outcome === "conflated") list[at] = message;
        else list.push(message);
      }
      const bytes = list.reduce((sum, { size }) => sum + size + 64, 0);
      assertEquals([queue.length, queue.bytes, total.held], [
        list.length,
        bytes,
        1000 + bytes,
      ]);
    }
  },
);

const keys = new Map<string, number>();

Deno.test(
  "SubscriberQueue.take() frees messages, and moves the others rarely",
  none,
  () => {
    const splice = Array.prototype.splice;
    const removed: number[] = [];
    const { queue } = new Queue("drop-oldest");
    for (let n = 0; n < 1000; n++) queue.put({ name: "", size: 1 }, undefined);
    Array.prototype.splice = function (this: unknown[], start, count = 0) {
      removed.push(count);
      return splice.call(this, start, count);
    };
    try {
      while (queue.take() !== undefined);
    } finally {
      Array.prototype.splice = splice;
    }
    assertEquals(removed.reduce((sum, count) => sum + count), 1000);
    assertEquals([removed.length < 20, removed[0]! > 400], [true, true]);
  },
);
