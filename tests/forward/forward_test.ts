/**
 * Gateways, between clients and servers on simulated networks and in memory.
 *
 * @module
 */
import {
  CallError,
  clientStream,
  connect,
  createClient,
  duplex,
  json,
  type MessageCodec,
  msgpack,
  notification,
  protocol,
  serve,
  serverStream,
  SessionError,
  unary,
} from "@lengthwise/lengthwise";
import {
  forward,
  forwardedIdentity,
  type ForwardOptions,
} from "@lengthwise/lengthwise/forward";
import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertRejects } from "@std/assert";

const Work = protocol({
  name: "work",
  server: {
    echo: unary<unknown, unknown>(),
    nothing: unary(),
    log: notification<string>(),
    fail: unary<string, never>({ description: "throws" }),
    count: serverStream<number, number>(),
    sum: clientStream<number, number, Record<never, never>, string>(),
    chat: duplex<string, string>(),
    meta: unary<void, Record<string, string>>(),
    wait: unary<void, number>(),
  },
});

/** A codec that never encodes or decodes. */
const UNUSABLE: MessageCodec = {
  name: "msgpack",
  encode: () => {
    throw new Error("a body was encoded");
  },
  encodeInto: () => {
    throw new Error("a body was encoded");
  },
  decode: () => {
    throw new Error("a body was decoded");
  },
};

/** A server, a gateway and what the server has seen. */
async function world(options: Partial<ForwardOptions<unknown>> = {}) {
  const seen: unknown[] = [];
  const name = `forward ${crypto.randomUUID()}`;
  const server = await serve(Work, { memory: `${name} up` }, {
    onError: () => {},
  }).handle({
    echo: (value) => value,
    nothing: () => {},
    log: (text) => void seen.push(text),
    fail(code, { refuse }) {
      if (code === "declared") {
        throw new CallError("declared", {
          code: "declared",
          declared: "empty",
          data: { left: 3 },
        });
      }
      if (code === "invalid") throw refuse("no", { code, data: [1, 2] });
      if (code === "overloaded") {
        throw refuse("busy", { code, retry: "later", retryAfter: 250 });
      }
      throw new Error("secret");
    },
    async *count(to) {
      for (let at = 0; at < to; at++) {
        seen.push(at);
        yield at;
      }
    },
    async sum(items, { opening }) {
      seen.push(opening);
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    async *chat(lines) {
      for await (const line of lines) yield line.toUpperCase();
    },
    meta(_, context) {
      context.respondWith({ version: "2" });
      return { ...context.metadata };
    },
    wait: (_, { signal, timeLeft }) =>
      new Promise<number>((_, reject) => {
        seen.push("waiting");
        signal.addEventListener("abort", () => {
          const { code }: CallError = signal.reason;
          seen.push(code);
          reject(signal.reason);
        });
        seen.push(timeLeft < Infinity);
      }),
  });
  const gateway = await forward(Work, { memory: name }, {
    codec: UNUSABLE,
    ...options,
    upstreams: { work: server.addr },
  });
  const session = await connect(Work, gateway.addr);
  return {
    gateway,
    remote: session.remote,
    seen,
    server,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await gateway.shutdown({ grace: 0 });
      await server.shutdown({ grace: 0 });
    },
  };
}

Deno.test("forward() passes calls of every shape on, and decodes no body", async () => {
  await using it = await world();
  const { remote, seen } = it;
  const values = [
    { text: "ä", big: 2n ** 60n, at: new Date(7), none: undefined },
    new Uint8Array(300_000).fill(7), // several frames
    null,
    undefined,
    0,
  ];
  for (const value of values) assertEquals(await remote.echo(value), value);
  assertEquals(await remote.nothing(), undefined);
  await remote.log("hello");
  assertEquals(await Array.fromAsync(remote.count(5)), [0, 1, 2, 3, 4]);
  assertEquals(await Array.fromAsync(remote.count(0)), []);
  const items = [1, 2, 3, 4];
  assertEquals(await remote.sum(items, { opening: "first" }).result, 10);
  assertEquals(await Array.fromAsync(remote.chat(["a", "b"])), ["A", "B"]);
  assertEquals(seen, ["hello", 0, 1, 2, 3, 4, "first"]);
  assertEquals(it.session.sameProtocol, true);
});

Deno.test("forward() passes errors on, with data and incident", async () => {
  await using it = await world();
  const failing = (code: string) =>
    assertRejects(() => it.remote.fail(code), CallError);
  const declared = await failing("declared");
  assertEquals([declared.declared, declared.data], ["empty", { left: 3 }]);
  const invalid = await failing("invalid");
  assertEquals([invalid.code, invalid.data, invalid.processed], [
    "invalid",
    [1, 2],
    "yes",
  ]);
  const busy = await failing("overloaded");
  assertEquals([busy.retry, busy.retryAfter], ["later", 250]);
  const internal = await failing("other");
  assertEquals(internal.code, "internal");
  const direct = await connect(Work, it.server.addr);
  const expected = await assertRejects(() => direct.remote.fail("other"));
  await direct.close();
  assert(internal.incident !== "");
  assertEquals(
    internal.message.replaceAll(internal.incident, "id").includes("secret"),
    false,
  );
  assert(expected instanceof CallError);
});

