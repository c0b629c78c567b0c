import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Client,
  createClient,
} from "../../../lib/messages/client/create_client.ts";
import type { ClientEvent } from "../../../lib/messages/client/client_events.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type { AnyProtocol } from "../../../lib/messages/protocol/protocol_types.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type { Server } from "../../../lib/messages/server/server_types.ts";
import { all, failureOf, thrownBy, turns } from "../kit.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>({ idempotent: true }),
    pay: unary<string, string>(),
    hold: unary<void, string>(),
    ticks: serverStream<number, number>(),
    log: notification<string>(),
  },
});
type Shop = typeof Shop;

/** Short pauses, so that tests take little time. */
const QUICK = { reconnect: { minDelay: 5, maxDelay: 20, spread: 0 } };

/** A server that can be stopped and started again at its address. */
class Place implements AsyncDisposable {
  readonly address: { memory: string };
  /** Inputs of the handlers that were entered. */
  readonly entered: string[] = [];
  /** Resolves the calls of `hold`. */
  release: (text: string) => void = () => {};
  #server: Pick<Server<Shop>, "abort" | "shutdown"> | undefined;

  constructor(name: string) {
    this.address = { memory: `${name} ${crypto.randomUUID()}` };
  }

  async start(
    authenticate?: (credentials: unknown) => boolean,
  ): Promise<this> {
    this.#server = await serve(Shop, this.address, {
      onError: () => {}, // refused credentials are expected
      authenticate: authenticate === undefined ? undefined : (credentials) => {
        if (!authenticate(credentials)) throw new Error("unknown token");
      },
    }).handle({
      price: (sku) => {
        this.entered.push(sku);
        return sku.length;
      },
      pay: (id) => {
        this.entered.push(id);
        return id;
      },
      hold: () => {
        this.entered.push("hold");
        return new Promise((resolve) => this.release = resolve);
      },
      async *ticks(upTo) {
        for (let tick = 0; tick < upTo; tick++) yield tick;
      },
      log: (text) => void this.entered.push(text),
    });
    return this;
  }

  /** Ends all sessions at once. */
  async crash(): Promise<void> {
    await this.#server?.abort();
  }

  async drain(options: { grace: number }): Promise<void> {
    await this.#server?.shutdown(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release("");
    await this.crash();
  }
}

/** Resolves with the first event of this kind from now on. */
async function event(
  client: Client<AnyProtocol>,
  kind: ClientEvent["kind"],
): Promise<ClientEvent> {
  for await (const event of client.events()) {
    if (event.kind === kind) return event;
  }
  throw new Error(`The client was closed before the event "${kind}"`);
}

Deno.test("calls that are made before the first session wait for it", async () => {
  await using place = new Place("early");
  await using client = createClient(Shop, place.address, QUICK);
  const call = client.remote.price("abc");
  await event(client, "backing-off");
  assertEquals(client.session, undefined);
  await place.start();
  assertEquals(await call, 3);
  assertEquals(client.status, "connected");
});

Deno.test("a client survives a restart; a call in flight that is not idempotent fails with maybe", async () => {
  await using place = await new Place("restart").start();
  await using client = createClient(Shop, place.address, QUICK);
  await client.ready();
  const lost = event(client, "lost");
  const held = failureOf(client.remote.hold());
  await client.remote.pay("1");
  await place.crash();
  const { code, processed } = await held;
  assertEquals([code, processed], ["disconnected", "maybe"]);
  await lost;
  await place.start();
  assertEquals(await client.remote.pay("2"), "2");
  assertEquals(place.entered, ["hold", "1", "2"]);
});

Deno.test("a call of an idempotent method is sent again after a cut", async () => {
  const Slow = protocol({
    name: "slow",
    server: { get: unary<void, number>({ idempotent: true }) },
  });
  const address = { memory: crypto.randomUUID() };
  let entered = 0;
  const attempts: number[] = [];
  const started = Promise.withResolvers<void>();
  const handlers = {
    get: (_: void, { attempt }: { attempt: number }) => {
      started.resolve();
      attempts.push(attempt);
      return ++entered === 1 ? new Promise<number>(() => {}) : entered;
    },
  };
  const first = await serve(Slow, address).handle(handlers);
  await using client = createClient(Slow, address, QUICK);
  const call = client.remote.get();
  await started.promise;
  await first.abort();
  await using _second = await serve(Slow, address).handle(handlers);
  assertEquals(await call, 2);
  assertEquals(attempts, [0, 1]);
});

