import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import {
  CallError,
  SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import {
  aborted,
  all,
  dial,
  endOf,
  failureOf,
  inVirtualTime,
  thrownBy,
  turns,
  typedSession,
  until,
} from "../kit.ts";
import { K, RawPeer, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Lab = protocol({
  name: "lab",
  server: {
    echo: unary<unknown, unknown>(),
    slow: unary<number | undefined, void>({ timeout: 20 }),
    forever: unary<void, void>(),
    meta: unary<void, string>(),
    count: serverStream<number, number>(),
    sum: clientStream<number, number>(),
    first: clientStream<number, number>(),
    talk: duplex<string, string>(),
    log: notification<string>(),
    ended: unary<void, string[]>(),
    orders: { create: unary<string, string>() },
  },
  client: { heard: notification<string>() },
});

function lab() {
  const ended: string[] = [];
  const server = createServer(Lab).handle({
    echo: (value) => value,
    slow: async (_, { signal }) => void await aborted(signal),
    forever: async (_, { signal }) => void await aborted(signal),
    meta: (_, context) => {
      context.respondWith({ seen: context.metadata["say"] ?? "nothing" });
      return "ok";
    },
    async *count(upTo) {
      try {
        for (let i = 0; i < upTo; i++) yield i;
      } finally {
        ended.push("count");
      }
    },
    async sum(items) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum;
    },
    async first(items) {
      for await (const item of items) return item;
      return -1;
    },
    async *talk(lines, { signal }) {
      try {
        for await (const line of lines) yield `${line}!`;
      } finally {
        ended.push(`talk ${signal.aborted}`);
      }
    },
    log: async (text, { session }) => void await session.remote.heard(text),
    ended: () => ended,
    orders: { create: (sku) => `order of ${sku}` },
  });
  return { server, ended };
}

const ears = { handlers: { heard() {} } };

Deno.test(
  "connect() resolves to a session whose remote has only the declared methods",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    const { remote } = session;
    assertEquals(await remote.echo({ a: [1, 2n, undefined] }), {
      a: [1, 2n, undefined],
    });
    assertEquals(await remote.orders.create("A-1"), "order of A-1");
    assertEquals(await all(remote.count(3)), [0, 1, 2]);
    assertEquals(await remote.sum([1, 2, 3]).result, 6);
    assertEquals(await all(remote.talk(["a", "b"])), ["a!", "b!"]);
    assertStrictEquals(await remote, remote, "awaiting it changes nothing");
    assertEquals(Object.keys(remote.orders), ["create"]);
    assertEquals(session.mismatches, []);
    await server.shutdown();
  },
);

Deno.test(
  "connect() passes metadata both ways, also when onMetadata throws",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    let told: unknown;
    const options = {
      metadata: { say: "hi" },
      onMetadata: (metadata: unknown) => void (told = metadata),
    };
    assertEquals(await session.remote.meta(undefined, options), "ok");
    assertEquals({ ...(told as object) }, { seen: "hi" });
    const thrown = await thrownBy(session.remote.meta(undefined, {
      onMetadata() {
        throw new Error("mine");
      },
    }));
    assertEquals(String(thrown), "Error: mine");
    assertEquals(await session.remote.echo(1), 1);
    await server.shutdown();
  },
);

Deno.test("the server can call the client", none, async () => {
  const { server } = lab();
  const heard = Promise.withResolvers<string>();
  await using session = await connect(Lab, dial(server), {
    handlers: { heard: heard.resolve },
  });
  await session.remote.log("hello");
  assertEquals(await heard.promise, "hello");
  await server.shutdown();
});

Deno.test(
  "a call's timeout takes precedence over the method's, and that over the client's",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), {
      ...ears,
      callTimeout: 30,
    });
    const { remote } = session;
    for (
      const failed of [
        remote.slow(), // the method's
        remote.forever(), // the client's
        remote.forever(undefined, { timeout: 5 }),
        remote.forever(undefined, { signal: AbortSignal.timeout(5) }),
      ].map(failureOf)
    ) assertEquals((await failed).code, "deadline");
    for (const timeout of [0, -1, NaN]) {
      await assertRejects(
        () => remote.echo(1, { timeout }),
        RangeError,
        "must be a number above 0 ms",
      );
    }
    const [near] = memoryPair();
    await assertRejects(
      () => connect(Lab, near, { ...ears, callTimeout: 0 }),
      RangeError,
      "Cannot use 0 as callTimeout",
    );
    near.close();
    await server.shutdown();
  },
);