Deno.test("forward() passes cancellations and deadlines on", async () => {
  await using it = await world();
  const controller = new AbortController();
  const { signal } = controller;
  const cancelled = assertRejects(
    () => it.remote.wait(undefined, { signal, timeout: 60_000 }),
    CallError,
  );
  const until = async (count: number) => {
    while (it.seen.length < count) await new Promise((go) => setTimeout(go, 1));
  };
  await until(2);
  controller.abort();
  assertEquals((await cancelled).code, "cancelled");
  await until(3);
  assertEquals(it.seen, ["waiting", true, "cancelled"]);
  const late = await assertRejects(
    () => it.remote.wait(undefined, { timeout: 5 }),
    CallError,
  );
  assertEquals(late.code, "deadline");
});

Deno.test("forward() states identities, and drops the ones that clients claim", async () => {
  const names: string[] = [];
  await using it = await world({
    identity: () => ({ user: "ada" }),
    pick: ({ method, metadata }) => {
      names.push(method, ...Object.keys(metadata));
      return "work";
    },
  });
  const metadata = {
    locale: "en",
    "lw-forwarded-user": "mallory",
    "lw-forwarded-role": "admin",
  };
  let version: string | undefined;
  const received = await it.remote.meta(undefined, {
    metadata,
    onMetadata: (metadata) => version = metadata["version"],
  });
  assertEquals(received, { locale: "en", "lw-forwarded-user": "ada" });
  assertEquals([version, names], ["2", ["meta", "locale"]]);
  const context = { metadata: received };
  assertEquals({ ...forwardedIdentity(context, true) }, { user: "ada" });
  assertEquals(forwardedIdentity(context, false), undefined);
});

Deno.test("forward() reports a pick of no upstream, and serves the next call", async () => {
  const incidents: unknown[] = [];
  await using it = await world({
    pick: ({ method }) => method === "echo" ? "other" : "work",
    server: { onError: ({ error }) => void incidents.push(error) },
  });
  const error = await assertRejects(() => it.remote.echo("a"), CallError);
  assertEquals([error.code, error.processed], ["internal", "yes"]);
  assertEquals(incidents.map(String), [
    'TypeError: The option pick returned "other"; expected one of work',
  ]);
  assertEquals(await it.remote.meta(), {});
});

Deno.test("forward() decodes credentials with its codec, and nothing else", async () => {
  const seen: unknown[] = [];
  const decoding = msgpack();
  const codec: MessageCodec = {
    ...UNUSABLE,
    decode: (body) => {
      seen.push("decoded");
      return decoding.decode(body);
    },
  };
  await using it = await world({
    codec,
    server: { authenticate: (credentials) => void seen.push(credentials) },
  });
  const credentials = { user: "ada" };
  const session = await connect(Work, it.gateway.addr, { credentials });
  assertEquals(await session.remote.echo("x"), "x");
  await session.close();
  assertEquals(seen, [undefined, "decoded", { user: "ada" }]);
});

Deno.test("forward() holds no more of a stream than the client has room for", async () => {
  await using it = await world();
  const items = it.remote.count(1_000_000)[Symbol.asyncIterator]();
  assertEquals((await items.next()).value, 0);
  for (let last = -1; last !== it.seen.length;) {
    last = it.seen.length;
    await new Promise((go) => setTimeout(go, 5));
  }
  // Both windows are full: at most 1 MiB each, and an item takes 12 bytes or more.
  assert(it.seen.length < 250_000, `${it.seen.length} items`);
  await items.return?.();
});

Deno.test("forward() refuses clients with another codec in the handshake", async () => {
  await using it = await world();
  const codecs: [MessageCodec] = [json()];
  const error = await assertRejects(
    () => connect(Work, it.gateway.addr, { codecs }),
    SessionError,
  );
  assertEquals(error.code, "codec");
});