Deno.test("attempts that were never sent do not count", async () => {
  const Slow = protocol({
    name: "slow",
    server: { get: unary<void, number>() },
  });
  const address = { memory: crypto.randomUUID() };
  await using client = createClient(Slow, address, QUICK);
  const call = client.remote.get();
  await event(client, "backing-off");
  await using _server = await serve(Slow, address).handle({
    get: (_, { attempt }) => attempt,
  });
  assertEquals(await call, 0);
});

Deno.test("an interceptor may repeat a call and say how often", async () => {
  const Slow = protocol({
    name: "slow",
    server: { get: unary<void, number>() },
  });
  const address = { memory: crypto.randomUUID() };
  await using _server = await serve(Slow, address).handle({
    get: (_, { attempt }) => attempt,
  });
  await using client = createClient(Slow, address, {
    interceptors: [async (request, next) => {
      await next(request);
      return await next({ ...request, attempt: 7 });
    }],
  });
  assertEquals(await client.remote.get(), 7);
});

Deno.test("a drain moves new calls to the next server; no call fails or runs twice", async () => {
  await using a = await new Place("a").start();
  await using b = await new Place("b").start();
  await using client = createClient(Shop, [a.address, b.address], QUICK);
  await client.ready();
  const held = client.remote.hold();
  const before = Array.from({ length: 100 }, (_, n) => `before ${n}`);
  const after = Array.from({ length: 100 }, (_, n) => `after ${n}`);
  const calls = before.map((id) => client.remote.pay(id));
  const draining = event(client, "draining");
  const drained = a.drain({ grace: 5_000 });
  await draining;
  calls.push(...after.map((id) => client.remote.pay(id)));
  assertEquals(await Promise.all(calls), [...before, ...after]);
  assertEquals(b.entered, after);
  a.release("held");
  assertEquals(await held, "held");
  await drained;
  const ids = [...a.entered, ...b.entered].filter((id) => id !== "hold");
  assertEquals(ids.sort(), [...before, ...after].sort());
});

Deno.test("a call that waits too long says so, with the last failure", async () => {
  await using place = new Place("absent");
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    wait: { timeout: 30 },
  });
  const error = await failureOf(client.remote.price("abc"));
  assertEquals([error.code, error.processed], ["unavailable", "no"]);
  assertStringIncludes(error.message, "30 ms (option wait.timeout)");
  assertStringIncludes(
    error.message,
    "last failure: Cannot connect to memory:",
  );
  assert(error.cause !== undefined);
});

Deno.test("the deadline of a call covers its wait", async () => {
  await using place = new Place("absent");
  await using client = createClient(Shop, place.address, QUICK);
  const error = await failureOf(client.remote.price("abc", { timeout: 20 }));
  assertEquals([error.code, error.processed], ["deadline", "no"]);
  assertStringIncludes(error.message, "last failure:");
});

Deno.test("an abort ends a waiting call at once, and leaves no listener", async () => {
  await using place = new Place("absent");
  await using client = createClient(Shop, place.address, QUICK);
  const controller = new AbortController();
  const call = failureOf(
    client.remote.pay("x", { signal: controller.signal }),
  );
  controller.abort();
  assertEquals((await call).code, "cancelled");
  await place.start();
  await client.remote.price("abc");
  assertEquals(place.entered, ["abc"]);
});

Deno.test("calls beyond wait.calls are refused", async () => {
  await using place = new Place("absent");
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    wait: { calls: 2 },
  });
  const calls = [1, 2].map(() => client.remote.price("abc"));
  const error = await failureOf(client.remote.price("abc"));
  assertEquals([error.code, error.retry], ["overloaded", "later"]);
  await place.start();
  assertEquals(await Promise.all(calls), [3, 3]);
});