Deno.test(
  "timeLeft reflects the timeout that applies: the call's, the method's or the client's",
  none,
  inVirtualTime(async () => {
    const P = protocol({
      name: "p",
      server: {
        plain: unary<void, number>(),
        timed: unary<void, number>({ timeout: 60_000 }),
        items: serverStream<void, number>({ timeout: 60_000 }),
      },
    });
    const server = createServer(P).handle({
      plain: (_, { timeLeft }) => timeLeft,
      timed: (_, { timeLeft }) => timeLeft,
      async *items(_, { timeLeft }) {
        yield timeLeft;
      },
    });
    /** Returns the timeout to which a remaining time belongs; they are far apart. */
    const which = (left: number) =>
      [6_000, 60_000, 600_000, Infinity].find((timeout) => left <= timeout);
    const call = { timeout: 6_000 };
    {
      await using session = await connect(P, dial(server), {
        callTimeout: 600_000,
      });
      const { plain, timed, items } = session.remote;
      assertEquals(
        [await plain(), await timed(), ...await all(items())].map(which),
        [600_000, 60_000, 60_000],
      );
      assertEquals(
        [
          await plain(undefined, call),
          await timed(undefined, call),
          ...await all(items(undefined, call)),
        ].map(which),
        [6_000, 6_000, 6_000],
      );
    }
    await using free = await connect(P, dial(server));
    assertEquals(
      [await free.remote.plain(), await free.remote.timed()].map(which),
      [Infinity, 60_000],
    );
    await server.shutdown();
  }),
);

Deno.test(
  "a result that crosses a cancellation is dropped and counted",
  none,
  async () => {
    const P = protocol({ name: "p", server: { ask: unary<void, number>() } });
    const entered = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<number>();
    const server = createServer(P).handle({
      ask: () => (entered.resolve(), answer.promise),
    });
    await using session = await connect(P, dial(server));
    const controller = new AbortController();
    const asked = failureOf(
      session.remote.ask(undefined, { signal: controller.signal }),
    );
    await entered.promise;
    answer.resolve(1);
    await Promise.resolve(); // the handler has settled, and its result is in transit
    controller.abort();
    const { code, processed } = await asked;
    assertEquals([code, processed], ["cancelled", "maybe"]);
    const { outgoing } = typedSession(session).enter();
    await until(() => outgoing.calls.size === 0);
    assertEquals(session.stats.lateFrames, 1);
    await server.shutdown();
  },
);

Deno.test(
  "signal cancels a call of any shape, before it begins and while it runs",
  none,
  async () => {
    const { server, ended } = lab();
    await using session = await connect(Lab, dial(server), ears);
    const { remote } = session;
    const gone = AbortSignal.abort(new Error("early"));
    for (
      const failed of [
        remote.echo(1, { signal: gone }),
        remote.log("x", { signal: gone }),
        all(remote.count(1, { signal: gone })),
        remote.sum([1], { signal: gone }).result,
        all(remote.talk([], { signal: gone })),
      ].map(failureOf)
    ) {
      const error = await failed;
      assertEquals([error.code, error.processed], ["cancelled", "no"]);
      assertEquals(String(error.cause), "Error: early");
    }

    const controller = new AbortController();
    const { signal } = controller;
    const talk = remote.talk(undefined, { signal });
    await talk.send("a");
    const running = [
      failureOf(remote.forever(undefined, { signal })),
      failureOf(all(remote.count(1e9, { signal }))),
      failureOf(remote.sum(undefined, { signal }).result),
      failureOf(all(talk)),
    ];
    await turns(5);
    controller.abort(new Error("late"));
    for (const failed of running) {
      const error = await failed;
      assertEquals([error.code, error.processed], ["cancelled", "maybe"]);
      assertEquals(String(error.cause), "Error: late");
      assert(!/(\w+): .*\1:/.test(error.message), error.message);
    }
    await until(() => ended.length >= 2);
    assertEquals(ended.sort(), ["count", "talk true"]);
    await server.shutdown();
  },
);

Deno.test(
  "leaving a loop cancels the call, and late items are dropped and counted",
  none,
  async () => {
    const { server, ended } = lab();
    await using session = await connect(Lab, dial(server), ears);
    for await (const item of session.remote.count(1e9)) {
      if (item === 2) break;
    }
    await until(() => ended.length >= 1);
    assertEquals(await session.remote.ended(), ["count"]);
    assert(
      session.stats.lateFrames > 0,
      "the items that crossed the cancellation",
    );
    {
      await using talk = session.remote.talk();
      await talk.send("a");
      await session.remote.echo(1);
    } // leaving the scope cancels it
    await until(() => ended.length >= 2);
    assertEquals(ended, ["count", "talk true"]);
    await server.shutdown();
  },
);

