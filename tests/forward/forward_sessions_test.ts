/**
 * Gateways that relay sessions, on simulated networks and in memory.
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
  forwardSessions,
  type ForwardSessionsOptions,
} from "@lengthwise/lengthwise/forward";
import {
  simulatedNetwork,
  type VirtualTime,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { K, MORE, RawPeer } from "../messages/raw_peer.ts";

const Work = protocol({
  name: "work",
  server: {
    echo: unary<unknown, unknown>(),
    fail: unary<void, never>(),
    count: serverStream<number, number>(),
    sum: clientStream<number, number, Record<never, never>, string>(),
    chat: duplex<string, string>(),
    whoami: unary<void, unknown>(),
    meta: unary<void, Record<string, string>>(),
    ask: unary<string, string>(),
    join: unary<string, void>(),
    say: notification<string>(),
    wait: unary<void, boolean>(),
    pay: unary<number, number>({ once: true }),
  },
  client: {
    reply: unary<string, string>(),
    said: notification<string>(),
  },
});

/** Starts a server, a gateway and a client of it. */
async function world(
  options: Partial<ForwardSessionsOptions> = {},
  codecs: readonly [MessageCodec, ...MessageCodec[]] = [msgpack()],
) {
  const seen: unknown[] = [];
  const name = `sessions ${crypto.randomUUID()}`;
  const server = await serve(Work, { memory: `${name} up` }, {
    onError: () => {},
    codecs,
    limits: { connectionWindow: 128 * 1024, notifyWindow: 64 * 1024 },
    authenticate: (credentials) => credentials,
    principal: (auth) => String(auth),
    state: () => ({}),
  }).handle({
    echo: (value) => value,
    fail: () => {
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
    whoami: (_, { session }) => session.auth,
    meta: (_, { metadata }) => ({ ...metadata }),
    ask: (text, { session }) => session.remote.reply(text),
    async join(topic, { session }) {
      await session.server.topic(topic).subscribe(session).ready;
    },
    say: (text, { metadata }) => {
      seen.push(metadata);
      server.topic("room").publish.said(text);
    },
    wait: (_, { signal, timeLeft }) =>
      new Promise((_, reject) => {
        seen.push(timeLeft < Infinity);
        signal.addEventListener("abort", () => {
          const { code }: CallError = signal.reason;
          seen.push(code);
          reject(signal.reason);
        });
      }),
    pay: (cents) => {
      seen.push(cents);
      return cents;
    },
  });
  const gateway = await forwardSessions({ memory: name }, {
    ...options,
    upstreams: { work: server.addr },
  });
  const heard: string[] = [];
  const handlers = {
    reply: (text: string) => `${text}!`,
    said: (text: string) => void heard.push(text),
  };
  const open = (credentials: unknown = "ada") =>
    connect(Work, gateway.addr, { credentials, handlers, codecs });
  const session = await open();
  return {
    ...{ gateway, handlers, heard, open, seen, server, session },
    remote: session.remote,
    async [Symbol.asyncDispose]() {
      await session.close();
      await gateway.shutdown({ grace: 0 });
      await server.shutdown({ grace: 0 });
    },
  };
}

/** Waits until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((go) => setTimeout(go, 1));
}

Deno.test("forwardSessions() passes calls of every shape on, in both directions", async () => {
  await using it = await world();
  const { remote, seen } = it;
  const values = [{ text: "ä", big: 2n ** 60n }, null, undefined, 0];
  for (const value of values) assertEquals(await remote.echo(value), value);
  const large = new Uint8Array(300_000).fill(7); // several frames
  assertEquals(await remote.echo(large), large);
  assertEquals(await Array.fromAsync(remote.count(3)), [0, 1, 2]);
  assertEquals(await remote.sum([1, 2, 3], { opening: "first" }).result, 6);
  assertEquals(await Array.fromAsync(remote.chat(["a", "b"])), ["A", "B"]);
  assertEquals(await remote.ask("why"), "why!");
  await remote.join("room");
  await remote.say("hello");
  await until(() => it.heard.length > 0);
  assertEquals(it.heard, ["hello"]);
  assertEquals(await remote.pay(5), 5);
  assertEquals(seen, [0, 1, 2, "first", {}, 5]);
  assertEquals([it.session.sameProtocol, it.gateway.sessions], [true, 1]);
  const error = await assertRejects(() => remote.fail(), CallError);
  assertEquals([error.code, error.incident === ""], ["internal", false]);
});

/** Number of bytes of an invalid body of msgpack. */
const INVALID = 1_000;

Deno.test("forwardSessions() relays parts before the last one has come, and decodes no body", async () => {
  const network = simulatedNetwork();
  const servers = network.listen("server");
  const gateway = await forwardSessions(network.listen("gateway"), {
    upstreams: { server: network.address("server") },
  });
  const { signal } = new AbortController();
  const client = new RawPeer(await network.address("gateway").connect(signal));
  await client.hello({ methods: [["f", 0]], streamWindow: 12_345 });
  const server = new RawPeer(await servers.accept());
  const [hello] = [await server.next()];
  assertEquals([hello.kind, u32At(hello.body, 24)], [K.HELLO, 12_345]);
  const entries = [[0x77, new Uint8Array(3)]] as const; // the type of a pair
  await server.hello({ role: 1, streamWindow: 54_321, entries });
  const accepted = await client.next();
  // The client has the credit that the server grants, and no more.
  assertEquals([accepted.kind, u32At(accepted.body, 24)], [K.HELLO, 54_321]);
  const part = new Uint8Array(INVALID).fill(0xc1); // msgpack never uses it
  const first = concat([new Uint8Array(4), part]);
  const order: string[] = [];
  const parts = async (
    from: RawPeer,
    to: RawPeer,
    [kind, id, begin]: [kind: number, id: number, begin: Uint8Array],
  ) => {
    for (const [index, flags] of [MORE, MORE, 0].entries()) {
      order.push(`${kind} ${index} sent`);
      const body = index === 0 ? begin : part;
      await from.frame(kind, id, body, flags);
      // Arrives before the next part is sent.
      assertEquals(await to.next(), { kind, id, body });
      order.push(`${kind} ${index} arrived`);
    }
  };
  await parts(client, server, [K.REQUEST, 1, first]);
  await parts(server, client, [K.RESULT, 1, concat([u16(0), part])]);
  assertEquals(
    order,
    [K.REQUEST, K.RESULT].flatMap((kind) =>
      [0, 1, 2].flatMap((n) => [`${kind} ${n} sent`, `${kind} ${n} arrived`])
    ),
  );
  // Grants pass as they are, and so do kinds of a later version.
  const total = new Uint8Array(8).fill(3, 5);
  for (const kind of [K.WINDOW, K.CREDIT, 0x7e]) {
    await server.frame(kind, 1, total, 0x80);
    assertEquals(await client.next(), { kind, id: 1, body: total });
  }
  client.connection.close();
  server.connection.close();
  await gateway.shutdown();
  servers.close();
});

Deno.test("forwardSessions() drops claimed identities without a change of credit", async () => {
  await using it = await world();
  const metadata = {
    "lw-forwarded-user": "mallory",
    locale: "en",
    "lw-forwarded-role": "x".repeat(6_000),
    "lw-forwarded": "allowed",
  };
  const kept = { locale: "en", "lw-forwarded": "allowed" };
  // Far more than the credit of the session.
  for (let n = 0; n < 60; n++) {
    assertEquals(await it.remote.meta(undefined, { metadata }), kept);
  }
  for (let n = 0; n < 60; n++) await it.remote.say("x", { metadata });
  await until(() => it.seen.length === 60);
  assertEquals(it.seen.map((one) => Object(one).locale === "en"), [
    ...Array(60).fill(true),
  ]);
  assertEquals({ ...Object(it.seen[0]) }, kept);
  const large = { metadata: { a: "b" } };
  const body = new Uint8Array(500_000);
  assertEquals(await it.remote.echo(body, large), body); // several frames
});

Deno.test("forwardSessions() passes credentials, and refusals of the server", async () => {
  await using it = await world();
  assertEquals(await it.remote.whoami(), "ada");
  await it.session.refresh("bob");
  assertEquals(await it.remote.whoami(), "bob");
  const error = await assertRejects(
    () =>
      connect(Work, it.gateway.addr, {
        handlers: it.handlers,
        codecs: [json()],
      }),
    SessionError,
  );
  assertEquals([error.code, error.remote], ["codec", true]);
  // A protocol that differs: the server and the client compare themselves.
  const Other = protocol({
    name: "other",
    server: { echo: unary<string, string>(), gone: unary<void, void>() },
  });
  const other = await connect(Other, it.gateway.addr);
  assertEquals(other.sameProtocol, false);
  assertEquals(await other.remote.echo("x"), "x");
  const gone = await assertRejects(() => other.remote.gone(), CallError);
  assertEquals(gone.code, "unimplemented");
  await other.close();
});

Deno.test("forwardSessions() passes deadlines, cancellations and early calls", async () => {
  await using it = await world();
  const controller = new AbortController();
  const { signal } = controller;
  const cancelled = assertRejects(
    () => it.remote.wait(undefined, { signal, timeout: 60_000 }),
    CallError,
  );
  await until(() => it.seen.length === 1);
  controller.abort();
  assertEquals((await cancelled).code, "cancelled");
  await until(() => it.seen.length === 2);
  assertEquals(it.seen, [true, "cancelled"]);
  const early = await connect(Work, it.gateway.addr, {
    handlers: it.handlers,
    early: true,
  });
  assertEquals(await early.remote.echo("early"), "early");
  await early.close();
});

/** Ends of sessions on a network with virtual time. */
async function virtualWorld(
  time: VirtualTime,
  resume = 0,
) {
  const network = simulatedNetwork({ latency: 5 });
  const seen: string[] = [];
  const start = (name: string) =>
    serve(Who, network.listen(name), {
      onError: () => {},
      resume: { grace: resume },
    }).handle({
      who: () => name,
      echo: (value) => value,
      size: ({ length }, { metadata }) => [length, ...Object.keys(metadata)],
      async *count(to) {
        for (let at = 0; at < to; at++) {
          await new Promise((go) => setTimeout(go, 10));
          yield at;
        }
      },
      wait: (_, { signal }) =>
        new Promise<void>((_, reject) => {
          seen.push("waits");
          signal.addEventListener("abort", () => {
            seen.push("aborted");
            reject(signal.reason);
          });
        }),
    });
  const servers = new Map<string, Awaited<ReturnType<typeof start>>>();
  for (const name of ["a", "b"]) servers.set(name, await start(name));
  const open = (name: string) =>
    time.run(forwardSessions(network.listen(name), {
      upstreams: { all: [network.address("a"), network.address("b")] },
    }));
  const gateway = await open("gateway");
  const client = createClient(Who, [
    network.address("gateway"),
    network.address("other"),
  ], {
    reconnect: { minDelay: 20, maxDelay: 100 },
    ...resume > 0 && { resume: { patience: resume } },
  });
  return {
    ...{ client, gateway, network, open, seen, servers, start },
    async end(...more: { shutdown(): Promise<void> }[]) {
      await time.run(client.close());
      await time.run(Promise.all(
        [gateway, ...more, ...servers.values()].map((one) => one.shutdown()),
      ));
      assertEquals(time.timers, 0);
    },
  };
}

const Who = protocol({
  name: "who",
  server: {
    who: unary<void, string>({ idempotent: true }),
    echo: unary<number, number>(),
    size: unary<Uint8Array, (string | number)[]>(),
    count: serverStream<number, number>(),
    wait: unary<void, void>(),
  },
});

Deno.test("forwardSessions() ends a session whose server is cut, and the client finds another", async () => {
  using time = virtualTime({ seed: 5 });
  const it = await virtualWorld(time);
  const { client, network } = it;
  const first = await time.run(client.remote.who());
  const items = client.remote.count(1_000)[Symbol.asyncIterator]();
  assertEquals(await time.run(items.next()), { done: false, value: 0 });
  const waits = assertRejects(() => client.remote.wait(), CallError);
  await time.advance(50);
  const link = network.links.find(({ name }) => name === first);
  link?.cut();
  const cut = await time.run(waits);
  assertEquals([cut.code, cut.processed], ["disconnected", "maybe"]);
  const stream = await time.run(
    assertRejects(async () => {
      while (!(await items.next()).done);
    }, CallError),
  );
  assertEquals(stream.code, "disconnected");
  assertEquals(it.seen, ["waits", "aborted"]);
  assertEquals(await time.run(client.remote.who()) === first, false);
  assertEquals(it.gateway.sessions, 1);
  await it.end();
});

Deno.test("forwardSessions() ends the session with the server when its client is gone", async () => {
  for (const end of [undefined, "client"] as const) {
    using time = virtualTime({ seed: 5 });
    const it = await virtualWorld(time);
    const { client, network } = it;
    const waits = assertRejects(() => client.remote.wait(), CallError);
    await time.advance(100);
    network.links.find(({ name }) => name === "gateway")?.cut(end);
    assertEquals((await time.run(waits)).processed, "maybe");
    // One that is silent is found by the heartbeat of the server.
    await time.advance(end === undefined ? 5_000 : 60_000);
    assertEquals(it.seen, ["waits", "aborted"]);
    await time.run(client.ready());
    assertEquals(it.gateway.sessions, 1);
    await it.end();
  }
});

Deno.test("forwardSessions() loses no call while servers and gateways drain", async () => {
  using time = virtualTime({ seed: 5 });
  const it = await virtualWorld(time);
  const { client, network, servers } = it;
  await time.run(client.ready());
  let calls = 0;
  let running = true;
  const calling = Array.from({ length: 2 }, async (_, n) => {
    while (running) {
      assertEquals(await client.remote.echo(n), n);
      calls++;
      await new Promise((go) => setTimeout(go, 7));
    }
  });
  for (const name of ["a", "b"]) {
    await time.advance(300);
    await time.run(servers.get(name)!.shutdown());
    await time.advance(300);
    servers.set(name, await it.start(name));
  }
  const other = await it.open("other");
  const items = Array.fromAsync(client.remote.count(100));
  await time.advance(100);
  const drained = time.run(it.gateway.shutdown());
  await time.advance(300);
  assertEquals([it.gateway.sessions, other.sessions], [1, 1]);
  assertEquals((await time.run(items)).length, 100); // it ends its stream
  await drained;
  assertEquals(it.gateway.sessions, 0);
  await time.advance(300);
  running = false;
  await time.run(Promise.all(calling));
  assert(calls > 150, `${calls} calls`);
  assertEquals(network.links.length, 2);
  await it.end(other);
});

Deno.test("forwardSessions() ends sessions of peers that take nothing for long", async () => {
  for (const slow of ["client", "server"] as const) {
    using time = virtualTime({ seed: 5 });
    const it = await virtualWorld(time);
    const { client, network } = it;
    const first = await time.run(client.remote.who());
    const { session } = client;
    const [outer, inner] = ["gateway", first].map((name) =>
      network.links.find((link) => link.name === name)
    );
    const stalled = slow === "client" ? outer?.toClient : inner?.toServer;
    if (stalled !== undefined) {
      stalled.fault = { kind: "stall", after: stalled.bytes };
    }
    // Calls that were not sent are made again in the next session.
    const calls = [1, 2].map(() =>
      client.remote.size(new Uint8Array(900_000), { timeout: 300_000 })
    );
    const before = time.now;
    await time.run(Promise.allSettled(calls));
    await time.run(session!.finished); // there is one
    const took = time.now - before;
    assert(took < 65_000, `${slow}: ${took} ms`);
    await time.advance(60_000);
    assertEquals(it.gateway.sessions, 1); // that of the client's next session
    assertEquals(it.gateway.unsent, 0);
    await it.end();
  }
});

Deno.test("forwardSessions() cuts a client that reads nothing, also if its server does not", async () => {
  using time = virtualTime({ seed: 5 });
  const network = simulatedNetwork({ capacity: 65_536 });
  const servers = network.listen("server");
  const gateway = await forwardSessions(network.listen("gateway"), {
    upstreams: { server: network.address("server") },
  });
  const { signal } = new AbortController();
  const client = new RawPeer(
    await time.run(network.address("gateway").connect(signal)),
  );
  await time.run(client.hello());
  const server = new RawPeer(await time.run(servers.accept()));
  await time.run(server.hello({ role: 1 }));
  let sent = 0;
  const sending = (async () => {
    for (; sent < 60; sent++) {
      await server.frame(K.ITEM, 1, new Uint8Array(10_000));
    }
  })().catch(() => {});
  await time.advance(29_000);
  // Two buffers of the network, and at most three at the gateway.
  assert(sent * 10_000 < 5 * 65_536, `${sent} frames`);
  assertEquals(gateway.sessions, 1);
  await time.advance(10_000);
  assertEquals(gateway.sessions, 0);
  await time.run(sending);
  for (const { connection } of [client, server]) connection.close();
  await time.run(gateway.shutdown());
  servers.close();
  assertEquals(time.timers, 0);
});

Deno.test("forwardSessions() cuts a client that reads less than 1 KiB per second", async () => {
  for (const [bytes, left] of [[900, 0], [1_200, 1]] as const) {
    using time = virtualTime({ seed: 5 });
    const network = simulatedNetwork({ capacity: 4_096 });
    const servers = network.listen("server");
    const gateway = await forwardSessions(network.listen("gateway"), {
      upstreams: { server: network.address("server") },
    });
    const { signal } = new AbortController();
    const client = new RawPeer(
      await time.run(network.address("gateway").connect(signal)),
    );
    await time.run(client.hello());
    const server = new RawPeer(await time.run(servers.accept()));
    await time.run(server.hello({ role: 1 }));
    const sending = (async () => {
      for (let sent = 0; sent < 60; sent++) {
        await server.frame(K.ITEM, 1, new Uint8Array(10_000));
      }
    })().catch(() => {});
    for (let second = 0; second < 70; second++) {
      await time.advance(1_000);
      if (gateway.sessions === 0) break;
      const read = client.connection.read(new Uint8Array(bytes));
      await time.run(read).catch(() => {}); // it was cut
    }
    assertEquals(gateway.sessions, left, `${bytes} bytes`);
    for (const { connection } of [client, server]) connection.close();
    await time.advance(5_000);
    await time.run(sending);
    await time.run(gateway.shutdown());
    servers.close();
    assertEquals([gateway.held, time.timers], [0, 0]);
  }
});

Deno.test("forwardSessions() bounds what all clients make it hold", async () => {
  using time = virtualTime({ seed: 5 });
  const network = simulatedNetwork();
  const memory = 2 ** 20;
  const gateway = await forwardSessions(network.listen("gateway"), {
    upstreams: { gone: network.address("gone") },
    memory,
  });
  const { signal } = new AbortController();
  const codes: number[] = [];
  const peer = async (bytes: number) => {
    const connecting = network.address("gateway").connect(signal);
    const raw = new RawPeer(await time.run(connecting));
    void raw.next().then(({ body }) => void codes.push(body[0]!), () => {});
    const part = new Uint8Array(bytes);
    part.set([0, 2, 0, 0]); // of a frame of 128 KiB
    await time.run(raw.send(part).catch(() => {}));
    await time.advance(1);
    return raw;
  };
  const peers: RawPeer[] = [];
  const held: number[] = [];
  for (let count = 0; count < 8; count++) {
    peers.push(await peer(100_000));
    held.push(gateway.held);
  }
  assert(held.every((bytes) => bytes <= memory / 2), String(held));
  assert(held[1]! >= 200_000, String(held)); // what arrived counts
  assert(codes.length >= 2 && codes.every((code) => code === 13), `${codes}`);
  for (const { connection } of peers) connection.close();
  await time.advance(10_000);
  assertEquals([gateway.held, gateway.sessions], [0, 0]);
  await time.run(gateway.shutdown());
  assertEquals(time.timers, 0);
});

Deno.test("forwardSessions() ends sessions whose calls outlast the grace", async () => {
  using time = virtualTime({ seed: 5 });
  const it = await virtualWorld(time);
  const { client } = it;
  const waits = assertRejects(() => client.remote.wait(), CallError);
  await time.advance(100);
  const drained = it.gateway.shutdown({ grace: 1_000 });
  await time.advance(900);
  assertEquals([it.gateway.sessions, it.seen], [1, ["waits"]]);
  const error = await time.run(waits);
  assertEquals([error.code, error.processed], ["unavailable", "maybe"]);
  await time.run(drained);
  assertEquals(it.seen, ["waits", "aborted"]);
  await it.end();
});

Deno.test("forwardSessions() relays resumed sessions to the server that has them", async () => {
  using time = virtualTime({ seed: 5 });
  const it = await virtualWorld(time, 20_000);
  const { client, network } = it;
  const name = await time.run(client.remote.who());
  const { session } = client;
  const items = Array.fromAsync(client.remote.count(300));
  const direct = createClient(Who, network.address("gateway"));
  for (let n = 0; n < 3; n++) {
    await time.advance(500);
    // The servers take turns, so that the next one is another.
    await time.run(direct.ready());
    network.links.find(({ name }) => name === (n === 1 ? "a" : "gateway"))
      ?.cut();
    await time.advance(1_000);
  }
  assertEquals(
    await time.run(items),
    Array.from({ length: 300 }, (_, at) => at),
  );
  assertEquals(client.session, session); // it is the same one
  assertEquals(await time.run(client.remote.who()), name);
  await time.run(direct.close());
  await it.end();
});

Deno.test("forwardSessions() drains a resumed session when both ends have read that", async () => {
  for (const cuts of [0, 2]) {
    using time = virtualTime({ seed: 5 });
    const it = await virtualWorld(time, 20_000);
    const { client, network } = it;
    for (let n = 0; n < 5; n++) await time.run(client.remote.echo(n));
    const items = Array.fromAsync(client.remote.count(200));
    for (let n = 0; n < cuts; n++) {
      network.links.find(({ name }) => name === "gateway")?.cut();
      await time.advance(500);
    }
    const { session } = client;
    const other = await it.open("other");
    const drained = it.gateway.shutdown();
    await time.run(items);
    const before = time.now;
    await time.run(drained);
    // The PONGs have come, so there is no time to wait for.
    assert(time.now - before < 100, `${time.now - before} ms`);
    assertEquals(await time.run(client.remote.echo(1)), 1);
    assertEquals(client.session === session, false);
    assertEquals(session?.draining?.reason.code, "drain");
    await it.end(other);
  }
});

Deno.test("forwardSessions() relays requests that a cut interrupts anywhere", async () => {
  using time = virtualTime({ seed: 5 });
  const it = await virtualWorld(time, 20_000);
  const { client, network } = it;
  const metadata = { "lw-forwarded-user": "mallory", locale: "en" };
  await time.run(client.ready());
  const { session } = client;
  for (let at = 1; at < 40; at += 9) {
    const calls = [400_000, 200_000, 10].map((size) =>
      client.remote.size(new Uint8Array(size).fill(0x20), { metadata })
    );
    await time.advance(at);
    network.links[at % network.links.length]?.cut();
    assertEquals(
      await time.run(Promise.all(calls)),
      [400_000, 200_000, 10].map((size) => [size, "locale"]),
    );
  }
  assertEquals(client.session, session);
  // Another gateway does not know the session: the server opens a new one.
  const other = await it.open("other");
  await time.run(it.gateway.shutdown({ grace: 0 }));
  assertEquals(await time.run(client.remote.echo(1)), 1);
  await it.end(other);
});

Deno.test("forwardSessions() refuses clients that it cannot relay, and says why", async () => {
  using time = virtualTime({ seed: 3 });
  const network = simulatedNetwork();
  const errors: unknown[] = [];
  let upstream = "gone";
  const gateway = await forwardSessions(network.listen("gateway"), {
    upstreams: {
      gone: network.address("gone"),
      none: async function* () {
        yield [];
      },
    },
    pick: () => upstream,
    maxSessions: 2,
    wait: 1_000,
    onError: (error) => void errors.push(error),
  });
  const { signal } = new AbortController();
  const peer = async () =>
    new RawPeer(
      await time.run(network.address("gateway").connect(signal)),
    );
  const refused = async (send: (peer: RawPeer) => Promise<void>) => {
    const raw = await peer();
    await time.run(send(raw));
    const { kind, body } = await time.run(raw.next());
    assertEquals(kind, K.GOAWAY);
    raw.connection.close();
    await time.advance(5_000);
    assertEquals(gateway.sessions, 0);
    return body[0];
  };
  assertEquals(await refused((raw) => raw.hello()), 13); // no server
  assertEquals(
    String(errors),
    "TransportError: Cannot connect to memory:gone: nothing is listening on the address",
  );
  upstream = "none";
  errors.length = 0;
  assertEquals(await refused((raw) => raw.hello()), 13);
  assertEquals(String(errors), "Error: The list of addresses is empty");
  assertEquals(await refused((raw) => raw.hello({ major: 2 })), 2);
  assertEquals(await refused((raw) => raw.hello({ role: 1 })), 1);
  assertEquals(await refused((raw) => raw.frame(K.PING, 0)), 1);
  assertEquals(await refused((raw) => raw.send(new Uint8Array(5))), 1);
  assertEquals(
    await refused((raw) => raw.send(new Uint8Array(9).fill(255))),
    1,
  );
  assertEquals(await refused(() => Promise.resolve()), 5); // says nothing
  const waiting = [await peer(), await peer()];
  assertEquals(await refusedAtOnce(await peer()), 13);
  async function refusedAtOnce(raw: RawPeer) {
    const { body } = await time.run(raw.next());
    return body[0];
  }
  for (const { connection } of waiting) connection.close();
  await time.run(gateway.shutdown());
  assertEquals(time.timers, 0);
});

Deno.test("forwardSessions() refuses to forward to itself", async () => {
  const network = simulatedNetwork();
  const open = (name: string, to: string) =>
    forwardSessions(network.listen(name), {
      upstreams: { to: network.address(to) },
    });
  const gateways = [await open("a", "b"), await open("b", "a")];
  const error = await assertRejects(
    async () =>
      await connect(
        Who,
        await network.address("a").connect(new AbortController().signal),
      ),
    SessionError,
    "the gateway forwards to itself",
  );
  assertEquals(error.code, "internal");
  await Promise.all(gateways.map((gateway) => gateway.shutdown()));
});

Deno.test("forwardSessions() routes by what HELLO says, and states addresses", async () => {
  const Name = protocol({
    name: "name",
    server: { name: unary<void, string>() },
  });
  const start = (port: string) =>
    serve(Name, { port: 0 }, {
      transport: { proxyProtocol: { from: ["127.0.0.1/32"] } },
    }).handle({
      name: (_, { session: { proxy, remoteAddr } }) =>
        `${port} ${proxy?.command} ${remoteAddr.port}`,
    });
  const servers = { a: await start("a"), b: await start("b") };
  const gateway = await forwardSessions({ port: 0 }, {
    upstreams: { a: servers.a.addr, b: [servers.b.addr] },
    proxyProtocol: true,
    pick: ({ protocol, credentials, info }) => {
      assertEquals([protocol, info.localAddr.port], [
        "name",
        gateway.addr.port,
      ]);
      return credentials === undefined ? "a" : "b";
    },
  });
  for (const [credentials, name] of [[undefined, "a"], ["x", "b"]] as const) {
    const session = await connect(Name, gateway.addr, { credentials });
    const { port } = session.localAddr;
    assertEquals(await session.remote.name(), `${name} proxy ${port}`);
    await session.close();
  }
  await gateway.shutdown();
  await Promise.all([servers.a.shutdown(), servers.b.shutdown()]);
});

Deno.test("forwardSessions() rejects options that it cannot use", async () => {
  const rejects = (options: object, message: string) =>
    assertRejects(
      () =>
        forwardSessions(
          { memory: "rejected" },
          options as ForwardSessionsOptions, // a JavaScript program's
        ),
      Error,
      message,
    );
  const one = { upstreams: { a: { port: 1 } } };
  await rejects({ upstreams: {} }, "without upstreams");
  await rejects({
    upstreams: { a: { port: 1 }, b: { port: 2 } },
  }, "without the option pick");
  await rejects({ ...one, wait: -1 }, "'wait' must be an integer from 0");
  await rejects({ ...one, maxSessions: 0 }, "'maxSessions' must be");
  await rejects({ ...one, memory: 5 }, "at least 1048576 (bytes)");
  await rejects({ ...one, identity: () => ({}) }, '"identity"');
  await rejects({}, 'as the option "upstreams"');
  await rejects({ ...one, pick: 5 }, 'as option "pick": expected a function');
  await rejects({ ...one, onError: "log" }, 'as option "onError": expected');
});

Deno.test("forwardSessions() rejects addresses that it can never reach", async () => {
  const connector = { name: "x", connect: () => Promise.reject(new Error()) };
  const connect = { timeout: 5 };
  for (
    const [upstream, message, options] of [
      [[], "without an address"],
      [undefined, "Cannot use undefined as an address"],
      [{ host: "a", port: 1 }, "'port' and 'host'"],
      ["127.0.0.1:80", "did you mean 'tcp://127.0.0.1:80'?"],
      [[{ port: 1 }, { path: "/x", port: 1 }], "'path' and 'port'"],
      [{ port: 1, tls: {} }, '"tls" of connect()', { tls: {} }],
      [{ port: 1 }, 'mean "timeout"?', { timeot: 1 }],
      [{ port: 1 }, '"signal"', { signal: AbortSignal.abort() }],
      [{ port: 1 }, "'timeout' must be", { timeout: -1 }],
      [{ path: "/x" }, '"noDelay" for unix:', { noDelay: true }],
      [connector, '"timeout" of forwardSessions()', connect],
    ] as const
  ) {
    const error = await assertRejects(
      () =>
        forwardSessions({ memory: "unreachable" }, {
          upstreams: { a: upstream },
          ...options && { connect: options },
        } as ForwardSessionsOptions), // a JavaScript program's
      Error,
    );
    assert(error.message.includes(message), `${message}: ${error.message}`);
  }
});

/** Callbacks that fail. */
const hooks = {
  throwing() {
    throw new Error("of the hook");
  },
  rejecting: () => Promise.reject(new Error("of the hook")),
};

Deno.test("forwardSessions() outlives an onError that throws", async () => {
  for (const onError of [hooks.throwing, hooks.rejecting]) {
    const gateway = await forwardSessions({ memory: "hook" }, {
      upstreams: { a: { memory: "nothing listens here" } },
      wait: 0,
      onError,
    });
    const error = await assertRejects(
      () =>
        connect(Work, gateway.addr, {
          handlers: { reply: () => "", said() {} },
        }),
      SessionError,
    );
    assertEquals(error.code, "refused-busy");
    await gateway.shutdown();
    assertEquals(gateway.sessions, 0);
  }
});

function u32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function u16(of: number): Uint8Array {
  return Uint8Array.of(of >> 8, of & 255);
}
