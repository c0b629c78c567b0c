import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import * as z from "zod";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { memoryOnceStore } from "../../../lib/messages/once/memory_once_store.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { failureOf, incidents, turns } from "../kit.ts";

const Bank = protocol({
  name: "bank",
  server: { pay: unary<number, string>({ once: true }) },
});
const memory = () => ({ memory: crypto.randomUUID() });

// Trap 26.
Deno.test("a call that middleware refuses leaves no trace, and a repeat may run", async () => {
  let refuse = true;
  await using server = await serve(Bank, memory()).handle(
    use((context, next) => {
      if (!refuse) return next();
      throw context.refuse("not now", {
        ...{
          code: "overloaded",
          retry: "later",
          retryAfter: 7,
          data: { at: 3 },
        },
      });
    }, { pay: (cents) => `paid ${cents}` }),
  );
  await using session = await connect(Bank, server.addr);
  const pay = () => session.remote.pay(5, { key: "a" });
  const error = await failureOf(pay());
  assertEquals([error.code, error.processed], ["overloaded", "no"]);
  assertEquals([error.message, error.retryAfter], ["not now", 7]);
  assertEquals(error.data, { at: 3 });
  refuse = false;
  assertEquals(await pay(), "paid 5");
  refuse = true;
  assertEquals(await pay(), "paid 5"); // a repeat passes no middleware
});

Deno.test("an input that is not valid leaves no trace, also of its key", async () => {
  const Checked = protocol({
    name: "bank",
    server: {
      pay: unary({
        input: z.number().positive(),
        output: z.string(),
        once: true,
      }),
    },
  });
  await using server = await serve(Checked, memory()).handle({
    pay: (cents) => `paid ${cents}`,
  });
  await using session = await connect(Checked, server.addr);
  const error = await failureOf(session.remote.pay(-5, { key: "a" }));
  assertEquals([error.code, error.processed], ["invalid", "no"]);
  assertEquals(await session.remote.pay(5, { key: "a" }), "paid 5");
});

// Scenario 26.
Deno.test("a full store refuses new calls, and answers earlier ones", async () => {
  const once = memoryOnceStore({ maxBytes: 64 * 1024 });
  let runs = 0;
  await using server = await serve(Bank, memory(), { once }).handle({
    pay: () => `receipt ${++runs}`,
  });
  await using session = await connect(Bank, server.addr);
  const pay = (id: number) => session.remote.pay(id, { key: `${id}` });
  let id = 0;
  let error: CallError | undefined;
  while (error === undefined) {
    try {
      await pay(id++);
    } catch (thrown) {
      assertInstanceOf(thrown, CallError);
      error = thrown;
    }
  }
  assertEquals(
    [error.code, error.processed, error.retry],
    ["overloaded", "no", "later"],
  );
  assertEquals([await pay(0), runs], ["receipt 1", id - 1]);
});

Deno.test("without authentication, the clients of an address share a part of the store", async () => {
  const once = memoryOnceStore({ maxBytes: 64 * 1024 });
  const server = createServer(Bank, { once }).handle({ pay: () => "paid" });
  const open = (hostname: string) => {
    const [near, far] = memoryPair();
    const remoteAddr = { transport: "tcp", hostname, port: 1 };
    server.accept(far, { info: { remoteAddr } });
    return connect(Bank, near);
  };
  const sessions = [
    await open("10.0.0.1"),
    await open("10.0.0.1"),
    await open("10.0.0.2"),
  ];
  const paid: number[] = [];
  for (const [client, { remote }] of sessions.entries()) {
    let id = 0;
    const pay = () => remote.pay(id, { key: `${client} ${id}` });
    while (await pay().then(() => true, () => false)) id++;
    paid.push(id);
  }
  const [first, second, other] = paid;
  assertEquals([second, other], [0, first]);
  assert(other! > 0, paid.join());
  await Promise.all(sessions.map((session) => session.close()));
  await server.shutdown();
});

// Trap 25.
Deno.test("principals do not see each other's keys", async () => {
  let runs = 0;
  await using server = await serve(Bank, memory(), {
    authenticate: (name) => ({ user: String(name) }),
    principal: (auth) => auth.user,
  }).handle({ pay: (_, { session }) => `${session.auth.user} ${++runs}` });
  await using ada = await connect(Bank, server.addr, { credentials: "ada" });
  await using bob = await connect(Bank, server.addr, { credentials: "bob" });
  assertEquals(await ada.remote.pay(5, { key: "a" }), "ada 1");
  assertEquals(await bob.remote.pay(5, { key: "a" }), "bob 2");
  assertEquals(await ada.remote.pay(5, { key: "a" }), "ada 1");
});