Deno.test(
  "a duplex call sends and receives items one by one until end()",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    const talk = session.remote.talk();
    const lines = talk[Symbol.asyncIterator]();
    await talk.send("a");
    assertEquals(await lines.next(), { done: false, value: "a!" });
    await talk.send("b");
    await talk.end();
    assertEquals(await lines.next(), { done: false, value: "b!" });
    assertEquals((await lines.next()).done, true);
    assertEquals((await lines.next()).done, true);
    const late = await failureOf(talk.send("c"));
    assertEquals([late.code, late.processed], ["cancelled", "no"]);
    await server.shutdown();
  },
);

Deno.test(
  "send() rejects immediately when it is called after end()",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    const upload = session.remote.sum();
    await upload.send(1);
    const ending = upload.end();
    const error = await failureOf(upload.send(2));
    assert(error.message.includes("end() was called"), error.message);
    await ending;
    assertEquals(await upload.result, 1);
    await server.shutdown();
  },
);

Deno.test(
  "an upload stops reading from its iterable when the handler has settled",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    let returned = false;
    async function* endless() {
      try {
        for (let i = 7;; i++) {
          yield i;
          await turns();
        }
      } finally {
        returned = true;
      }
    }
    const upload = session.remote.first(endless());
    assertEquals(await upload.result, 7);
    await until(() => returned);
    await server.shutdown();
  },
);

Deno.test(
  "a call fails with the error of its iterable, or with a TypeError when it has none",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    function* broken() {
      yield 1;
      throw new Error("no more numbers");
    }
    const error = await thrownBy(session.remote.sum(broken()).result);
    assertEquals(String(error), "Error: no more numbers");
    const wrong = session.remote.sum("text" as unknown as number[]);
    await assertRejects(() => wrong.result, TypeError, "must be an iterable");
    const bad = await thrownBy(
      session.remote.sum([(() => {}) as never]).result,
    );
    assert(String(bad).startsWith("CodecError: Cannot encode"), String(bad));
    const stream = session.remote.count((() => {}) as never);
    assert(String(await thrownBy(all(stream))).includes("Cannot encode"));
    assertEquals(await session.remote.echo(1), 1);
    await server.shutdown();
  },
);

Deno.test(
  "connect() with early sends calls before the server has answered the handshake",
  none,
  async () => {
    const [near, far] = memoryPair();
    await using peer = new RawPeer(far);
    await using session = await connect(Lab, near, { ...ears, early: true });
    const answer = session.remote.echo("early");
    // The server has sent nothing.
    assertEquals((await peer.next()).kind, K.HELLO);
    const { kind, id } = await peer.next();
    assertEquals(kind, K.REQUEST);
    await peer.hello({ role: 1 });
    await peer.frame(K.RESULT, id, value("late"));
    assertEquals(await answer, "late");
    peer.connection.close();
  },
);

