/** Streams of clients that continue in the next session. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  continuedItems,
  type StreamAttempts,
} from "../../../lib/messages/client/continued_stream.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import type { CallResponse } from "../../../lib/messages/calls/interceptor.ts";
import { StreamProgress } from "../../../lib/messages/calls/stream_progress.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { serverStream } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type { Gap } from "../../../lib/messages/session/wire/positions.ts";
import { type Source, source } from "../../../lib/messages/sources/source.ts";
import { simulatedNetwork, virtualTime } from "../../../lib/testing/mod.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { itemFields } from "../../../lib/messages/session/wire/fields.ts";
import { concat } from "@std/bytes/concat";
import { K, NO_VALUE, RawPeer } from "../raw_peer.ts";
import { all, turns, typedSession, until } from "../kit.ts";

const Numbers = protocol({
  name: "numbers",
  server: {
    positioned: serverStream<void, number>(),
    plain: serverStream<number, number>(),
    again: serverStream<number, number>({ idempotent: true }),
  },
});

/** Short pauses, so that tests take little time. */
const QUICK = { reconnect: { minDelay: 1, maxDelay: 5, spread: 0 } };

/** Handlers of the streams that a test does not use. */
const UNUSED = {
  positioned: () => source<number>().items(),
  async *again() {},
};

/** A server whose stream is that of a source. */
function serveSource(
  numbers: Source<number>,
  address: Parameters<typeof serve>[1],
  entered: (from: number | undefined) => void = () => {},
) {
  return serve(Numbers, address).handle({
    positioned(_, context) {
      entered(context.resumeFrom?.number);
      return numbers.items(context);
    },
    async *plain(from) {
      for (let number = from; number <= 20; number++) yield number;
    },
    async *again(from) {
      for (let number = from; number <= 3; number++) yield number;
    },
  });
}

function newAddress() {
  return { memory: crypto.randomUUID() };
}

/** Ends the client's connection without a GOAWAY. */
async function cut(client: { session: object | undefined }): Promise<void> {
  await typedSession(client.session!).abort();
}