Deno.test("close() fails calls that wait and calls in flight, and ends the events", async () => {
  await using place = await new Place("closed").start();
  const client = createClient(Shop, place.address, QUICK);
  await client.ready();
  const events = Array.fromAsync(client.events());
  const held = failureOf(client.remote.hold());
  await client.close();
  assertEquals((await held).code, "disconnected");
  const error = await failureOf(client.remote.price("abc"));
  assertEquals(error.code, "unavailable");
  assertEquals(error.message, "price: the client is closed");
  assertEquals((await events).at(-1)?.kind, "closed");
  assertEquals(client.status, "closed");
  const { code, message } = await failureOf(client.ready());
  assertEquals([code, message], ["unavailable", "the client is closed"]);
});

Deno.test("close() ends an attempt in progress", async () => {
  const client = createClient(Shop, "tcp://127.0.0.1:1", QUICK);
  const ready = failureOf(client.ready());
  await client.close();
  assertEquals((await ready).code, "unavailable");
});

Deno.test("drain() waits for calls in flight", async () => {
  await using place = await new Place("drained").start();
  const client = createClient(Shop, place.address, QUICK);
  await client.ready();
  const held = client.remote.hold();
  const paid = client.remote.pay("1");
  await paid;
  const drained = client.drain({ grace: 5_000 });
  assertEquals((await failureOf(client.remote.pay("2"))).code, "unavailable");
  place.release("done");
  assertEquals(await held, "done");
  await drained;
  assertEquals(place.entered, ["hold", "1"]);
});

Deno.test("credentials are asked for each session, and once more after a refusal", async () => {
  await using place = await new Place("tokens").start((token) => token === 3);
  let asked = 0;
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    credentials: () => Promise.resolve(++asked),
  });
  const error = await failureOf(client.ready());
  assertStringIncludes(
    error.message,
    "every server has refused this client: Cannot connect to memory:",
  );
  assertEquals([asked, client.status], [2, "refused"]);
  assertEquals((await failureOf(client.remote.pay("1"))).code, "unavailable");
});

Deno.test("fresh credentials open the session", async () => {
  await using place = await new Place("tokens").start((token) => token === 2);
  let asked = 0;
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    credentials: () => ++asked,
  });
  assertEquals(await client.remote.price("abc"), 3);
});

Deno.test("credentials() that fails is asked again", async () => {
  await using place = await new Place("tokens").start();
  let asked = 0;
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    credentials: () => {
      if (++asked < 3) throw new Error("the token service is down");
    },
  });
  const { cause } = await event(client, "backing-off");
  assertStringIncludes(String(cause), "the token service is down");
  assertEquals(await client.remote.price("abc"), 3);
});

Deno.test("onSession() runs before waiting calls, through its session", async () => {
  await using place = new Place("prepared");
  const sessions: object[] = [];
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    onSession: async (session) => {
      sessions.push(session);
      await session.remote.pay("first");
    },
  });
  const call = client.remote.pay("second");
  await place.start();
  await call;
  assertEquals(place.entered, ["first", "second"]);
  const lost = event(client, "lost");
  await place.crash();
  await lost;
  await place.start();
  await client.remote.pay("third");
  assertEquals(place.entered.slice(2), ["first", "third"]);
  assertEquals(new Set(sessions).size, 2);
});

Deno.test("a session whose onSession() fails is closed, and another one is opened", async () => {
  await using place = await new Place("prepared").start();
  let count = 0;
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    onSession: () => {
      if (++count < 3) throw new Error("not yet");
    },
  });
  assertEquals(await client.remote.price("abc"), 3);
  assertEquals(count, 3);
});

Deno.test("sessions that are accepted and ended at once follow the backoff", async () => {
  await using place = await new Place("hot").start();
  const delays: number[] = [];
  await using client = createClient(Shop, place.address, {
    reconnect: { minDelay: 10, maxDelay: 40, spread: 0 },
  });
  const reading = (async () => {
    for await (const { kind, delay = 0 } of client.events()) {
      if (kind === "lost") delays.push(delay);
      if (delays.length === 5) return;
    }
  })();
  for (let round = 0; round < 5; round++) {
    await client.ready();
    const lost = event(client, "lost");
    await place.crash();
    await lost;
    await place.start();
  }
  await reading;
  for (const [index, delay] of delays.entries()) {
    assert(
      delay >= 10 && delay <= 10 + Math.min(40, 10 * 2 ** index),
      `${delays}`,
    );
  }
});