Deno.test("a cancelled call goes on, and a repeat gets its outcome", async () => {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<string>();
  let aborted = false;
  await using server = await serve(Bank, memory()).handle({
    pay(_, { signal }) {
      signal.addEventListener("abort", () => aborted = true);
      entered.resolve();
      return opened.promise;
    },
  });
  await using session = await connect(Bank, server.addr);
  const controller = new AbortController();
  const { signal } = controller;
  const cancelled = failureOf(session.remote.pay(5, { key: "a", signal }));
  await entered.promise;
  controller.abort();
  assertEquals((await cancelled).processed, "maybe");
  const repeated = session.remote.pay(5, { key: "a" });
  await turns(10);
  opened.resolve("receipt");
  assertEquals([await repeated, aborted], ["receipt", false]);
});

Deno.test("a repeat gets the metadata of the result too", async () => {
  await using server = await serve(Bank, memory()).handle({
    pay(_, { respondWith }) {
      respondWith({ region: "eu" });
      return "receipt";
    },
  });
  await using session = await connect(Bank, server.addr);
  const regions: (string | undefined)[] = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    await session.remote.pay(5, {
      key: "a",
      onMetadata: ({ region }) => void regions.push(region),
    });
  }
  assertEquals(regions, ["eu", "eu"]);
});

Deno.test("once and serial together keep the order of the calls", async () => {
  const Serial = protocol({
    name: "bank",
    server: { pay: unary<number, string>({ once: true, serial: true }) },
  });
  const log: string[] = [];
  await using server = await serve(Serial, memory()).handle({
    async pay(id) {
      log.push(`begin ${id}`);
      await turns(3);
      log.push(`end ${id}`);
      return `${id}`;
    },
  });
  await using session = await connect(Serial, server.addr);
  const pay = (id: number) => session.remote.pay(id, { key: `${id}` });
  assertEquals(await Promise.all([pay(1), pay(2), pay(1)]), ["1", "2", "1"]);
  assertEquals(log, ["begin 1", "end 1", "begin 2", "end 2"]);
});

Deno.test("a call without a key is not stored, and has a key of its own", async () => {
  const keys: string[] = [];
  await using server = await serve(Bank, memory()).handle({
    pay(_, { key }) {
      keys.push(key);
      return key;
    },
  });
  await using session = await connect(Bank, server.addr);
  await session.remote.pay(5);
  await session.remote.pay(5);
  assertEquals(new Set(keys).size, 2);
  assertEquals(keys[0]!.startsWith("/pay/"), true);
});

Deno.test("an outcome above the bound is delivered once, and lost for a repeat", async () => {
  const once = memoryOnceStore({ maxOutcome: 100 });
  await using server = await serve(Bank, memory(), { once }).handle({
    pay: () => "x".repeat(200),
  });
  await using session = await connect(Bank, server.addr);
  const pay = () => session.remote.pay(5, { key: "a" });
  assertEquals((await pay()).length, 200);
  const error = await failureOf(pay());
  assertEquals([error.code, error.processed], ["outcome-lost", "maybe"]);
});

Deno.test("an outcome in another codec is lost, and says that the call has run", async () => {
  const once = memoryOnceStore();
  const codecs = [json(), msgpack()] as const;
  await using server = await serve(Bank, memory(), { once, codecs }).handle({
    pay: () => "receipt",
  });
  await using first = await connect(Bank, server.addr, { codecs: [json()] });
  await first.remote.pay(5, { key: "a" });
  await using second = await connect(Bank, server.addr);
  // JSON's 5 and MessagePack's 53 are the same byte, so the digests are equal.
  const error = await failureOf(second.remote.pay(53, { key: "a" }));
  assertEquals([error.code, error.processed], ["outcome-lost", "yes"]);
});

Deno.test("the result of a handler that cannot be encoded is an outcome too", async () => {
  const { list, onError } = incidents();
  await using server = await serve(Bank, memory(), { onError }).handle({
    pay: () => (() => {}) as unknown as string, // as an application may do by mistake
  });
  await using session = await connect(Bank, server.addr);
  const pay = () => failureOf(session.remote.pay(5, { key: "a" }));
  const [first, second] = [await pay(), await pay()];
  assertEquals([first.code, first.processed], ["internal", "yes"]);
  assertEquals(second.incident, first.incident);
  assertEquals(list.length, 1);
});