Deno.test("a stream with positions continues after a cut after each item", async () => {
  const numbers = source<number>();
  const address = newAddress();
  const entered: (number | undefined)[] = [];
  await using _server = await serveSource(
    numbers,
    address,
    (from) => entered.push(from),
  );
  await using client = createClient(Numbers, address, QUICK);
  const stream = client.remote.positioned()[Symbol.asyncIterator]();
  const first = stream.next();
  await until(() => entered.length > 0);
  const received: number[] = [];
  for (let number = 1; number <= 10; number++) {
    numbers.publish(number);
    const { value } = number === 1 ? await first : await stream.next();
    received.push(value!);
    await cut(client);
    numbers.publish(++number); // while the client has no session
    received.push((await stream.next()).value!);
  }
  assertEquals(received, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(entered, [undefined, 1, 3, 5, 7, 9]);
  await stream.return?.();
});

Deno.test("a stream with positions continues after a cut before its first item", async () => {
  const numbers = source<number>();
  const address = newAddress();
  const entered: (number | undefined)[] = [];
  await using _server = await serveSource(
    numbers,
    address,
    (from) => entered.push(from),
  );
  numbers.publish(1);
  await using client = createClient(Numbers, address, QUICK);
  await client.ready();
  const stream = client.remote.positioned()[Symbol.asyncIterator]();
  const first = stream.next();
  await entersTimes(entered, 1);
  await cut(client);
  numbers.publish(2);
  assertEquals((await first).value, 2);
  assertEquals(entered, [undefined, 1]);
  await stream.return?.();
});

async function entersTimes(entered: unknown[], times: number): Promise<void> {
  await until(() => entered.length >= times);
  await turns(50); // JOINED arrives
}

Deno.test("a gap ends the iteration, or is passed to onGap() in its place", async () => {
  for (const tells of [false, true]) {
    const numbers = source<number>({ history: { items: 2 } });
    const address = newAddress();
    const entered: unknown[] = [];
    await using _server = await serveSource(
      numbers,
      address,
      (from) => entered.push(from),
    );
    await using client = createClient(Numbers, address, QUICK);
    const log: unknown[] = [];
    const options = tells ? { onGap: (gap: Gap) => void log.push(gap) } : {};
    const reading = (async () => {
      for await (
        const number of client.remote.positioned(undefined, options)
      ) {
        log.push(number);
        if (number === 6) return;
      }
    })();
    await entersTimes(entered, 1);
    numbers.publish(1);
    await until(() => log.length > 0);
    const lost = cut(client);
    // The client has not connected again yet.
    for (let number = 2; number <= 6; number++) numbers.publish(number);
    await lost;
    const gap = { from: 2, to: 4, reason: "expired" };
    if (tells) {
      await reading;
      assertEquals(log, [1, gap, 5, 6]);
    } else {
      const error = await assertRejects(() => reading, CallError);
      assertEquals([error.code, error.data], ["gap", gap]);
      assertEquals(log, [1]);
    }
  }
});

Deno.test("a restarted server with another numbering makes a gap", async () => {
  const address = newAddress();
  const entered: unknown[] = [];
  const before = source<number>();
  const first = await serveSource(before, address, () => entered.push(0));
  await using client = createClient(Numbers, address, QUICK);
  const log: unknown[] = [];
  const reading = (async () => {
    const items = client.remote.positioned(undefined, {
      onGap: (gap) => void log.push(gap),
    });
    for await (const number of items) {
      log.push(number);
      if (number === 30) return;
    }
  })();
  await entersTimes(entered, 1);
  for (const number of [1, 2, 3]) before.publish(number);
  await until(() => log.length >= 3);
  await first.abort();
  const after = source<number>();
  for (const number of [10, 20]) after.publish(number);
  await using _second = await serveSource(
    after,
    address,
    () => entered.push(0),
  );
  await entersTimes(entered, 2);
  after.publish(30);
  await reading;
  assertEquals(log, [1, 2, 3, { from: 0, to: 2, reason: "unknown" }, 30]);
});

Deno.test("rolling restarts of three servers leave no gap in streams with equal numbers", async () => {
  const epoch = 7;
  let head = 0;
  const sources = new Set<Source<number>>();
  /** Starts a server that has read the newest items of a common log. */
  const start = async (address: { memory: string }) => {
    const kept = Math.max(0, head - 50);
    const numbers = source<number>({ after: { epoch, number: kept } });
    for (let number = kept + 1; number <= head; number++) {
      numbers.publish(number);
    }
    sources.add(numbers);
    const server = await serveSource(numbers, address);
    return {
      stop: async () => {
        await server.shutdown({ grace: 1_000 });
        sources.delete(numbers);
      },
    };
  };
  const addresses = [newAddress(), newAddress(), newAddress()];
  const servers = await Promise.all(addresses.map(start));
  const feed = setInterval(() => {
    head++;
    for (const numbers of sources) numbers.publish(head);
  }, 1);
  const received: number[][] = [];
  const clients = Array.from({ length: 5 }, (_, index) => {
    const client = createClient(
      Numbers,
      [0, 1, 2].map((n) => addresses[(n + index) % 3]!),
      QUICK,
    );
    const items: number[] = [];
    received.push(items);
    const reading = (async () => {
      for await (const number of client.remote.positioned()) items.push(number);
    })();
    return { client, reading: reading.catch((error) => error) };
  });
  for (const items of received) {
    await until(() => items.length > 0);
  }
  for (const [index, server] of servers.entries()) {
    await server.stop();
    servers[index] = await start(addresses[index]!);
    const last = head;
    for (const items of received) {
      while ((items.at(-1) ?? 0) < last) {
        await new Promise((r) => setTimeout(r, 1));
      }
    }
  }
  clearInterval(feed);
  for (const { client, reading } of clients) {
    await client.close();
    const error = await reading;
    assertEquals(error.code !== "gap", true);
  }
  for (const server of servers) await server.stop();
  for (const items of received) {
    const [first = 0] = items;
    assertEquals(items, items.map((_, index) => first + index));
  }
});

Deno.test("a draining server ends streams with positions before its grace has passed", async () => {
  const numbers = source<number>();
  const address = newAddress();
  const entered: unknown[] = [];
  const first = await serveSource(numbers, address, () => entered.push(0));
  await using client = createClient(Numbers, address, QUICK);
  const received: number[] = [];
  const reading = (async () => {
    for await (const number of client.remote.positioned()) {
      received.push(number);
      if (number === 2) return;
    }
  })();
  await entersTimes(entered, 1);
  numbers.publish(1);
  await until(() => received.length > 0);
  await first.shutdown({ grace: 60_000 }); // the test would time out
  await using _second = await serveSource(numbers, address);
  numbers.publish(2);
  await reading;
  assertEquals(received, [1, 2]);
});

Deno.test("resume() continues a stream without positions after the last item", async () => {
  const address = newAddress();
  await using _server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from) {
      yield from;
      yield from + 1;
      await new Promise(() => {});
    },
  });
  await using client = createClient(Numbers, address, QUICK);
  const calls: unknown[] = [];
  const stream = client.remote.plain(1, {
    resume: (last, input) => {
      calls.push([last, input]);
      return last === undefined ? input : last + 1;
    },
  })[Symbol.asyncIterator]();
  const received: number[] = [];
  for (let count = 1; count <= 6; count++) {
    received.push((await stream.next()).value!);
    if (count % 2 === 0) await cut(client);
  }
  assertEquals(received, [1, 2, 3, 4, 5, 6]);
  assertEquals(calls, [[2, 1], [4, 1]]);
  await stream.return?.();
});

