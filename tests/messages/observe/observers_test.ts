import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type {
  CallObserver,
  Observer,
} from "../../../lib/messages/observe/observer.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import type { Middleware } from "../../../lib/messages/handlers/middleware.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { all, dial, endOf, failureOf, incidents, turns } from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";
import { seeing } from "./observed.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>({ idempotent: true }),
    ticks: serverStream<number, number>(),
    upload: clientStream<number, number>(),
    note: notification<string>(),
    audit: unary<void, string>(),
  },
  client: { seen: unary<string, void>() },
});

/** Only the calls of the client are interesting in most tests. */
const CLIENT = { handlers: { seen() {} } };

const handlers = {
  price(sku: string) {
    if (sku === "") throw new CallError("no sku", { code: "invalid" });
    if (sku === "bug") throw new Error("a bug");
    return sku.length;
  },
  async *ticks(count: number) {
    for (let tick = 0; tick < count; tick++) yield await tick;
  },
  async upload(items: AsyncIterable<number>) {
    let sum = 0;
    for await (const item of items) sum += item;
    return sum;
  },
  note() {},
  audit: () => "audited",
};

Deno.test("observers see each call begin and end once, at both ends", async () => {
  const near = seeing();
  const far = seeing();
  const { list, onError } = incidents();
  await using server = createServer(Shop, { observers: [far], onError })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), {
    ...CLIENT,
    observers: [near],
  });
  assertEquals(await session.remote.price("abc"), 3);
  await failureOf(session.remote.price(""));
  await failureOf(session.remote.price("bug"));
  assertEquals(await all(session.remote.ticks(3)), [0, 1, 2]);
  assertEquals(await session.remote.upload([1, 2, 3]).result, 6);
  await session.remote.note("n");
  assertEquals(await session.remote.audit(), "audited"); // handled after it
  const ends = ["price ok", "price invalid", "price internal"]
    .concat("ticks ok", "upload ok", "note ok", "audit ok");
  assertEquals(near.ends(), ends.map((end) => `caller ${end}`));
  assertEquals(far.ends(), ends.map((end) => `callee ${end}`));

  const [, , failed, ticks, upload] = near.calls.map((call) =>
    call.outcomes[0]!
  );
  const bug = far.calls[2]!.outcomes[0]!;
  assertEquals(failed!.incident, list[0]!.id);
  assertEquals(bug.incident, list[0]!.id);
  assertEquals([ticks!.itemsReceived, upload!.itemsSent], [3, 3]);
  // The callee also counts the fields, which are 2 bytes if there are none.
  const [asked, answered] = [near, far].map(({ calls }) =>
    [0, 4, 6, 2].map((at) => calls[at]!.outcomes[0]!)
  );
  assertEquals(
    answered!.slice(0, 3).map(({ bytesSent }) => bytesSent - 2),
    asked!.slice(0, 3).map(({ bytesReceived }) => bytesReceived),
  );
  assert(answered![3]!.bytesSent > 0); // an ERROR
  const [, , , served, summed] = far.calls.map((call) => call.outcomes[0]!);
  assertEquals([served!.itemsSent, served!.bytesSent > 0], [3, true]);
  assertEquals([summed!.itemsReceived, summed!.processed], [3, "yes"]);
  assert(near.calls.every(({ outcomes }) => outcomes[0]!.bytesSent > 0));
  for (const { calls } of [near, far]) {
    assertEquals(calls.map(({ firstItems }) => firstItems), [
      ...[0, 0, 0],
      ...[1, 1, 0, 0],
    ]);
  }
});

Deno.test("observers learn the protocol, the endpoint and the time of a call", async () => {
  const near = seeing();
  const far = seeing();
  const address = { memory: crypto.randomUUID() };
  const before = Date.now();
  await using _server = await serve(Shop, address, { observers: [far] })
    .handle(handlers);
  await using session = await connect(Shop, address, {
    ...CLIENT,
    observers: [near],
  });
  await session.remote.price("abc");
  const facts = [near, far].map(({ calls }) => {
    const { protocol, session, beganAt } = calls[0]!.info;
    assert(beganAt >= before - 1 && beganAt <= Date.now() + 1, `${beganAt}`);
    return [protocol, session?.protocol, session?.endpoint];
  });
  assertEquals(facts, [
    ["shop", "shop", `memory:${address.memory}`],
    ["shop", "shop", ""],
  ]);
});

Deno.test("a handler that blocks takes as long as it blocks", async () => {
  const far = seeing();
  await using server = createServer(Shop, { observers: [far] }).handle({
    ...handlers,
    price(sku) {
      const until = performance.now() + 5;
      while (performance.now() < until);
      return sku.length;
    },
  });
  await using session = await connect(Shop, dial(server), CLIENT);
  await session.remote.price("abc");
  assert(far.calls[0]!.outcomes[0]!.ms >= 5);
});

