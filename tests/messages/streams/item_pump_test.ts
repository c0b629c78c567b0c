import { assertEquals, assertRejects } from "@std/assert";
import {
  isIterableObject,
  ItemPump,
} from "../../../lib/messages/streams/item_pump.ts";
import { SENT } from "../../../lib/messages/streams/item_writer.ts";
import type { Items } from "../../../lib/messages/protocol/client_types.ts";
import { turns, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function sink() {
  const sent: unknown[] = [];
  return {
    sent,
    send: (item: unknown) => {
      sent.push(item);
      return Promise.resolve();
    },
  };
}

Deno.test(
  "run() sends the items of any iterable, and awaits promises",
  none,
  async () => {
    async function* generated() {
      yield 1;
      yield 2;
    }
    const iterables = [
      [1, 2],
      [Promise.resolve(1), 2],
      new Set([1, 2]),
      generated(),
      ReadableStream.from([1, 2]),
    ];
    for (const items of iterables) {
      const { sent, send } = sink();
      assertEquals(await new ItemPump(items).run(send), true);
      assertEquals(sent, [1, 2]);
    }
  },
);

Deno.test(
  "run() waits for others after some items that are sent at once",
  none,
  async () => {
    let sent = 0;
    const pumping = new ItemPump(new Array(200).fill(0)).run(() => {
      sent++;
      return SENT;
    });
    const seen = [sent];
    for (; sent < 200; seen.push(sent)) await undefined;
    assertEquals(seen, [64, 128, 192, 200]);
    assertEquals(await pumping, true);
  },
);

Deno.test(
  "run() closes the iterable when an item cannot be sent, and throws the first error",
  none,
  async () => {
    let left = 0;
    function* items() {
      try {
        yield 1;
        yield 2;
      } finally {
        left++;
        // deno-lint-ignore no-unsafe-finally -- tests a generator with this mistake
        throw new Error("the second error");
      }
    }
    const pump = new ItemPump(items());
    await assertRejects(
      () => pump.run(() => Promise.reject(new Error("the first error"))),
      Error,
      "the first error",
    );
    assertEquals(left, 1);
  },
);

Deno.test(
  "run() rejects an iterator result that is not an object",
  none,
  async () => {
    const next = () => Promise.resolve(5 as unknown as IteratorResult<unknown>); // a mistake of JavaScript callers
    const items = { [Symbol.asyncIterator]: () => ({ next }) };
    const { sent, send } = sink();
    await assertRejects(
      () =>
        new ItemPump(items).run(async (item) => {
          await send(item);
          if (sent.length > 2) throw new Error("endless");
        }),
      TypeError,
      "Cannot use a value of type number as an iterator result",
    );
    assertEquals(sent, []);
  },
);

Deno.test("run() throws the error of the iterable", none, async () => {
  async function* items() {
    yield 1;
    throw new Error("no more");
  }
  const { sent, send } = sink();
  await assertRejects(() => new ItemPump(items()).run(send), Error, "no more");
  assertEquals(sent, [1]);
});

Deno.test(
  "stop() ends a generator at its next yield, and run() waits for its end",
  none,
  async () => {
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    async function* items() {
      try {
        yield 1;
        await gate.promise;
        yield 2;
      } finally {
        await turns();
        order.push("cleaned up");
      }
    }
    const { sent, send } = sink();
    const pump = new ItemPump(items());
    const running = pump.run(send).then((whole) => order.push(`run ${whole}`));
    await turns();
    pump.stop();
    pump.stop();
    gate.resolve();
    await running;
    assertEquals([sent, order], [[1], ["cleaned up", "run false"]]);
  },
);

Deno.test(
  "stop() before run() does not start the iterable",
  none,
  async () => {
    let started = false;
    async function* items() {
      started = true;
      yield 1;
    }
    const pump = new ItemPump(items());
    pump.stop();
    const { sent, send } = sink();
    assertEquals(await pump.run(send), false);
    assertEquals([started, sent], [false, []]);
  },
);

Deno.test(
  "run() throws an error of a stopped generator's clean-up",
  none,
  async () => {
    async function* items() {
      try {
        yield 1;
      } finally {
        await Promise.reject(new Error("clean-up failed"));
      }
    }
    const pump = new ItemPump(items());
    const running = pump.run(async () => {
      await turns();
      pump.stop();
    });
    await assertRejects(() => running, Error, "clean-up failed");
  },
);

Deno.test(
  "stop() called by the iterable closes it, at once if it then waits",
  none,
  async () => {
    const left: string[] = [];
    let pump: ItemPump | undefined;
    function* generated() {
      try {
        yield 1;
        pump?.stop();
        yield 2;
      } finally {
        left.push("generator");
      }
    }
    const waiting = {
      [Symbol.asyncIterator]: () => {
        const end = Promise.withResolvers<IteratorResult<number>>();
        return {
          next() {
            pump?.stop();
            return end.promise;
          },
          return() {
            left.push("iterator");
            end.resolve({ done: true, value: undefined });
            return end.promise;
          },
        };
      },
    };
    const cases: [Items<number>, number[]][] = [[generated(), [1]], [
      waiting,
      [],
    ]];
    for (const [items, before] of cases) {
      const { sent, send } = sink();
      pump = new ItemPump(items);
      assertEquals(await pump.run(send), false);
      assertEquals(sent, before);
    }
    assertEquals(left, ["generator", "iterator"]);
  },
);

Deno.test(
  "stop() cancels a ReadableStream during a read, and run() waits for its end",
  none,
  async () => {
    const order: string[] = [];
    const { sent, send } = sink();
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(1),
      async cancel() {
        await turns();
        order.push("cancelled");
      },
    });
    const pump = new ItemPump(stream);
    const running = pump.run(send).then((whole) => order.push(`run ${whole}`));
    await until(() => sent.length !== 0);
    pump.stop();
    await running;
    assertEquals([sent, order], [[1], ["cancelled", "run false"]]);
    assertEquals(stream.locked, false);
  },
);

Deno.test(
  "run() throws the error of a ReadableStream, and releases its lock at the end",
  none,
  async () => {
    const failing = new ReadableStream({
      pull: () => Promise.reject(new Error("no more")),
    });
    const pump = new ItemPump(failing);
    await assertRejects(() => pump.run(sink().send), Error, "no more");
    const cancelled: unknown[] = [];
    const refused = new ReadableStream({
      start: (controller) => controller.enqueue(1),
      cancel: () => void cancelled.push("cancelled"),
    });
    await assertRejects(
      () =>
        new ItemPump(refused).run(() => Promise.reject(new Error("refused"))),
      Error,
      "refused",
    );
    assertEquals(cancelled, ["cancelled"]);
    const whole = ReadableStream.from([1]);
    assertEquals(await new ItemPump(whole).run(sink().send), true);
    assertEquals([failing, refused, whole].map(({ locked }) => locked), [
      false,
      false,
      false,
    ]);
  },
);

Deno.test("isIterableObject() accepts iterables except strings", none, () => {
  assertEquals([[], new Set(), ReadableStream.from([])].map(isIterableObject), [
    true,
    true,
    true,
  ]);
  assertEquals(["text", null, 1, {}, () => {}].map(isIterableObject), [
    false,
    false,
    false,
    false,
    false,
  ]);
});