Deno.test("resume() receives no item before the first one", async () => {
  const address = newAddress();
  const inputs: number[] = [];
  await using _server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from) {
      inputs.push(from);
      if (inputs.length < 3) await new Promise(() => {});
      yield from;
    },
  });
  await using client = createClient(Numbers, address, QUICK);
  const items = all(client.remote.plain(7, {
    resume: (last, input) => {
      assertEquals(last, undefined);
      return input + 1;
    },
  }));
  for (const times of [1, 2]) {
    await entersTimes(inputs, times);
    await cut(client);
  }
  assertEquals(await items, [8]);
  assertEquals(inputs, [7, 8, 8]);
});

Deno.test("a stream does not continue after an error of its handler, or after its end", async () => {
  const address = newAddress();
  let entered = 0;
  let fails = true;
  await using _server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from, { refuse }) {
      entered++;
      yield from;
      if (fails) throw refuse("not now", { code: "unavailable" });
    },
  });
  await using client = createClient(Numbers, address, QUICK);
  const resume = () => {
    throw new Error("called");
  };
  const failed = client.remote.plain(1, { resume });
  const error = await assertRejects(() => all(failed), CallError);
  assertEquals(error.code, "unavailable");
  fails = false;
  assertEquals(await all(client.remote.plain(1, { resume })), [1]);
  assertEquals(entered, 2);
});

Deno.test("a stream gives up after five attempts in a row without an item", async () => {
  const address = newAddress();
  let entered = 0;
  await using server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from, context) {
      entered++;
      if (entered === 1) yield from;
      await context.session.drain({ grace: 0 });
    },
  });
  await using client = createClient(Numbers, server.addr, QUICK);
  const resumed = client.remote.plain(1, { resume: (_, input) => input });
  const received: number[] = [];
  await assertRejects(async () => {
    for await (const number of resumed) received.push(number);
  }, CallError);
  assertEquals([received, entered], [[1], 6]);
});

Deno.test("an error of resume() ends the stream", async () => {
  const address = newAddress();
  await using _server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from) {
      yield from;
      await new Promise(() => {});
    },
  });
  await using client = createClient(Numbers, address, QUICK);
  const stream = client.remote.plain(1, {
    resume: () => {
      throw new RangeError("no");
    },
  })[Symbol.asyncIterator]();
  await stream.next();
  await cut(client);
  await assertRejects(() => stream.next(), RangeError, "no");
});

Deno.test("a promise that resume() returns ends the stream, also if it rejects", async () => {
  const address = newAddress();
  await using _server = await serve(Numbers, address).handle({
    ...UNUSED,
    async *plain(from) {
      yield from;
      await new Promise(() => {});
    },
  });
  await using client = createClient(Numbers, address, QUICK);
  // JavaScript callers can pass an async function despite the types.
  const resume = (() => Promise.reject(new Error("no"))) as never;
  const stream = client.remote.plain(1, { resume })[Symbol.asyncIterator]();
  await stream.next();
  await cut(client);
  await assertRejects(
    () => stream.next(),
    TypeError,
    "the option resume returned a promise",
  );
});