Deno.test("a call that the consumer leaves was cancelled by the caller", async () => {
  const near = seeing();
  const far = seeing();
  await using server = createServer(Shop, { observers: [far] }).handle({
    ...handlers,
    async *ticks() {
      for (let tick = 0;; tick++) yield await tick;
    },
  });
  const passing: Interceptor = (request, next) => next(request);
  for (const interceptors of [[], [passing]]) {
    await using session = await connect(Shop, dial(server), {
      ...CLIENT,
      interceptors,
      observers: [near],
    });
    for await (const tick of session.remote.ticks(0)) if (tick === 2) break;
    await turns(3);
  }
  const found = [...near.calls, ...far.calls].map(({ outcomes }) =>
    outcomes.map(({ code, cancelledBy }) => `${code} by ${cancelledBy}`)
  );
  assertEquals(found, Array(4).fill(["cancelled by caller"]));
});

Deno.test("a call that is sent again is one call of two attempts", async () => {
  const near = seeing();
  let calls = 0;
  const address = { memory: crypto.randomUUID() };
  const busy: Middleware = (_context, next) => {
    if (++calls > 1) return next();
    throw new CallError("later", { code: "overloaded", retry: "later" });
  };
  await using _server = await serve(Shop, address).handle(use(busy, handlers));
  await using client = createClient(Shop, address, {
    ...CLIENT,
    reconnect: { minDelay: 1, maxDelay: 2 },
    observers: [near],
  });
  await client.ready();
  assertEquals(await client.remote.price("abc"), 3);
  const [call] = near.calls;
  assertEquals(call!.attempts, ["first", "retry"]);
  assertEquals(call!.failed, [undefined, "overloaded"]);
  assertEquals(call!.outcomes.length, 1);
  const { code, attempts, cancelledBy } = call!.outcomes[0]!;
  assertEquals([code, attempts, cancelledBy], ["ok", 2, undefined]);
  assertEquals(near.events.slice(0, 2), [
    "client opened",
    `opened memory:${address.memory}`,
  ]);
});

Deno.test("a call that waits for a session ends with its abort", async () => {
  const near = seeing();
  const unused = { memory: crypto.randomUUID() };
  await using client = createClient(Shop, unused, {
    ...CLIENT,
    observers: [near],
  });
  const controller = new AbortController();
  const { signal } = controller;
  const failed = failureOf(client.remote.price("abc", { signal }));
  const stream = client.remote.ticks(1, { signal }); // never read
  controller.abort();
  await failed;
  await turns();
  assertEquals(near.ends(), [
    "caller price cancelled",
    "caller ticks cancelled",
  ]);
  assertEquals(near.calls.map(({ attempts }) => attempts), [[], []]);
  assertEquals(near.calls[0]!.outcomes[0]!.cancelledBy, "caller");
  stream[Symbol.asyncIterator]().return?.();
});

Deno.test("calls that are refused before a handler begin and end", async () => {
  const far = seeing();
  await using server = createServer(Shop, {
    observers: [far],
    limits: { maxCalls: 32 },
  }).handle({
    ...handlers,
    price: () => new Promise<number>(() => {}),
  });
  const peer = new RawPeer(dial(server));
  await peer.hello({ methods: [["price", 0], ["audit", 0], ["refund", 0]] });
  for (const [at, method] of [2, 7, ...Array(32).fill(0), 1].entries()) {
    await peer.frame(K.REQUEST, 2 * at + 1, request(method, value("a")));
  }
  for (let count = 0; count < 3; count++) await peer.error();
  await Promise.all([server.abort(), peer[Symbol.asyncDispose]()]);
  const entered = far.calls.filter(({ runs }) => runs > 0);
  assertEquals(far.calls.length, 35);
  assertEquals(far.ends(), [
    "callee ?refund unimplemented",
    "callee ? unimplemented",
    "callee audit overloaded",
    // The other calls waited for room, and lost their session.
    ...Array(32 - entered.length).fill("callee price disconnected"),
  ]);
  assert(entered.length > 0 && entered.length < 32);
});

