/**
 * Peers that read slowly or not at all, over TCP: nothing waits forever, and no
 * other peer waits for them. The tests count; they measure no time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { serve } from "../../lib/messages/server/server.ts";
import type { ServerOptions } from "../../lib/messages/server/server_types.ts";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import { Gated } from "./gated.ts";
import { all, turns, until } from "./kit.ts";

const Talk = protocol({
  name: "talk",
  server: {
    ask: unary<Uint8Array, Uint8Array>(),
    chunks: serverStream<number, Uint8Array>(),
    upload: clientStream<Uint8Array, number>(),
    talk: duplex<Uint8Array, Uint8Array>(),
  },
  client: { ask: unary<Uint8Array, Uint8Array>() },
});

Deno.test("over TCP: a message larger than the window arrives in every shape and direction", async () => {
  const server = await serve(Talk, { port: 0 }).handle({
    ask: (bytes) => bytes,
    async *chunks(count) {
      for (let i = 0; i < count; i++) yield new Uint8Array(3_000_000).fill(i);
    },
    async upload(items) {
      let bytes = 0;
      for await (const item of items) bytes += item.length;
      return bytes;
    },
    async *talk(items) {
      for await (const item of items) yield item;
    },
  });
  await using session = await connect(Talk, server.addr, {
    handlers: { ask: (bytes) => bytes },
  });
  const { remote } = session;
  const large = new Uint8Array(3_000_000).fill(7);
  const [asked, chunks, bytes, talked, called] = await Promise.all([
    remote.ask(large),
    all(remote.chunks(3)),
    remote.upload([large, large, large]).result,
    all(remote.talk([large, large])),
    [...server.sessions][0]!.remote.ask(large),
  ]);
  assertEquals(asked, large);
  assertEquals(chunks.map((chunk) => [chunk.length, chunk[9]]), [
    [3_000_000, 0],
    [3_000_000, 1],
    [3_000_000, 2],
  ]);
  assertEquals(bytes, 9_000_000);
  assertEquals(talked, [large, large]);
  assertEquals(called, large);
  await server.shutdown();
});

Deno.test("over TCP: two peers that both stop reading and continue lose nothing", async () => {
  const CALLS = 20;
  const held: (() => void)[] = [];
  const ask = (bytes: Uint8Array) =>
    new Promise<Uint8Array>((resolve) =>
      held.push(() => resolve(new Uint8Array(400_000).fill(bytes[0]!)))
    );
  const listener = await listen({ port: 0 });
  const accepted = Promise.withResolvers<Gated>();
  const server = await serve(Talk, {
    addr: listener.addr,
    accept: () => listener.accept(),
    close: () => listener.close(),
    [Symbol.dispose]: () => listener.close(),
    async *[Symbol.asyncIterator]() {
      for await (const connection of listener) {
        const gated = new Gated(connection);
        accepted.resolve(gated);
        yield gated;
      }
    },
  }).handle({
    ask,
    async *chunks() {},
    upload: () => 0,
    async *talk() {},
  });
  const near = new Gated(await dialSocket(server.addr));
  await using session = await connect(Talk, near, { handlers: { ask } });
  const gates = [near, await accepted.promise];
  const remotes = [session.remote, [...server.sessions][0]!.remote];
  for (const gate of gates) gate.shut();
  const answers: Promise<Uint8Array>[] = [];
  for (let n = 0; n < CALLS; n++) {
    for (const remote of remotes) {
      answers.push(remote.ask(new Uint8Array(100_000).fill(n)));
    }
    await turns(); // more than unsentSoft remains after the system's buffers are full
  }
  await turns(50);
  assertEquals(held.length, 0, "nothing is read yet");
  for (const gate of gates) gate.open();
  await until(() => held.length >= 2 * CALLS);
  // Now the results, eight megabytes each way, while again neither peer reads.
  for (const gate of gates) gate.shut();
  for (const answer of held) answer();
  await turns(50);
  for (const gate of gates) gate.open();
  const lengths = (await Promise.all(answers)).map((answer) => [
    answer.length,
    answer[399_999],
  ]);
  assertEquals(
    lengths,
    Array.from({ length: 2 * CALLS }, (_, n) => [400_000, n >> 1]),
  );
  await session.close();
  await server.shutdown();
});

Deno.test("over TCP: a slow reader of one stream holds up neither streams nor calls, in either direction", async () => {
  let yielded = 0;
  let taken = 0;
  const step = { next: Promise.withResolvers<void>() };
  const server = await serve(Talk, { port: 0 }).handle({
    ask: (bytes) => bytes,
    async *chunks(count) {
      for (let i = 0; i < count; i++) {
        if (count === 1e6) yielded++;
        yield new Uint8Array(8192);
      }
    },
    async upload(items) {
      for await (const _ of items) {
        taken++;
        await step.next.promise;
        step.next = Promise.withResolvers();
      }
      return taken;
    },
    async *talk() {},
  });
  await using session = await connect(Talk, server.addr, {
    handlers: { ask: (bytes) => bytes },
  });
  const { remote } = session;
  let sent = 0;
  const upload = remote.upload((function* () {
    for (;; sent++) yield new Uint8Array(8192);
  })());
  const slow = remote.chunks(1e6)[Symbol.asyncIterator]();
  let [chunks, calls] = [0, 0];
  for await (const _ of remote.chunks(1000)) {
    if (++chunks % 50 !== 0) continue;
    await slow.next();
    step.next.resolve();
    await remote.ask(new Uint8Array(100_000));
    calls++;
  }
  assertEquals([chunks, calls], [1000, 20]);
  // A slow reader is sent only what it took plus its window.
  const window = (256 * 1024) / 8192 + 8;
  assert(yielded <= 20 + window, `${yielded} items for 20 that were taken`);
  assert(sent <= taken + window, `${sent} items for ${taken} that were taken`);
  upload.cancel();
  step.next.resolve();
  await upload.result.catch(() => {});
  await slow.return?.();
  await session.close();
  await server.shutdown();
});

Deno.test("over TCP: streams of large items that are read at once take turns, and none fails", async () => {
  // A busy machine needs more time, and its session then holds more.
  const limits = { queueTimeout: 300_000 };
  const memory = 2 ** 30;
  const server = await serve(Talk, { port: 0 }, { limits, memory }).handle({
    ask: (bytes) => bytes,
    async *chunks(count) {
      for (let i = 0; i < count; i++) yield new Uint8Array(4_100_000).fill(i);
    },
    async upload(items) {
      let bytes = 0;
      for await (const item of items) bytes += item.length;
      return bytes;
    },
    async *talk() {},
  });
  await using session = await connect(Talk, server.addr, {
    limits,
    handlers: { ask: (bytes) => bytes },
  });
  const { remote } = session;
  const read = Array.from({ length: 12 }, async () => {
    let bytes = 0;
    for await (const chunk of remote.chunks(2)) bytes += chunk.length;
    return bytes;
  });
  const item = new Uint8Array(4_100_000);
  const sent = Array.from(
    { length: 12 },
    () => remote.upload([item, item]).result,
  );
  assertEquals(
    await Promise.all([...read, ...sent]),
    new Array(24).fill(8_200_000),
  );
  await session.close();
  await server.shutdown();
});

// ── broadcast ────────────────────────────────────────────────────────────

const News = protocol({
  name: "news",
  server: { ping: unary<void, void>() },
  client: { news: notification<{ n: number; text: string }>() },
});

const PUBLISHED = 1500;
const TEXT = "x".repeat(16_000);

/** Publishes to a client that reads, and to one that reads only afterwards. */
async function publishTo(
  options: ServerOptions<typeof News>,
  keyOf?: (n: number) => number,
) {
  const server = await serve(News, { port: 0 }, options).handle({ ping() {} });
  const heard: [number[], number[]] = [[], []];
  const gate = new Gated(await dialSocket(server.addr));
  const slow = await connect(News, gate, {
    handlers: { news: ({ n }) => void heard[1].push(n) },
  });
  const fast = await connect(News, server.addr, {
    handlers: { news: ({ n }) => void heard[0].push(n) },
  });
  gate.shut();
  for (let n = 0; n < PUBLISHED; n++) {
    server.broadcast.news({ n, text: TEXT }, keyOf && { key: keyOf(n) });
    if (n % 16 === 15) await fast.remote.ping(); // it has received everything so far
  }
  await fast.remote.ping();
  const before = heard[1].length;
  gate.open();
  return { server, slow, fast, heard, before };
}

