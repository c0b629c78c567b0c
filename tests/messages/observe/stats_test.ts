import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import type { SessionStats } from "../../../lib/messages/observe/stats.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import {
  all,
  dial,
  endOf,
  failureOf,
  turns,
  typedSession,
  until,
} from "../kit.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>(),
    ticks: serverStream<number, number>(),
    wait: unary<void, void>(),
  },
  client: { news: notification<string>() },
});

const handlers = {
  price(sku: string) {
    if (sku === "") throw new CallError("no sku", { code: "invalid" });
    return sku.length;
  },
  async *ticks(count: number) {
    for (let tick = 0; tick < count; tick++) yield await tick;
  },
  wait: () => new Promise<void>(() => {}),
};

const CLIENT = { handlers: { news() {} } };

Deno.test("session.stats counts frames, bytes and calls, alike at both ends", async () => {
  await using server = createServer(Shop).handle(handlers);
  const session = await connect(Shop, dial(server), CLIENT);
  await session.remote.price("abc");
  await failureOf(session.remote.price(""));
  await all(session.remote.ticks(3));
  const open = failureOf(session.remote.wait());
  const [served] = server.sessions;
  await until(() => served?.stats.callsHandled.started === 4);
  const [near, far] = [session.stats, served!.stats];
  const calls = { started: 4, ok: 2, failed: 1, refused: 0, open: 1 };
  assertEquals([near.callsMade, far.callsHandled], [calls, calls]);
  assertEquals(near.framesSent["REQUEST"], 4);
  assertEquals(near.framesSent, far.framesReceived);
  assertEquals(near.framesReceived, far.framesSent);
  assertEquals(near.framesReceived["ITEM"], 3);
  assertEquals(near.bytesSent, far.bytesReceived);
  assertEquals(near.bytesReceived, far.bytesSent);
  for (const { openedAt, lastSentAt, lastReceivedAt } of [near, far]) {
    const times = [openedAt, lastSentAt, lastReceivedAt];
    assert(times.every((time) => Math.abs(Date.now() - time) < 60_000));
  }
  assertEquals(far.held.calls.bytes, 1280);
  assert(far.held.calls.limit >= 1280 * 1024);
  assertEquals(far.credit.items > 0, true);
  await typedSession(session).abort();
  assertEquals((await open).code, "disconnected");
  assertEquals(session.stats.callsMade, { ...calls, failed: 2, open: 0 });
});

Deno.test("session.stats divides the bytes that are held by kind", async () => {
  await using server = createServer(Shop).handle(handlers);
  const session = await connect(Shop, dial(server), CLIENT);
  const calls = ["x".repeat(1000), "y"].map((sku) =>
    session.remote.price(sku).catch(() => {})
  );
  const summed = ({ held }: SessionStats) =>
    Object.values(held).reduce((sum, { bytes }) => sum + bytes, 0);
  assert(session.stats.heldBytes > 0);
  assertEquals(summed(session.stats), session.stats.heldBytes);
  await Promise.all(calls);
  const [served] = server.sessions;
  assertEquals(summed(served!.stats), served!.stats.heldBytes);
  await session.close();
  assertEquals([session.stats.heldBytes, summed(session.stats)], [0, 0]);
});

Deno.test("server.stats adds up ended sessions, and says why they ended", async () => {
  let accepted = true;
  await using server = createServer(Shop, {
    authenticate() {
      if (!accepted) throw new CallError("no", { code: "forbidden" });
    },
  }).handle(handlers);
  for (let count = 0; count < 3; count++) {
    const near = dial(server);
    const session = await connect(Shop, near, CLIENT);
    await session.remote.price("abc");
    if (count === 0) near.close();
    await session.close();
  }
  const open = await connect(Shop, dial(server), CLIENT);
  await open.remote.price("abc");
  server.topic("a").subscribe([...server.sessions].at(-1)!);
  accepted = false;
  await endOf(connect(Shop, dial(server), CLIENT));
  await turns(2);
  const { sessions, callsHandled, framesReceived, memory } = server.stats;
  assertEquals(sessions, {
    open: 1,
    draining: 0,
    waiting: 0,
    opened: 4,
    ended: { disconnected: 1, closed: 2 },
    endedByPeer: { closed: 2 },
    refused: { unauthenticated: 1 },
  });
  assertEquals([callsHandled.started, callsHandled.ok], [4, 4]);
  assertEquals([framesReceived["HELLO"], framesReceived["REQUEST"]], [5, 4]);
  assertEquals(memory.limit, 256 * 1024 * 1024);
  assertEquals([...server.sessions][0]!.stats.subscriptions, 1);
  await open.close();
});

Deno.test("client.stats adds up its sessions and failed attempts", async () => {
  const address = { memory: crypto.randomUUID() };
  await using client = createClient(Shop, address, {
    ...CLIENT,
    reconnect: { minDelay: 1, maxDelay: 2 },
  });
  const waiting = client.remote.price("abc");
  assertEquals([client.stats.waitingCalls, client.stats.waitingBytes], [1, 4]);
  await turns(3);
  const server = await serve(Shop, address).handle(handlers);
  assertEquals(await waiting, 3);
  await server.abort();
  await using _next = await serve(Shop, address).handle(handlers);
  await client.remote.price("abc");
  const { sessions, callsMade, failedConnects } = client.stats;
  assertEquals([sessions.open, sessions.opened], [1, 2]);
  assertEquals(Object.values(sessions.ended), [1]);
  assertEquals(callsMade.ok, 2);
  assert(failedConnects > 0);
});

const NONE = { started: 0, ok: 0, failed: 0, refused: 0, open: 0 };