Deno.test("a nested call from a server stream's third item is in the context of the stream", async () => {
  const context = new AsyncLocalStorage<string>();
  const nested: (string | undefined)[] = [];
  const pulls: (string | undefined)[] = [];
  const tracer: Observer = {
    call({ side, method }) {
      if (side === "caller") {
        nested.push(context.getStore());
        return undefined;
      }
      return { run: (step) => context.run(`${method}`, step) };
    },
  };
  await using server = createServer(Shop, { observers: [tracer] }).handle({
    ...handlers,
    async *ticks(count, { session }) {
      try {
        for (let tick = 0; tick < count; tick++) {
          pulls.push(context.getStore());
          if (tick === 2) await session.remote.seen("third");
          yield tick;
        }
      } finally {
        pulls.push(context.getStore());
      }
    },
  });
  await using session = await connect(Shop, dial(server), CLIENT);
  assertEquals((await all(session.remote.ticks(4))).length, 4);
  for await (const _ of session.remote.ticks(2)) break; // ends with return()
  await turns(3);
  assertEquals(nested, ["ticks"]);
  assertEquals(new Set(pulls), new Set(["ticks"]));
});

Deno.test("two calls in one read have no relation", async () => {
  const context = new AsyncLocalStorage<number>();
  const entered: (number | undefined)[] = [];
  let calls = 0;
  const tracer: Observer = {
    call() {
      const outer = context.getStore();
      const own = ++calls;
      return {
        run(step) {
          entered.push(outer);
          return context.run(own, step);
        },
      };
    },
  };
  await using server = createServer(Shop, { observers: [tracer] })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), CLIENT);
  await Promise.all([session.remote.price("a"), session.remote.price("b")]);
  assertEquals(entered, [undefined, undefined]);
});

Deno.test("a trace context reaches the callee, unless it is not valid", async () => {
  const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
  const far = seeing();
  const { list, onError } = incidents();
  let next: { traceparent: string; tracestate: string };
  const near: Observer = {
    call: () => ({ inject: (carrier) => void Object.assign(carrier, next) }),
  };
  await using server = createServer(Shop, { observers: [far] })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), {
    ...CLIENT,
    observers: [near],
    onError,
  });
  for (
    const carrier of [
      { traceparent, tracestate: "a=b" },
      { traceparent, tracestate: "x".repeat(513) },
      { traceparent: "", tracestate: "a=b" },
      { traceparent: "nonsense", tracestate: "" },
    ]
  ) {
    next = carrier;
    assertEquals(await session.remote.price("abc"), 3);
  }
  await session.remote.note("n"); // also reports nothing within a minute
  assertEquals(far.calls.slice(0, 4).map(({ info }) => info.trace), [
    { traceparent, tracestate: "a=b" },
    { traceparent, tracestate: "" },
    undefined,
    undefined,
  ]);
  assertEquals(list.length, 1);
  assertStringIncludes(String(list[0]!.error), "inject()");
});

Deno.test("observers see metadata and sizes, and add metadata that is valid and fits", async () => {
  const sizes: Record<string, number[]> = {};
  const seen: unknown[] = [];
  const metering: Observer = {
    call: ({ side, metadata }) => {
      seen.push([side, { ...metadata }]);
      return {
        message: (direction, bytes) =>
          void (sizes[`${side} ${direction}`] ??= []).push(bytes),
      };
    },
  };
  const adding: Observer = {
    call: () => ({
      inject(_carrier, metadata) {
        metadata["added"] = "1";
        metadata["Not Valid"] = "2";
        metadata["own"] = "replaced";
        metadata["large"] = "x".repeat(9000);
      },
    }),
  };
  const { list, onError } = incidents();
  await using server = createServer(Shop, { observers: [metering] })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), {
    ...CLIENT,
    observers: [metering, adding],
    onError,
  });
  await session.remote.price("abc", { metadata: { own: "kept" } });
  assertEquals(seen, [
    ["caller", { own: "kept" }],
    ["callee", { own: "kept", added: "1" }],
  ]);
  assertEquals(list.length, 1); // once a minute
  assertStringIncludes(String(list[0]!.error), "inject()");
  assertEquals(await all(session.remote.ticks(3)), [0, 1, 2]);
  const counts = Object.entries(sizes).map((
    [key, { length }],
  ) => [key, length]);
  assertEquals(Object.fromEntries(counts), {
    "caller sent": 2,
    "caller received": 5, // outputs of both calls, and three items
    "callee received": 2,
    "callee sent": 5,
  });
});

Deno.test("an observer that throws in each function changes nothing", async () => {
  const broken = () => {
    throw new Error("a broken observer");
  };
  const call: CallObserver = {
    inject: broken,
    attempt: broken,
    run: broken,
    message: broken,
    firstItem: broken,
    end: broken,
  };
  const observer: Observer = {
    session: () => ({ ended: broken, dropped: broken, roundTrip: broken }),
    refused: broken,
    connect: broken,
    call: () => call,
  };
  const { list, onError } = incidents();
  const more = { observers: [observer, { call: broken }], onError };
  await using server = createServer(Shop, more).handle(handlers);
  for (let round = 0; round < 3; round++) {
    const session = await connect(Shop, dial(server), { ...CLIENT, ...more });
    assertEquals(await session.remote.price("abc"), 3);
    assertEquals(await all(session.remote.ticks(3)), [0, 1, 2]);
    await session.close();
  }
  await turns(2);
  const hooks = list.map(({ error }) => String(error).match(/(\w+)\(\)/)?.[1]);
  // Both ends have observers of their own: the server's and each client's.
  const count = Object.fromEntries(
    [...new Set(hooks)].map((hook) =>
      [hook, hooks.filter((other) => other === hook).length] as const
    ),
  );
  assertEquals(count, {
    ...{ connect: 3, call: 4, attempt: 3, inject: 3 },
    ...{ message: 4, firstItem: 4, run: 1, end: 4, ended: 4 },
  });
});