const every = Array.from({ length: PUBLISHED }, (_, n) => n);

for (const policy of ["drop-oldest", "drop-newest"] as const) {
  Deno.test(`over TCP: a client that stops reading loses messages by ${policy}, the others none`, async () => {
    const { server, slow, fast, heard, before } = await publishTo({
      broadcast: { slow: policy, maxQueued: 8 },
    });
    await slow.remote.ping();
    await until(() => {
      const { delivered, dropped } = server.broadcastStats;
      return delivered + dropped >= 2 * PUBLISHED;
    });
    const { delivered, dropped, conflated, disconnected } =
      server.broadcastStats;
    await slow.remote.ping();
    assertEquals(heard[0], every);
    assert(before < 8, `${before} messages passed a closed gate`);
    assert(dropped > 0, "the client was never too slow");
    assertEquals([conflated, disconnected], [0, 0]);
    assertEquals(delivered + dropped, 2 * PUBLISHED);
    assertEquals(heard[1].length, delivered - PUBLISHED);
    assertEquals(heard[1], heard[1].toSorted((a, b) => a - b));
    const sawLast = heard[1].at(-1) === PUBLISHED - 1;
    assertEquals(sawLast, policy === "drop-oldest");
    await slow.close();
    await fast.close();
    await server.shutdown();
  });
}

Deno.test("over TCP: a client that stops reading gets the last message of each key", async () => {
  const { server, slow, fast, heard } = await publishTo(
    { broadcast: { maxQueued: 8 } },
    (n) => n % 5,
  );
  await slow.remote.ping();
  const last = every.slice(-5);
  await until(() => heard[1].includes(PUBLISHED - 1));
  await slow.remote.ping();
  const { delivered, dropped, conflated } = server.broadcastStats;
  assertEquals(heard[0], every);
  assert(conflated > 0, "the client was never too slow");
  assertEquals(dropped, 0);
  assertEquals(delivered + conflated, 2 * PUBLISHED);
  assertEquals(heard[1].length, delivered - PUBLISHED);
  assertEquals(heard[1].slice(-5).toSorted((a, b) => a - b), last);
  await slow.close();
  await fast.close();
  await server.shutdown();
});

Deno.test("over TCP: a client that stops reading is disconnected under that policy", async () => {
  const { server, slow, fast, heard } = await publishTo({
    broadcast: { slow: "disconnect", maxQueued: 8 },
  });
  const end = await slow.finished;
  assert(["unsent", "disconnected"].includes(end?.code ?? ""), `${end}`);
  const { delivered, dropped, disconnected } = server.broadcastStats;
  assertEquals([dropped, disconnected, server.sessions.size], [0, 1, 1]);
  assertEquals(heard[0], every);
  assert(heard[1].length <= delivered - PUBLISHED);
  assertEquals(heard[1], every.slice(0, heard[1].length));
  await fast.close();
  await server.shutdown();
});