Deno.test("a stream is opened again if it was refused before its first item", async () => {
  await using a = await new Place("a").start();
  await using b = await new Place("b").start();
  await using client = createClient(Shop, [a.address, b.address], QUICK);
  await client.ready();
  await client.remote.pay("1");
  const drained = a.drain({ grace: 1_000 });
  assertEquals(await all(client.remote.ticks(3)), [0, 1, 2]);
  await drained;
});

Deno.test("notifications wait for a session, in their order with calls", async () => {
  await using place = new Place("absent");
  await using client = createClient(Shop, place.address, QUICK);
  const sent = [
    client.remote.log("1"),
    client.remote.price("2"),
    client.remote.log("3"),
  ];
  await place.start();
  await Promise.all(sent);
  await client.remote.price("4");
  assertEquals(place.entered, ["1", "2", "3", "4"]);
});

Deno.test("notifications between a drain and the next session are sent once", async () => {
  await using first = await new Place("first").start();
  await using second = new Place("second");
  await using client = createClient(
    Shop,
    [first.address, second.address],
    QUICK,
  );
  await client.ready();
  const held = client.remote.hold();
  const drains = event(client, "draining");
  const drained = first.drain({ grace: 5_000 });
  await drains;
  const sent = ["a", "b"].map((text) => client.remote.log(text));
  await second.start();
  await Promise.all(sent);
  first.release("done");
  assertEquals(await held, "done");
  await drained;
  await client.remote.price("c");
  assertEquals([first.entered, second.entered], [["hold"], ["a", "b", "c"]]);
});

Deno.test("a notification that has waited for too long is dropped and reported", async () => {
  await using place = new Place("absent");
  const dropped: [number, string][] = [];
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    wait: { timeout: 50 },
    onDropped: (count, { message }) => void dropped.push([count, message]),
  });
  const error = await failureOf(client.remote.log("lost"));
  assertEquals([error.code, error.processed], ["unavailable", "no"]);
  assertEquals([error.method, error.retry], ["log", "later"]);
  assertEquals(dropped, [[1, error.message]]);
  await place.start();
  await client.ready();
  await client.remote.log("sent");
  await client.remote.price("abc");
  assertEquals(place.entered, ["sent", "abc"]);
  await client.close();
  client.remote.log("too late"); // not awaited
  await turns(4);
  assertEquals(dropped.at(-1), [1, "log: the client is closed"]);
});

Deno.test("a call that is refused for load is sent again after its pause, from the budget", async () => {
  const Busy = protocol({
    name: "busy",
    server: { get: unary<void, number>() },
  });
  const address = { memory: crypto.randomUUID() };
  let entered = 0;
  await using _server = await serve(Busy, address).handle({
    get: use(limit({ rate: 5, burst: 1, key: () => "all" }), () => ++entered),
  });
  await using client = createClient(Busy, address, {
    ...QUICK,
    retry: { maxAttempts: 10 },
  });
  assertEquals(await client.remote.get(), 1);
  assertEquals(await client.remote.get(), 2); // refused once, then sent again
  await using strict = createClient(Busy, address, {
    ...QUICK,
    retry: { maxAttempts: 10, budget: { perSecond: 0, ratio: 0 } },
  });
  await client.remote.get(); // uses up the rate
  const error = await failureOf(strict.remote.get());
  assertEquals([error.code, error.processed], ["overloaded", "no"]);
});