Deno.test("run() of an observer neither repeats nor replaces the handler", async () => {
  let entered = 0;
  const twice: Observer = {
    call: () => ({
      run(step) {
        step();
        return step();
      },
    }),
  };
  // The type does not allow it, but JavaScript does.
  const never = { call: () => ({ run: () => "something else" }) } as unknown;
  await using server = createServer(Shop, {
    observers: [twice, never as Observer, twice],
  }).handle({ ...handlers, price: () => ++entered });
  await using session = await connect(Shop, dial(server), CLIENT);
  assertEquals(await session.remote.price("a"), 1);
  assertEquals(entered, 1);
  const { code } = await failureOf(
    session.remote.price(null as never)
      .then(() => Promise.reject(new CallError("x", { code: "gap" }))),
  );
  assertEquals(code, "gap");
});

Deno.test("observers see the clients that a server refuses, and why", async () => {
  const far = seeing();
  await using server = createServer(Shop, {
    observers: [far],
    maxSessions: 1,
    authenticate(credentials) {
      if (credentials !== "secret") {
        throw new CallError("no", { code: "forbidden" });
      }
    },
    limits: { handshakeTimeout: 500 },
  }).handle(handlers);
  await endOf(connect(Shop, dial(server), { ...CLIENT, credentials: "wrong" }));
  const [garbage, far1] = memoryPair();
  server.accept(far1);
  await garbage.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await turns(2);
  garbage.close();
  const [silent, far2] = memoryPair();
  await server.accept(far2); // until the handshake times out
  silent.close();
  const session = await connect(Shop, dial(server), {
    ...CLIENT,
    credentials: "secret",
  });
  await endOf(
    connect(Shop, dial(server), { ...CLIENT, credentials: "secret" }),
  );
  await session.close();
  await turns(2);
  assertEquals(far.events, [
    "refused unauthenticated",
    "refused protocol",
    "refused timeout",
    "server opened",
    "refused refused-busy",
    "server ended closed",
  ]);
});

Deno.test("observers see attempts to connect that fail", async () => {
  const near = seeing();
  const address = { memory: crypto.randomUUID() };
  await connect(Shop, address, { ...CLIENT, observers: [near] }).catch(
    () => {},
  );
  await using server = createServer(Shop, {
    authenticate() {
      throw new CallError("no", { code: "forbidden" });
    },
  }).handle(handlers);
  const connector = {
    name: "by hand",
    connect: () => Promise.resolve(dial(server)),
  };
  await endOf(connect(Shop, connector, { ...CLIENT, observers: [near] }));
  assertEquals(near.events, [
    `failed memory:${address.memory}`,
    "refused by hand",
  ]);
});

Deno.test("observers see that a slow subscriber misses messages", async () => {
  const far = seeing();
  const Feed = protocol({
    name: "feed",
    client: { news: notification<string>() },
  });
  const opened = Promise.withResolvers<void>();
  await using server = createServer(Feed, {
    observers: [far],
    broadcast: { maxQueued: 2 },
    onSession: () => opened.resolve(),
  }).handle({});
  await using _session = await connect(Feed, dial(server), {
    handlers: { news() {} },
  });
  await opened.promise;
  const text = "x".repeat(300_000);
  for (let count = 0; count < 8; count++) server.broadcast.news(text);
  const dropped = far.events.filter((event) => event.includes("slow"));
  assertEquals(dropped.length, server.broadcastStats.dropped);
  assert(dropped.length > 0);
  const { queued, queuedBytes, mostQueuedBytes } = server.broadcastStats;
  assertEquals(queued, 2);
  assert(queuedBytes > 2 * text.length && mostQueuedBytes === queuedBytes);
});

Deno.test("a factory without an observer for a call costs nothing more", async () => {
  let asked = 0;
  const none: Observer = {
    call() {
      asked++;
      return undefined;
    },
  };
  await using server = createServer(Shop, { observers: [none] })
    .handle(handlers);
  await using session = await connect(Shop, dial(server), CLIENT);
  assertEquals(await session.remote.price("abc"), 3);
  assertEquals(asked, 1);
});
