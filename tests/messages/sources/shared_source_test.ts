/**
 * Sources that servers share by a bus.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CallError,
  createClient,
  protocol,
  serve,
  serverStream,
  source,
} from "../../../lib/messages/mod.ts";
import type { Source } from "../../../lib/messages/mod.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import type { Bus } from "../../../lib/messages/bus/bus.ts";
import { memoryBus } from "../../../lib/messages/bus/mod.ts";
import type { Position } from "../../../lib/messages/session/wire/positions.ts";
import {
  hasPositions,
  STEPS,
} from "../../../lib/messages/streams/positioned_items.ts";
import { simulatedNetwork, virtualTime } from "../../../lib/testing/mod.ts";
import { turns } from "../kit.ts";
import { StoredBus } from "./stored_bus.ts";

function shared(bus: Bus, history = {}): Source<number> {
  return source<number>({ shared: { bus, name: "a.>" }, history });
}

/** Reads a source, step by step. */
function reader(from: Source<number>, resumeFrom?: Position) {
  const items = from.items({ resumeFrom });
  if (!hasPositions(items)) throw new Error("The items have no positions");
  const steps = items[STEPS]()[Symbol.asyncIterator]();
  const read = {
    last: undefined as Position | undefined,
    /** Returns the next steps, as text. */
    async next(count: number): Promise<string[]> {
      const texts: string[] = [];
      while (texts.length < count) {
        const { value } = await steps.next();
        const { item, gap, joined, position } = value!;
        read.last = position;
        if (joined) {
          texts.push(joined.recovered ? "recovered" : "not recovered");
        }
        if (gap) texts.push(`gap ${gap.from}-${gap.to} ${gap.reason}`);
        if (item) texts.push(`${item.value}`);
      }
      return texts;
    },
    leave: () => steps.return?.(),
  };
  return read;
}

Deno.test("a shared source has the items of another server, with their positions", async () => {
  const bus = memoryBus();
  const [near, far] = [shared(bus.join()), shared(bus.join())];
  const other = source<number>({ shared: { bus: bus.join(), name: "other" } });
  const here = reader(near);
  const there = reader(far);
  for (const item of [10, 20, 30]) near.publish(item);
  const expected = ["recovered", "10", "20", "30"];
  assertEquals(await here.next(4), expected);
  assertEquals(await there.next(4), expected);
  assertEquals(there.last, here.last);
  assertEquals(far.position, near.position);
  assertEquals(other.position.number, 0);
  for (const each of [near, far, other]) each.end();
});

Deno.test("a reader that goes on at another server misses nothing and gets nothing twice", async () => {
  const bus = memoryBus();
  const [near, far] = [shared(bus.join()), shared(bus.join(), { items: 3 })];
  const first = reader(near);
  near.publish(1);
  near.publish(2);
  await turns(10);
  assertEquals(await first.next(3), ["recovered", "1", "2"]);
  near.publish(3);
  await turns(10);
  const second = reader(far, first.last);
  assertEquals(await second.next(2), ["recovered", "3"]);
  near.publish(4);
  near.publish(5);
  near.publish(6); // the other server keeps three items
  await turns(10);
  const late = reader(far, first.last);
  assertEquals(await late.next(5), [
    ...["not recovered", "gap 3-3 expired", "4", "5", "6"],
  ]);
  assertEquals(await second.next(3), ["4", "5", "6"]);
  near.end();
  far.end();
});

Deno.test("a reader that is ahead of its next server waits, and gets nothing twice", async () => {
  const bus = memoryBus();
  const [near, far] = [shared(bus.join()), shared(bus.join())];
  near.publish(1);
  await turns(10);
  const first = reader(near);
  await first.next(1);
  near.publish(2); // has not reached the other server
  assertEquals(await first.next(1), ["2"]);
  const fresh = shared(bus.join()); // a server that has just started
  const ahead = reader(fresh, first.last);
  const behind = reader(fresh, { ...first.last!, number: 0 });
  const second = reader(far, first.last);
  near.publish(3);
  await turns(10);
  assertEquals(await second.next(2), ["recovered", "3"]);
  assertEquals(await ahead.next(2), ["recovered", "3"]);
  const gap = ["not recovered", "gap 1-2 expired"];
  assertEquals(await behind.next(3), [...gap, "3"]);
  for (const each of [near, far, fresh]) each.end();
});