Deno.test("a stream fails if the next server does not continue it", async () => {
  const address = newAddress();
  const numbers = source<number>();
  const entered: unknown[] = [];
  const first = await serveSource(numbers, address, () => entered.push(0));
  await using client = createClient(Numbers, address, QUICK);
  const stream = client.remote.positioned()[Symbol.asyncIterator]();
  const item = stream.next();
  await entersTimes(entered, 1);
  numbers.publish(1);
  await item;
  await first.abort();
  let left = false;
  await using _second = await serve(Numbers, address).handle({
    async *positioned() {
      left = true;
      yield 1;
    },
    async *plain() {},
    async *again() {},
  });
  const error = await assertRejects(() => stream.next(), CallError);
  assertEquals([error.code, left], ["unimplemented", false]);
});

Deno.test("a stream that is cut when its client is closed ends with the cut", async () => {
  const address = newAddress();
  const numbers = source<number>();
  const entered: unknown[] = [];
  await using _server = await serveSource(
    numbers,
    address,
    () => entered.push(0),
  );
  const client = createClient(Numbers, address, QUICK);
  const reading = assertRejects(
    () => all(client.remote.positioned()),
    CallError,
  );
  await entersTimes(entered, 1);
  await client.close();
  assertEquals((await reading).code, "disconnected");
});

Deno.test("the deadline of a stream covers all its sessions", async () => {
  using time = virtualTime();
  const network = simulatedNetwork({ latency: 5 });
  let entered = 0;
  const server = await serveSource(
    source<number>(),
    network.listen("a"),
    () => entered++,
  );
  const client = createClient(Numbers, network.address("a"), QUICK);
  const reading = assertRejects(
    () => all(client.remote.positioned(undefined, { timeout: 1_000 })),
    CallError,
  );
  await time.advance(500);
  network.links[0]!.cut(); // the client has connected
  await time.advance(400);
  assertEquals(entered, 2);
  await time.advance(100);
  assertEquals((await time.run(reading)).code, "deadline");
  await time.run(client.close());
  await time.run(server.abort());
});

Deno.test("pauses follow if the handler of a stream fails again, or asks for them", async () => {
  using time = virtualTime();
  const network = simulatedNetwork({ latency: 5 });
  let entered = 0;
  for (const [retryAfter, most] of [[5_000, 3], [0, 30]] as const) {
    entered = 0;
    const server = await serve(Numbers, network.listen("a")).handle({
      ...UNUSED,
      async *plain(from) {
        entered++;
        yield from;
        const options = { code: "unavailable", retry: "later" } as const; // a known code
        throw new CallError("busy", { ...options, retryAfter });
      },
    });
    const client = createClient(Numbers, network.address("a"));
    const received: number[] = [];
    const reading = assertRejects(async () => {
      const resume = (last: number | undefined) => (last ?? 0) + 1;
      for await (const n of client.remote.plain(1, { resume })) {
        received.push(n);
      }
    }, CallError);
    await time.advance(12_000);
    assertLess(entered, most + 1);
    assertEquals(received.length, entered);
    await time.run(client.close());
    await time.run(reading);
    await time.run(server.abort());
  }
});

Deno.test("another numbering is a gap, also if the server denies it", async () => {
  const gaps: Gap[] = [];
  let connected = 0;
  const client = createClient(Numbers, {
    name: "raw",
    connect() {
      const [near, far] = memoryPair();
      void lie(new RawPeer(far), ++connected);
      return Promise.resolve(near);
    },
  }, QUICK);
  const positions = client.remote.positioned(undefined, {
    onGap(gap) {
      gaps.push(gap);
      void client.close();
    },
  });
  await assertRejects(() => all(positions), CallError);
  assertEquals(gaps, [{ from: 0, to: 4, reason: "unknown" }]);
  await client.close();
});

