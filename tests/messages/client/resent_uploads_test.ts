/**
 * Calls that send items are sent again, as far as the items are still there.
 *
 * @module
 */
import {
  clientStream,
  createClient,
  duplex,
  limit,
  protocol,
  serve,
  unary,
  use,
} from "@lengthwise/lengthwise";
import {
  type SimulatedNetwork,
  simulatedNetwork,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import { assertEquals } from "@std/assert";
import { all, failureOf } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Store = protocol({
  name: "store",
  server: {
    hold: unary<void, void>(),
    sum: clientStream<number, number>(),
    doubled: duplex<number, number>(),
  },
});

/** A server that handles at most 32 calls at a time. */
async function store(network: SimulatedNetwork, name: string) {
  const held = Promise.withResolvers<void>();
  let calls = 0;
  const server = await serve(Store, network.listen(name), {
    limits: { maxCalls: 32 },
  }).handle({
    hold: () => held.promise,
    async sum(items) {
      calls++;
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    async *doubled(items) {
      calls++;
      for await (const item of items) yield 2 * item;
    },
  });
  return { server, calls: () => calls, release: () => held.resolve() };
}

/** An iterable that says how often it was asked and closed. */
function counted(items: readonly number[]) {
  const iterator = items.values();
  const counts = { asked: 0, closed: 0 };
  const iterable = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        counts.asked++;
        return Promise.resolve(iterator.next());
      },
      return: () => {
        counts.closed++;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  return { iterable, counts };
}

/**
 * A client whose server has no room for another call, and then drains: the calls
 * that `begin` makes are queued, and fail unseen.
 */
async function drained<T>(
  begin: (client: ReturnType<typeof clientOf>) => T,
): Promise<{ made: T; elsewhere: number }> {
  using time = virtualTime();
  const network = simulatedNetwork({ latency: 5 });
  const [a, b] = [await store(network, "a"), await store(network, "b")];
  const client = clientOf(network);
  await time.run(client.ready());
  const held = Array.from({ length: 32 }, () => client.remote.hold());
  await time.advance(2_000);
  const made = begin(client);
  await time.advance(10);
  const stopped = a.server.shutdown({ grace: 60_000 });
  await time.advance(20);
  a.release();
  await time.run(Promise.all(held));
  await time.advance(1_000);
  await time.run(Promise.all([stopped, client.close()]));
  await time.run(b.server.shutdown());
  assertEquals([time.timers, a.calls()], [0, 0]);
  return { made, elsewhere: b.calls() };
}

function clientOf(network: SimulatedNetwork) {
  return createClient(Store, [network.address("a"), network.address("b")]);
}

Deno.test(
  "an upload that was never sent goes to another server, with all its items",
  none,
  async () => {
    const source = counted([1, 2, 3]);
    function* generated() {
      yield* [4, 5, 6];
    }
    const { made, elsewhere } = await drained(({ remote }) => [
      remote.sum(source.iterable).result,
      remote.sum([1, 2]).result,
      remote.sum(generated()).result,
      remote.sum(new Set([7])).result,
      remote.sum(ReadableStream.from([8, 9])).result,
      remote.sum([]).result,
    ]);
    assertEquals(await Promise.all(made), [6, 3, 15, 7, 17, 0]);
    assertEquals(elsewhere, 6);
    assertEquals(source.counts, { asked: 4, closed: 1 }); // each item once
  },
);

Deno.test(
  "an upload whose items are passed to send() goes elsewhere until the first",
  none,
  async () => {
    const { made, elsewhere } = await drained(({ remote }) => {
      const early = remote.sum();
      const late = remote.sum();
      const never = remote.sum();
      const sent = failureOf(early.send(1)); // waits for the call to be sent
      never.end();
      setTimeout(() => {
        late.send(2);
        late.send(3);
        late.end();
      }, 500);
      const failed = failureOf(early.result);
      return Promise.all([failed, sent, late.result, never.result]);
    });
    const [failed, sent, ...sums] = await made;
    assertEquals([failed.code, failed.processed], ["unavailable", "no"]);
    assertEquals(sent.code, "unavailable");
    assertEquals(sums, [5, 0]);
    assertEquals(elsewhere, 2);
  },
);

Deno.test(
  "a duplex call that was never sent goes elsewhere while its caller reads",
  none,
  async () => {
    const source = counted([1, 2, 3]);
    const unread = counted([1, 2, 3]);
    const { made, elsewhere } = await drained(({ remote }) => {
      const call = remote.doubled(unread.iterable);
      return [all(remote.doubled(source.iterable)), Promise.resolve([call])];
    });
    assertEquals(await made[0], [2, 4, 6]);
    assertEquals(elsewhere, 1);
    assertEquals(source.counts, { asked: 4, closed: 1 });
    assertEquals(unread.counts, { asked: 1, closed: 1 }); // released at its end
  },
);

Deno.test(
  "an upload that was cut after an item fails, and closes its items",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const [a, b] = [await store(network, "a"), await store(network, "b")];
    const client = clientOf(network);
    await time.run(client.ready());
    const counts = { closed: 0 };
    async function* slow() {
      try {
        for (let item = 0;; item++) {
          yield item;
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        }
      } finally {
        counts.closed++;
      }
    }
    const failed = failureOf(client.remote.sum(slow()).result);
    await time.advance(2_500);
    network.links[0]?.cut();
    const { code, processed } = await time.run(failed);
    assertEquals([code, processed], ["disconnected", "maybe"]);
    await time.advance(1_000); // a generator ends at its next `yield`
    assertEquals(counts.closed, 1);
    assertEquals(b.calls(), 0);
    await time.run(client.close());
    await time.run(Promise.all([a, b].map(({ server }) => server.shutdown())));
  },
);

Deno.test(
  "an upload that is refused for load begins again with its first item",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const once = limit({ rate: 1, burst: 1, key: () => "all" });
    const server = await serve(Store, network.listen("a")).handle({
      hold() {},
      sum: use(once, async (items, { attempt }) => {
        let sum = 100 * attempt;
        for await (const item of items) sum += item;
        return sum;
      }),
      async *doubled() {},
    });
    const client = createClient(Store, network.address("a"));
    assertEquals(await time.run(client.remote.sum([1, 2, 3]).result), 6);
    assertEquals(await time.run(client.remote.sum([1, 2, 3]).result), 106);
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);