Deno.test("an error of a handler whose data cannot be encoded is an outcome too", async () => {
  const Shop = protocol({
    name: "shop",
    server: {
      pay: unary<number, string, { outOfStock: () => void }>({ once: true }),
    },
  });
  const { list, onError } = incidents();
  await using server = await serve(Shop, memory(), { onError }).handle({
    pay(_, context) {
      throw context.error("outOfStock", () => {});
    },
  });
  await using session = await connect(Shop, server.addr);
  const pay = () => failureOf(session.remote.pay(5, { key: "a" }));
  const [first, second] = [await pay(), await pay()];
  assertEquals([first.code, first.processed], ["internal", "yes"]);
  assertEquals(second.incident, first.incident);
  assertEquals(list.length, 1);
});

Deno.test("an error after an attempt that may have run says maybe", async () => {
  const entered = Promise.withResolvers<void>();
  const address = memory();
  const once = memoryOnceStore();
  const first = await serve(Bank, address, { once }).handle({
    pay() {
      entered.resolve();
      return new Promise<string>(() => {});
    },
  });
  await using client = createClient(Bank, address, {
    reconnect: { minDelay: 1, maxDelay: 2, spread: 0 },
    retry: { maxAttempts: 2 },
  });
  const error = failureOf(client.remote.pay(5));
  await entered.promise;
  await first.abort();
  once.reserve = () => ({ state: "full" });
  await using _second = await serve(Bank, address, { once }).handle({
    pay: () => "",
  });
  const { code, processed } = await error;
  assertEquals([code, processed], ["overloaded", "maybe"]);
});

Deno.test("a shutdown waits for calls whose callers have left, but not an abort", async () => {
  for (const end of ["shutdown", "abort"] as const) {
    const entered = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<string>();
    const once = memoryOnceStore();
    const server = await serve(Bank, memory(), { once }).handle({
      pay() {
        entered.resolve();
        return opened.promise;
      },
    });
    const session = await connect(Bank, server.addr);
    const lost = failureOf(session.remote.pay(5, { key: "a" }));
    await entered.promise;
    await session.close();
    await lost;
    let over = false;
    const ended = server[end]().then(() => over = true);
    await turns(20);
    assertEquals(over, end === "abort");
    opened.resolve("receipt");
    await ended;
    await using other = await serve(Bank, memory(), { once })
      .handle({ pay: () => "twice" });
    await using next = await connect(Bank, other.addr);
    assertEquals(await next.remote.pay(5, { key: "a" }), "receipt");
  }
});

Deno.test("serve() checks the store and the principal", async () => {
  const authenticate = () => ({ user: "ada" });
  await assertRejects(
    () => serve(Bank, memory(), { authenticate }).handle({ pay: () => "" }),
    TypeError,
    'Cannot serve pay, which is once, without the option "principal"',
  );
  const Plain = protocol({ name: "bank", server: { look: unary() } });
  await assertRejects(
    () =>
      serve(Plain, memory(), { once: memoryOnceStore() }).handle({ look() {} }),
    TypeError,
    "no method of the server is declared once",
  );
  const wrong: unknown = new Map();
  await assertRejects(
    () =>
      serve(Bank, memory(), {
        once: wrong as ReturnType<typeof memoryOnceStore>, // as a JavaScript user may pass it
      }).handle({ pay: () => "" }),
    TypeError,
    "expected a store such as memoryOnceStore()",
  );
  const once = Object.assign(memoryOnceStore(), { id: "" });
  await assertRejects(
    () => serve(Bank, memory(), { once }).handle({ pay: () => "" }),
    TypeError,
    "whose id has 0 bytes",
  );
});

Deno.test("a principal that is not a string fails the call, not the session", async () => {
  const { list, onError } = incidents();
  const wrong: unknown = () => 7;
  await using server = await serve(Bank, memory(), {
    onError,
    authenticate: () => "ada",
    principal: wrong as () => string, // as a JavaScript user may pass it
  }).handle({ pay: () => "" });
  await using session = await connect(Bank, server.addr);
  const error = await failureOf(session.remote.pay(5, { key: "a" }));
  assertEquals([error.code, error.processed, list.length], [
    "internal",
    "no",
    1,
  ]);
});