/** Begins a stream in an epoch, and loses the connection. */
async function lie(peer: RawPeer, epoch: number): Promise<void> {
  await peer.until(K.HELLO);
  await peer.hello({ role: 1, features: 0x04, methods: [["positioned", 2]] });
  const { id } = await peer.until(K.REQUEST);
  const position = { epoch, number: 4 };
  const joined = { epoch, head: 4, recovered: true };
  const fields = itemFields({ position, joined });
  const body = concat([Uint8Array.of(0, fields.length), fields]);
  await peer.frame(K.ITEM, id, body, NO_VALUE);
  peer.connection.close();
}

Deno.test("the option resume is refused where no client continues the stream", async () => {
  const Ticks = protocol({
    name: "ticks",
    server: { ticks: serverStream<number, number>() },
  });
  const address = { memory: crypto.randomUUID() };
  await using _server = await serve(Ticks, address).handle({
    async *ticks() {},
  });
  await using session = await connect(Ticks, address);
  await assertRejects(
    () => Array.fromAsync(session.remote.ticks(1, { resume: (_, one) => one })),
    TypeError,
    "Cannot call ticks with the option resume through a session",
  );
});

Deno.test("a gap ends the iteration also if the call has ended", async () => {
  const [near, far] = memoryPair();
  const served = (async () => {
    const peer = new RawPeer(far);
    await peer.until(K.HELLO);
    await peer.hello({ role: 1, features: 0x04, methods: [["positioned", 2]] });
    const { id } = await peer.until(K.REQUEST);
    const gap = { from: 2, to: 4, reason: "expired" } as const;
    for (const number of [1, 5, 6]) {
      const position = { epoch: 1, number };
      const fields = itemFields({ position, ...(number === 5 && { gap }) });
      await peer.frame(
        K.ITEM,
        id,
        concat([
          Uint8Array.of(0, fields.length),
          fields,
          Uint8Array.of(number),
        ]),
      );
    }
    await peer.frame(K.RESULT, id, Uint8Array.of(0, 0));
    return peer;
  })();
  const session = await connect(Numbers, near);
  const items = session.remote.positioned()[Symbol.asyncIterator]();
  const first = items.next();
  const peer = await served;
  assertEquals(await first, { done: false, value: 1 });
  await turns(50); // the end of the call arrives
  const error = await assertRejects(() => items.next(), CallError);
  assertEquals([error.code, error.data], [
    "gap",
    { from: 2, to: 4, reason: "expired" },
  ]);
  assertEquals(await items.next(), { done: true, value: undefined });
  await cut({ session });
  peer.connection.close();
});

Deno.test("a stream that would move when its client ends says that the client ends", async () => {
  using time = virtualTime();
  const network = simulatedNetwork();
  const numbers = source<number>();
  const server = await serveSource(numbers, network.listen("a"));
  const client = createClient(Numbers, network.address("a"));
  const stream = client.remote.positioned()[Symbol.asyncIterator]();
  const first = stream.next();
  await time.advance(1);
  numbers.publish(1);
  assertEquals((await time.run(first)).value, 1);
  const failure = assertRejects(() => stream.next(), CallError);
  const drained = client.drain();
  await time.run(server.shutdown()); // asks to continue the stream elsewhere
  await time.run(drained);
  const { code, message, processed } = await failure;
  assertEquals([code, processed], ["unavailable", "maybe"]);
  assertEquals(message, "positioned: the client drains");
});

async function* counted(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) yield await number;
}

Deno.test("a stream is one success and keeps its items once, however many it yields", async () => {
  for (const count of [0, 1, 3]) {
    const calls: string[] = [];
    const never = () => Promise.reject(new Error("another attempt"));
    const attempts: StreamAttempts = {
      ...{ run: never, failed: never, interrupted: never },
      succeeded: () => void calls.push("succeeded"),
      items: {
        hold: () => void calls.push("hold"),
        release: () => void calls.push("release"),
      },
    };
    const first = { items: counted(count) } as unknown as CallResponse; // as much as is read
    const progress = new StreamProgress();
    const stream = { attempts, progress, metadata: {} };
    const received = await all(continuedItems(first, never, stream));
    assertEquals(received.length, count);
    assertEquals(calls, ["hold", "succeeded", "release", "release"]);
  }
});