Deno.test("items that the bus did not carry are a gap at the other server", async () => {
  const bus = memoryBus();
  const member = bus.join();
  const [near, far] = [shared(member), shared(bus.join())];
  const here = reader(near);
  const there = reader(far);
  near.publish(1);
  await turns(10);
  const before = reader(far);
  assertEquals(await before.next(1), ["recovered"]);
  member.disconnect();
  near.publish(2);
  near.publish(3);
  member.reconnect();
  near.publish(4);
  await turns(10);
  assertEquals(await here.next(5), ["recovered", "1", "2", "3", "4"]);
  const gap = "gap 2-3 expired";
  assertEquals(await there.next(4), ["recovered", "1", gap, "4"]);
  assertEquals(await before.next(2), [gap, "4"]);
  const second = { epoch: near.position.epoch, number: 2 };
  const inside = reader(far, second); // its server had carried one of them
  assertEquals(await inside.next(3), ["recovered", "gap 3-3 expired", "4"]);
  near.end();
  far.end();
});

Deno.test("another publisher begins another numbering, which readers learn as a gap", async () => {
  const bus = memoryBus();
  const [near, far] = [shared(bus.join()), shared(bus.join())];
  const here = reader(near);
  near.publish(1);
  await turns(10);
  const { epoch } = far.position;
  assertEquals(far.publish(2), 1);
  assertEquals(far.position.epoch === epoch, false);
  await turns(10);
  assertEquals(near.position, far.position);
  assertEquals(await here.next(2), ["recovered", "1"]);
  const error = await assertRejects(() => here.next(1), CallError);
  assertEquals([error.code, error.retry], ["unavailable", "now"]);
  const again = reader(near, { epoch, number: 1 });
  assertEquals(await again.next(2), ["not recovered", "gap 0-1 unknown"]);
  near.end();
  far.end();
});

Deno.test("a shared source refuses what its bus cannot carry, and numbers of your own", async () => {
  const bus = memoryBus({ maxMessage: 200 });
  const texts = source<string>({ shared: { bus, name: "a" } });
  const error = assertThrows(() => texts.publish("x".repeat(200)), CallError);
  assertEquals([error.code, texts.position.number], ["too-large", 0]);
  assertThrows(() => texts.publish("x", 5), RangeError, "must be 1");
  assertEquals(texts.publish("x", 1), 1);
  texts.end();
  await turns(10);
  const after = { epoch: 1, number: 1 };
  const invalid: [object, ErrorConstructor][] = [
    [{ shared: { bus, name: "a" }, after }, TypeError],
    [{ shared: { bus, name: 1 } }, TypeError],
    [{ shared: { bus: {}, name: "a" } }, TypeError],
    [{ shared: { bus, name: "a", prefix: "a.b" } }, RangeError],
    [{ shared: { bus, name: "a", nmae: "" } }, TypeError],
  ];
  for (const [options, kind] of invalid) {
    assertThrows(() => source(options), kind);
  }
});

Deno.test("a shared source ignores what is no item of its codec, and nothing follows end()", async () => {
  const bus = memoryBus();
  const near = shared(bus.join());
  const text = source<number>({
    shared: { bus: bus.join(), name: "a.>" },
    codec: json(),
  });
  text.publish(1);
  bus.publish("lw.s.~YS4-", new Uint8Array(5));
  await turns(10);
  assertEquals(near.position.number, 0);
  near.end();
  const far = shared(bus.join());
  far.publish(1);
  await turns(10);
  assertEquals(near.position.number, 0);
  far.end();
  text.end();
});

Deno.test("a client continues a stream on another server of the bus", async () => {
  const Market = protocol({
    name: "market",
    server: { trades: serverStream<void, number>() },
  });
  using time = virtualTime();
  const network = simulatedNetwork({ latency: 5 });
  const bus = memoryBus();
  const publisher = shared(bus.join());
  const start = async (name: string) => {
    const trades = shared(bus.join());
    const server = await serve(Market, network.listen(name)).handle({
      trades: (_, context) => trades.items(context),
    });
    return { server, trades };
  };
  const servers = [await start("one"), await start("two")];
  const client = createClient(Market, [
    network.address("one"),
    network.address("two"),
  ]);
  const received: number[] = [];
  const gaps: unknown[] = [];
  const reading = (async () => {
    const trades = client.remote.trades(undefined, {
      onGap: (gap) => void gaps.push(gap),
    });
    for await (const trade of trades) received.push(trade);
  })().catch(() => {});
  await time.run(client.ready());
  await time.advance(1_000);
  for (let n = 1; n <= 300; n++) {
    publisher.publish(n);
    await time.advance(50);
    if (n === 100) await time.run(servers[0]!.server.abort());
  }
  await time.advance(10_000);
  assertEquals(gaps, []);
  assertEquals(received, Array.from({ length: 300 }, (_, n) => n + 1));
  const other = shared(bus.join());
  other.publish(301);
  await time.advance(10_000);
  other.publish(302);
  await time.advance(10_000);
  other.end();
  assertEquals(gaps, [{ from: 0, to: 1, reason: "unknown" }]);
  assertEquals(received.slice(300), [302]);
  await time.run(client.close());
  await time.run(reading);
  for (const { server, trades } of servers) {
    await time.run(server.shutdown());
    trades.end();
  }
  publisher.end();
});