Deno.test(
  "connect() with early fails calls as not processed when the handshake is refused",
  none,
  async () => {
    const P = protocol({
      name: "p",
      server: { echo: unary<string, string>() },
    });
    const server = createServer(P, {
      authenticate: (): undefined => {
        throw new CallError("No", { code: "unauthenticated" });
      },
    }).handle({ echo: (text) => text });
    const session = await connect(P, dial(server), { early: true });
    const error = await failureOf(session.remote.echo("x"));
    assertEquals([error.code, error.processed], ["unauthenticated", "no"]);
    assertEquals((await session.finished)?.code, "unauthenticated");
    assertEquals((await endOf(session.refresh("x"))).code, "unauthenticated");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "connect() rejects with the signal's reason when it is aborted",
  none,
  async () => {
    const reason = new Error("changed my mind");
    const { server } = lab();
    const [unused, peerOfUnused] = memoryPair();
    await assertRejects(
      () =>
        connect(Lab, unused, { ...ears, signal: AbortSignal.abort(reason) }),
      Error,
      "changed my mind",
    );
    assertEquals(
      await peerOfUnused.read(new Uint8Array(1)),
      null,
      "it was closed",
    );
    peerOfUnused.close();

    const [silent, peer] = memoryPair(); // never responds
    const controller = new AbortController();
    const connecting = connect(Lab, silent, {
      ...ears,
      signal: controller.signal,
    });
    await turns();
    controller.abort(reason);
    await assertRejects(() => connecting, Error, "changed my mind");
    peer.close();

    const later = new AbortController();
    const session = await connect(Lab, dial(server), {
      ...ears,
      signal: later.signal,
    });
    later.abort(reason);
    assertEquals((await session.finished).code, "closed");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "connect() closes the connection when its credentials cannot be encoded",
  none,
  async () => {
    const [near, far] = memoryPair();
    await assertRejects(
      () => connect(Lab, near, { ...ears, credentials: Symbol() }),
      Error,
      "Cannot encode",
    );
    assertEquals(await far.read(new Uint8Array(1)), null, "it was closed");
    far.close();
  },
);

Deno.test(
  "connect() requires a handler for each of the client's methods",
  none,
  async () => {
    const [near] = memoryPair();
    await assertRejects(
      () => connect(Lab, near, { handlers: {} as never }),
      TypeError,
      "missing heard",
    );
    near.close();
  },
);

Deno.test(
  "session.close() fails calls in flight and later calls without waiting for the server",
  none,
  async () => {
    const [near, far] = memoryPair();
    const { server } = lab();
    server.accept(far);
    const session = await connect(Lab, near, ears);
    const pending = [
      failureOf(session.remote.forever()),
      failureOf(all(session.remote.talk())),
      failureOf(session.remote.sum().result),
    ];
    await turns(2);
    await session.close();
    for (const failed of pending) {
      const error = await failed;
      assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
    }
    const late = await failureOf(session.remote.echo(1));
    assertEquals([late.code, late.processed], ["disconnected", "no"]);
    assertEquals((await failureOf(session.remote.log("x"))).processed, "no");
    assertEquals((await session.finished).code, "closed");
    await session.close(); // has no effect
    await server.shutdown();
  },
);

Deno.test("sixteen unread streams do not block other calls over TCP", async () => {
  const P = protocol({
    name: "p",
    server: { chunks: serverStream<number, Uint8Array>() },
  });
  const server = await serve(P, { port: 0 }).handle({
    async *chunks(count) {
      for (let i = 0; i < count; i++) yield new Uint8Array(8192);
    },
  });
  await using session = await connect(P, server.addr);
  const unread = Array.from({ length: 16 }, () => session.remote.chunks(1e6));
  let bytes = 0;
  for await (const chunk of session.remote.chunks(1000)) bytes += chunk.length;
  assertEquals(bytes, 8_192_000);
  for (const stream of unread) stream.cancel();
  await server.shutdown();
});

Deno.test(
  "a server uses the client's codec for every shape",
  none,
  async () => {
    const P = protocol({
      name: "p",
      server: {
        nothing: unary<void, void>(),
        echo: unary<string, string>(),
        count: serverStream<number, number>(),
        sum: clientStream<number, number>(),
        talk: duplex<string, string>(),
        log: notification<void>(),
      },
    });
    let logged = 0;
    const server = createServer(P, { codecs: [msgpack(), json()] }).handle({
      nothing() {},
      echo: (text) => text,
      async *count(upTo) {
        for (let i = 0; i < upTo; i++) yield i;
      },
      async sum(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      async *talk(lines) {
        for await (const line of lines) yield line;
      },
      log: () => void logged++,
    });
    for (const codec of [json(), msgpack()]) {
      await using session = await connect(P, dial(server), { codecs: [codec] });
      const { remote } = session;
      assertEquals(await remote.nothing(), undefined);
      await remote.log();
      assertEquals(await remote.echo("ä"), "ä");
      assertEquals(await all(remote.count(2)), [0, 1]);
      assertEquals(await remote.sum([1, 2]).result, 3);
      assertEquals(await all(remote.talk(["a"])), ["a"]);
    }
    assertEquals(logged, 2);
    await server.shutdown();
  },
);

Deno.test(
  "a message larger than a stream's window arrives in both directions, alongside small ones",
  none,
  async () => {
    const { server } = lab();
    await using session = await connect(Lab, dial(server), ears);
    const large = new Uint8Array(900_000).fill(7);
    const sending = session.remote.echo(large);
    assertEquals(await session.remote.echo("small"), "small");
    assertEquals((await sending as Uint8Array).length, large.length);
    await server.shutdown();
  },
);

Deno.test("connect() offers its codecs, and the server chooses", async () => {
  const P = protocol({
    name: "P",
    server: { echo: unary<string, string>() },
  });
  const echo = (text: string) => text;
  await using server = await createServer(P, { codecs: [json()] }).handle({
    echo,
  });
  const codecs = [msgpack(), json()] as const;
  for (const early of [false, true]) {
    await using session = await connect(P, dial(server), { codecs, early });
    assertEquals(await session.remote.echo("ä"), "ä");
  }
  // Credentials are encoded with the first codec, which the server lacks.
  const error = await assertRejects(
    () => connect(P, dial(server), { codecs, credentials: "secret" }),
    SessionError,
    'codec "msgpack" is not supported; expected "json"',
  );
  assertEquals(error.code, "codec");
});