Deno.test("forward() reports an upstream that is cut as unavailable, and whether the call ran", async () => {
  using time = virtualTime({ seed: 9 });
  const network = simulatedNetwork({ latency: 5 });
  const start = () =>
    serve(Work, network.listen("work"), { onError: () => {} }).handle({
      ...NONE,
      wait: () => new Promise<number>(() => {}),
      echo: (value) => value,
    });
  let server = await start();
  const gateway = await time.run(
    forward(Work, network.listen("gateway"), {
      upstreams: { work: network.address("work") },
      wait: 500,
      client: { reconnect: { minDelay: 50, maxDelay: 50, spread: 1 } },
    }),
  );
  const client = createClient(Work, network.address("gateway"));
  assertEquals(await time.run(client.remote.echo(1)), 1);

  const waiting = assertRejects(() => client.remote.wait(), CallError);
  await time.advance(100);
  await time.run(server.abort());
  const cut = await time.run(waiting);
  assertEquals([cut.code, cut.processed], ["unavailable", "maybe"]);

  // There is no server: the call has not left the gateway.
  const direct = await time.run(connect(
    Work,
    await time.run(
      network.address("gateway").connect(new AbortController().signal),
    ),
  ));
  const none = await time.run(
    assertRejects(() => direct.remote.echo(2), CallError),
  );
  assertEquals([none.code, none.processed, none.retry], [
    "unavailable",
    "no",
    "later",
  ]);
  const deadline = await time.run(
    assertRejects(() => direct.remote.echo(2, { timeout: 100 }), CallError),
  );
  assertEquals(deadline.code, "deadline"); // while it waits for a session

  const later = direct.remote.meta(undefined, { timeout: 10_000 });
  await time.advance(200);
  server = await start();
  const left = Number((await time.run(later)).left);
  // The wait counts; a deadline is rounded up by at most 8 ms at each end.
  assert(left > 9_000 && left < 9_820, `${left} ms`);
  assertEquals(await time.run(client.remote.echo(3)), 3);
  await time.run(direct.close());
  await time.run(client.close());
  await time.run(gateway.shutdown());
  await time.run(server.shutdown());
});

Deno.test("forward() loses no call while its servers drain one after the other", async () => {
  using time = virtualTime({ seed: 11 });
  const network = simulatedNetwork({ latency: 2 });
  const start = (name: string) =>
    serve(Work, network.listen(name)).handle({
      ...NONE,
      echo: (value) => value,
    });
  const servers = [await start("a"), await start("b")];
  const gateway = await time.run(
    forward(Work, network.listen("gateway"), {
      upstreams: { work: [network.address("a"), network.address("b")] },
    }),
  );
  const client = createClient(Work, network.address("gateway"));
  await time.run(client.ready());
  const { session } = client;
  let calls = 0;
  let running = true;
  const calling = Array.from({ length: 4 }, async () => {
    while (running) {
      assertEquals(await client.remote.echo(++calls) !== undefined, true);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  for (const [index, name] of ["a", "b"].entries()) {
    await time.advance(300);
    await time.run(servers[index]!.shutdown());
    await time.advance(300);
    servers[index] = await start(name);
  }
  await time.advance(300);
  running = false;
  await time.run(Promise.all(calling));
  assert(calls > 200, `${calls} calls`);
  assertEquals(client.session, session); // the drains of servers stay hidden
  await time.run(client.close());
  await time.run(gateway.shutdown());
  await time.run(Promise.all(servers.map((server) => server.shutdown())));
});

const NONE = {
  echo: (value: unknown): unknown => value,
  nothing: () => {},
  log: () => {},
  fail: (): never => {
    throw new Error("unused");
  },
  async *count() {},
  sum: () => 0,
  async *chat() {},
  meta: (_: unknown, { timeLeft }: { timeLeft: number }) => ({
    left: String(timeLeft),
  }),
  wait: () => 0,
};

Deno.test("forward() refuses to forward to itself", async () => {
  const memory = `loop ${crypto.randomUUID()}`;
  const gateway = await forward(Work, { memory }, {
    upstreams: { work: { memory } },
  });
  const session = await connect(Work, gateway.addr);
  // At first, the gateway has no session; then, it has one with itself.
  for (let n = 0; n < 2; n++) {
    const error = await assertRejects(
      () => session.remote.echo(n),
      CallError,
      "the gateway forwards to itself",
    );
    assertEquals([error.code, error.processed, error.retry], [
      "unavailable",
      "no",
      "never",
    ]);
    const items = session.remote.count(3);
    await assertRejects(() => Array.fromAsync(items), CallError);
  }
  await session.close();
  await gateway.shutdown();
});

Deno.test("forward() rejects protocols and options that it cannot serve", async () => {
  const upstreams = { a: { port: 1 }, b: { port: 2 } };
  const rejects = (
    declared: Parameters<typeof forward>[0],
    options: object,
    message: string,
  ) =>
    assertRejects(
      () =>
        forward(
          declared,
          { memory: "forward rejected" },
          options as ForwardOptions, // a JavaScript program's
        ),
      Error,
      message,
    );
  const Back = protocol({ name: "back", client: { alert: notification() } });
  const Once = protocol({
    name: "once",
    server: { pay: unary({ once: true }) },
  });
  const one = { upstreams: { a: { port: 1 } } };
  await rejects(Back, one, "alert is called by the server");
  await rejects(Once, one, "pay is once");
  await rejects(Work, { upstreams }, "without the option pick");
  await rejects(Work, { upstreams: {} }, "without upstreams");
  await rejects(Work, { ...one, wait: -1 }, "'wait' must be from 0");
  await rejects(Work, { ...one, wait: "1" }, "'wait' must be from 0");
  await rejects(Work, { ...one, sessions: "shared" }, '"sessions"');
  await rejects(Work, {}, 'as the option "upstreams"');
  await rejects(Work, { ...one, pick: 5 }, 'as option "pick"');
  await rejects(Work, { ...one, identity: {} }, 'as option "identity"');
});