Deno.test("a server that has just started serves what the bus has stored, to new readers only what is new", async () => {
  const bus = new StoredBus();
  const near = shared(bus.join(), { items: 2 });
  const other = source<number>({ shared: { bus: bus.join(), name: "other" } });
  for (let n = 1; n <= 20; n++) {
    near.publish(n);
    other.publish(-n);
  }
  await turns(5);
  const { epoch } = near.position;
  near.end();
  const fresh = shared(bus.join());
  const early = reader(fresh); // before the server knows the numbering
  await turns(5);
  assertEquals(fresh.position, { epoch, number: 20 });
  const back = reader(fresh, { epoch, number: 14 });
  const [first, ...rest] = await back.next(7);
  assertEquals([first, rest], [
    "recovered",
    ["15", "16", "17", "18", "19", "20"],
  ]);
  assertEquals(back.last, { epoch, number: 20 });
  assert(bus.reads < 20, `${bus.reads} messages were read`);
  const current = reader(fresh, { epoch, number: 20 });
  assertEquals(await current.next(1), ["recovered"]);
  assertEquals(await early.next(1), ["recovered"]); // and no old item
  // The numbering of another epoch is unknown, and not searched.
  const lost = reader(fresh, { epoch: epoch - 1, number: 3 });
  assertEquals(await lost.next(2), ["not recovered", "gap 0-20 unknown"]);
  for (const each of [back, early, current, lost]) each.leave();
  fresh.end();
  other.end();
});

Deno.test("what the store lacks is a gap, and so is all of it if the store fails", async () => {
  const bus = new StoredBus();
  const near = shared(bus.join(), { items: 2 });
  for (let n = 1; n <= 10; n++) near.publish(n);
  await turns(5);
  const { epoch } = near.position;
  bus.stored.splice(0, 3); // 1, 2 and 3
  bus.stored.splice(2, 1); // 6
  const far = shared(bus.join());
  await turns(5);
  const back = reader(far, { epoch, number: 1 });
  assertEquals(await back.next(9), [
    ...["recovered", "gap 2-3 expired", "4", "5", "gap 6-6 expired"],
    ...["7", "8", "9", "10"],
  ]);
  bus.stored.splice(bus.stored.length - 3, 1); // 8; the publisher keeps 9 and 10
  const own = reader(near, { epoch, number: 5 });
  assertEquals(await own.next(6), [
    ...["recovered", "gap 6-6 expired", "7", "gap 8-8 expired", "9", "10"],
  ]);
  const following = own.next(1); // none of them is repeated
  bus.fails = true;
  const failed = reader(far, { epoch, number: 1 });
  assertEquals(await failed.next(2), ["recovered", "gap 2-10 expired"]);
  bus.fails = false;
  near.publish(11);
  await turns(5);
  assertEquals(await failed.next(1), ["11"]);
  assertEquals(await following, ["11"]);
  own.leave();
  back.leave();
  failed.leave();
  near.end();
  far.end();
});

Deno.test("a reader that is slower than the source reads the store, filtered", async () => {
  const bus = new StoredBus();
  const near = shared(bus.join(), { items: 2 });
  near.publish(0);
  const items = near.items({}, { filter: (n) => n % 3 === 0 });
  const reading = items[Symbol.asyncIterator]();
  const first = reading.next();
  for (let n = 1; n <= 12; n++) near.publish(n);
  await turns(5);
  const received = [(await first).value];
  for (let n = 0; n < 3; n++) received.push((await reading.next()).value);
  assertEquals(received, [3, 6, 9, 12]);
  await reading.return?.();
  near.end();
});

Deno.test("a server that the bus could not reach reads what it has missed", async () => {
  const bus = new StoredBus();
  const member = bus.join();
  const [near, far] = [shared(bus.join()), shared(member)];
  near.publish(1);
  await turns(5);
  const here = reader(far, near.position);
  assertEquals(await here.next(1), ["recovered"]);
  member.disconnect();
  for (let n = 2; n <= 5; n++) near.publish(n);
  await turns(5);
  member.reconnect();
  near.publish(6);
  assertEquals(await here.next(5), ["2", "3", "4", "5", "6"]);
  here.leave();
  near.end();
  far.end();
});