Deno.test("server.stats counts the calls of each method, also of ended sessions", async () => {
  let release = () => {};
  await using server = createServer(Shop).handle({
    ...handlers,
    wait: () => new Promise<void>((resolve) => release = resolve),
  });
  const session = await connect(Shop, dial(server), CLIENT);
  await session.remote.price("abc");
  await failureOf(session.remote.price(""));
  await all(session.remote.ticks(3));
  const waiting = failureOf(session.remote.wait());
  await turns(2);
  const { time, duration, ...price } = server.stats.methods["price"]!;
  assert(time >= 0 && time < 60_000, `${time}`);
  assertEquals(duration.count, 1); // failed calls are left out
  assert(duration.p99 <= duration.max && duration.max <= time);
  assertEquals(price, {
    ...{ ...NONE, started: 2, ok: 1, failed: 1, running: 0, abandoned: 0 },
    errors: { invalid: 1 },
    overloaded: {},
  });
  assertEquals(server.stats.methods["ticks"]?.ok, 1);
  const open = server.stats.methods["wait"];
  assertEquals([open?.open, open?.running, open?.failed], [1, 1, 0]);
  assertEquals(open?.abandoned, 0);

  // The handler goes on after its session, and shows as running.
  session.close();
  session.close(); // a second call ends it at once
  await waiting;
  await turns(3);
  const left = server.stats.methods["wait"];
  assertEquals([left?.open, left?.running, left?.failed], [0, 1, 1]);
  assertEquals(left?.abandoned, 1);
  assertEquals(Object.keys(left?.errors ?? {}), ["disconnected"]);
  release();
  await turns(3);
  const settled = server.stats.methods["wait"];
  assertEquals([settled?.running, settled?.abandoned], [0, 0]);
});

Deno.test("server.stats counts handlers that do not heed the end of their call", async () => {
  const releases: (() => void)[] = [];
  await using server = createServer(Shop).handle({
    ...handlers,
    wait: (_, { signal }) =>
      new Promise<void>((resolve, reject) => {
        if (releases.push(resolve) === 1) return; // heeds no signal
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  await using session = await connect(Shop, dial(server), CLIENT);
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [1, 2].map(() =>
    failureOf(session.remote.wait(undefined, { signal }))
  );
  await turns(2);
  const figures = () => {
    const { running, abandoned } = server.stats.methods["wait"]!;
    return [running, abandoned];
  };
  assertEquals(figures(), [2, 0]);
  controller.abort();
  await Promise.all(calls);
  await turns(3);
  assertEquals(figures(), [1, 1]);
  releases[0]!();
  await turns(3);
  assertEquals(figures(), [0, 0]);
});

Deno.test("server.stats counts overloaded calls by cause", async () => {
  const shared = limit({ rate: 1e-3, burst: 1, key: () => "" });
  await using server = createServer(Shop).handle(
    use(shared, {
      ...handlers,
      price() {
        throw new CallError("busy", { code: "overloaded" });
      },
    }),
  );
  await using session = await connect(Shop, dial(server), CLIENT);
  for (let call = 0; call < 3; call++) {
    const { code } = await failureOf(session.remote.price("abc"));
    assertEquals(code, "overloaded");
  }
  const { errors, overloaded } = server.stats.methods["price"]!;
  assertEquals(errors, { overloaded: 3 });
  assertEquals(overloaded, { handler: 1, limit: 2 });
});

Deno.test("server.stats counts calls that a middleware refuses as refused", async () => {
  await using server = createServer(Shop).handle(use((context) => {
    throw context.refuse("too many", { code: "overloaded" });
  }, handlers));
  await using session = await connect(Shop, dial(server), CLIENT);
  await failureOf(session.remote.price("abc"));
  const { started, failed, refused, errors } = server.stats.methods["price"]!;
  assertEquals([started, failed, refused], [1, 0, 1]);
  assertEquals(errors, { overloaded: 1 });
  const [served] = server.sessions;
  const { callsHandled } = served!.stats;
  assertEquals([callsHandled.failed, callsHandled.refused], [0, 1]);
});

Deno.test("server.stats states when sessions are restricted, and how many", async () => {
  await using server = createServer(Shop, { memory: 2 ** 20 }).handle(handlers);
  const { memory } = server.stats;
  assertEquals([memory.pressureAt, memory.restricted], [3 * 2 ** 17, 0]);
});

Deno.test("stats.timerDelay shows that the process was busy", async () => {
  using time = virtualTime();
  const server = createServer(Shop).handle(handlers);
  const session = await time.run(connect(Shop, dial(server), CLIENT));
  await time.advance(60_000);
  assertEquals([session.stats.timerDelay, server.stats.timerDelay], [0, 0]);
  const { now } = performance;
  performance.now = () => now() + 700; // the process was busy for as long
  await time.advance(15_000);
  performance.now = now;
  const delays = [session.stats.timerDelay, server.stats.timerDelay];
  assert(delays.every((ms) => ms > 10 && ms <= 700), `${delays}`);
  await time.run(server.abort());
});

Deno.test("server.stats states the time of handlers that return at once", async () => {
  await using server = createServer(Shop).handle({
    ...handlers,
    price(sku) {
      const end = performance.now() + 2;
      while (performance.now() < end);
      if (sku === "") throw new CallError("no sku", { code: "invalid" });
      return sku.length;
    },
  });
  const session = await connect(Shop, dial(server), CLIENT);
  await Promise.all(["a", "b", "c"].map((sku) => session.remote.price(sku)));
  await failureOf(session.remote.price("")); // fails after as long
  await session.close();
  const { time, duration } = server.stats.methods["price"]!;
  assert(time >= 8, `${time} ms`);
  assert(duration.p50 > 1.8, `${duration.p50} ms`);
});