Deno.test("an error says why its call is not sent again", async () => {
  const Busy = protocol({ name: "busy", server: { get: unary<void, void>() } });
  const address = { memory: crypto.randomUUID() };
  let retryAfter = 0;
  await using _server = await serve(Busy, address).handle({
    get: use((context) => {
      const details = {
        retry: "later",
        retryAfter,
        data: { full: 7 },
      } as const; // the literal type that refuse() wants
      throw context.refuse("Full", { code: "overloaded", ...details });
    }, () => {}),
  });
  for (
    const [retry, pause, timeout, why] of [
      [{ maxAttempts: 2 }, 0, 60_000, "2 attempts were made, option retry.max"],
      [{ budget: { perSecond: 0 } }, 0, 60_000, "its budget is used up"],
      [
        {},
        11_000,
        60_000,
        "the server names a pause of 11000 ms",
      ],
      [{}, 9_000, 5_000, "the deadline would pass first"],
    ] as const
  ) {
    retryAfter = pause;
    await using client = createClient(Busy, address, { ...QUICK, retry });
    const error = await failureOf(client.remote.get(undefined, { timeout }));
    assertStringIncludes(error.message, `(not sent again: ${why}`);
    assertStringIncludes(error.message, "Full");
    const { code, method, processed, retry: advice, data } = error;
    assertEquals([code, method, processed, advice, data, error.retryAfter], [
      ...["overloaded", "get", "no", "later"],
      ...[{ full: 7 }, pause],
    ]);
  }
});

Deno.test("the server's calls reach the same handlers on each session", async () => {
  const Chat = protocol({
    name: "chat",
    server: { hello: unary<void, string>() },
    client: { name: unary<void, string>() },
  });
  const address = { memory: crypto.randomUUID() };
  const start = () =>
    serve(Chat, address).handle({
      hello: async (_, { remote }) => `hello, ${await remote.name()}`,
    });
  const first = await start();
  let asked = 0;
  await using client = createClient(Chat, address, {
    ...QUICK,
    handlers: { name: () => `Ada ${++asked}` },
  });
  assertEquals(await client.remote.hello(), "hello, Ada 1");
  await first.abort();
  await using _second = await start();
  assertEquals(await client.remote.hello(), "hello, Ada 2");
});

Deno.test("several connections share the calls", async () => {
  await using place = await new Place("many").start();
  await using client = createClient(Shop, place.address, {
    ...QUICK,
    connections: 3,
  });
  await client.ready();
  while (new Set(await sessionsOf(client, 9)).size < 3) {
    // the other sessions open one after the other
  }
});

/** Starts calls, and returns the session that each found least busy. */
async function sessionsOf(
  client: Client<Shop>,
  count: number,
): Promise<unknown[]> {
  const calls: Promise<unknown>[] = [];
  const sessions: unknown[] = [];
  for (let index = 0; index < count; index++) {
    sessions.push(client.session);
    calls.push(client.remote.price("abc"));
    await Promise.resolve();
  }
  await Promise.all(calls);
  return sessions;
}

Deno.test("options are checked", async () => {
  const wrong: [object, string][] = [
    [{ retries: 3 }, 'Unknown option "retries" of createClient()'],
    [{ wait: { time: 3 } }, 'Unknown option "time" of the option wait'],
    [{ connections: 0 }, "'connections' must be an integer from 1 to 1000"],
    [{ reconnect: { minDelay: 20, maxDelay: 10 } }, "reconnect.maxDelay"],
    [{ retry: { maxAttempts: Number.NaN } }, "retry.maxAttempts"],
    [{ onSession: 3 }, 'option "onSession"'],
  ];
  for (const [options, message] of wrong) {
    const error = await thrownBy((async () => {
      await createClient(Shop, "tcp://127.0.0.1:1", options).close();
    })());
    assertStringIncludes(String(error), message);
  }
});

Deno.test("createClient() uses transport options where they have an effect", async () => {
  const wrong = { transport: { keepAlive: true } };
  for (
    const address of [{ memory: "none" }, "unix:/none", "ws://127.0.0.1:1"]
  ) {
    assertThrows(
      () => createClient(Shop, address, wrong),
      TypeError,
      'Cannot use the option "keepAlive" for ',
    );
  }
  await using place = await new Place("memory").start();
  const addresses = [place.address, { hostname: "127.0.0.1", port: 1 }];
  await using client = createClient(Shop, addresses, wrong);
  assertEquals(await client.remote.price("four"), 4); // without the option
});
