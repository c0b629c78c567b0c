import { accountsOf, inFlightOf } from "../session/accounts.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import {
  aborted,
  all,
  dial,
  endOf,
  failureOf,
  incidents,
  turns,
  typedSession,
} from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    wait: unary<void, void>(),
    watch: serverStream<void, number>(),
    send: clientStream<number, void>(),
    log: notification<Uint8Array>(),
  },
  client: { slow: unary<void, string>() },
});

Deno.test(
  "an unfinished frame ends the session, and everything settles",
  none,
  async () => {
    const [near, far] = memoryPair();
    const raw = new RawPeer(far);
    const release = Promise.withResolvers<string>();
    const entered = Promise.withResolvers<void>();
    const { list, onError } = incidents();
    const connecting = connect(P, near, {
      handlers: {
        slow: () => {
          entered.resolve();
          return release.promise;
        },
      },
      limits: { assemblyTimeout: 30 },
      onError,
    });
    await raw.hello({ role: 1, methods: [["slow", 0]] });
    const session = await connecting;
    const pending = [
      failureOf(session.remote.wait()),
      failureOf(all(session.remote.watch())),
      failureOf(session.remote.send().result),
    ];
    await raw.frame(K.REQUEST, 2, request(0, value(undefined)));
    await entered.promise;
    await raw.send(Uint8Array.of(0, 0, 0, 100, K.RESULT));
    const error = await session.finished;
    assertEquals(error?.code, "disconnected");
    assert(error?.message.includes("rest of a frame"), error?.message);
    for (const each of pending) {
      assertEquals((await each).code, "disconnected");
    }
    // A handler that settles now has no effect.
    release.resolve("late");
    await turns(2);
    assertEquals(list, []);
    assertEquals((await failureOf(session.remote.wait())).processed, "no");
    await session.close();
    far.close();
  },
);

Deno.test(
  "a notification waits while too much is unsent, and fails with a CallError when the connection is lost",
  none,
  async () => {
    const [near, far] = memoryPair({ capacity: 1024 });
    const raw = new RawPeer(far);
    const connecting = connect(P, near, {
      handlers: { slow: () => "x" },
      limits: { unsentSoft: 64 * 1024 },
    });
    await raw.hello({ role: 1 });
    const session = await connecting;
    const large = new Uint8Array(100_000);
    await session.remote.log(large); // is written
    await session.remote.log(large); // is queued
    const waiting = failureOf(session.remote.log(large));
    await turns(2);
    far.close();
    assertEquals((await waiting).code, "disconnected");
    await session.finished;
    await session.close();
  },
);

Deno.test(
  "a connection that breaks during the handshake rejects connect()",
  none,
  async () => {
    for (const after of [0, 1, 11, 12, 40]) {
      const [near, far] = memoryPair({
        toClient: { fault: { kind: "cut", after } },
      });
      const server = createServer(P, { onError() {} }).handle({
        wait() {},
        async *watch() {},
        send() {},
        log() {},
      });
      server.accept(far);
      const error = await endOf(
        connect(P, near, { handlers: { slow: () => "" } }),
      );
      assertEquals(error.code, "disconnected", `cut after ${after}`);
      await server.shutdown();
    }
  },
);

Deno.test(
  "a session holds no call and no timer once its calls have ended",
  none,
  async () => {
    const server = createServer(P).handle({
      wait() {},
      async *watch() {},
      send() {},
      log() {},
    });
    const session = await connect(P, dial(server), {
      handlers: { slow: () => "" },
    });
    const inside = typedSession(session);
    const calls = [session.remote.wait(), session.remote.wait()];
    assertEquals(inFlightOf(inside.enter()).outgoing, 2);
    await Promise.all(calls);
    assertEquals(inFlightOf(inside.enter()), {
      outgoing: 0,
      incoming: 0,
      queued: 0,
    });
    assertEquals(accountsOf(inside.enter()).timers, 0);
    await session.close();
    await inside.closed;
    await server.shutdown();
  },
);

Deno.test(
  "session.draining is aborted however late it is read first, and one signal",
  none,
  async () => {
    for (const how of ["own drain", "peer's drain", "end"] as const) {
      const P = protocol({ name: "p", server: { wait: unary<void, void>() } });
      const done = Promise.withResolvers<void>();
      const server = createServer(P).handle({ wait: () => done.promise });
      const session = await connect(P, dial(server));
      const early = await connect(P, dial(server));
      assertEquals(early.draining.aborted, false);
      const pending = Promise.allSettled([
        session.remote.wait(),
        early.remote.wait(),
      ]);
      await turns(2);
      for (const one of [session, early]) {
        if (how === "own drain") one.drain();
        else if (how === "end") one.close();
      }
      if (how === "peer's drain") server.shutdown();
      await aborted(early.draining);
      await turns(2);
      await aborted(session.draining); // never ends if it is missed
      assertEquals(session.draining, session.draining);
      done.resolve();
      await pending;
      await server.shutdown();
    }
  },
);

Deno.test(
  "session.close() may be called from signal, draining and onError callbacks",
  none,
  async () => {
    const Q = protocol({
      name: "q",
      server: { wait: unary<void, void>(), fail: unary<void, unknown>() },
    });
    const closing: Promise<void>[] = [];
    const server = createServer(Q, {
      onError() {
        for (const session of server.sessions) closing.push(session.close());
      },
    }).handle({
      wait: (_, { signal, session }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            closing.push(session.close());
            resolve();
          });
        }),
      fail: () => () => "has no encoding",
    });
    for (const how of ["cancel", "error", "drain"] as const) {
      const session = await connect(Q, dial(server));
      const controller = new AbortController();
      const pending = failureOf(
        how === "error"
          ? session.remote.fail()
          : session.remote.wait(undefined, { signal: controller.signal }),
      );
      if (how === "drain") {
        session.draining.addEventListener("abort", () => {
          closing.push(session.close());
        });
      }
      await turns(2);
      if (how === "cancel") controller.abort();
      if (how === "drain") [...server.sessions][0]?.drain();
      await pending;
      await session.finished;
      await session.close();
    }
    await Promise.all(closing);
    await server.shutdown();
  },
);

Deno.test(
  "close() rejects a reason that is not a string, and stays open",
  none,
  async () => {
    const P = protocol({ name: "p", server: { ping: unary() } });
    const server = createServer(P).handle({ ping() {} });
    const session = await connect(P, dial(server));
    // `as`: the type forbids what is tested
    assertThrows(() => session.close(7 as never), TypeError, "as the reason");
    await session.remote.ping();
    await session.close("done");
    await server.shutdown();
  },
);

for (const size of [10, 5_000, 300_000]) {
  Deno.test(
    `a connection whose write() throws settles every call (${size} bytes each)`,
    none,
    async () => {
      const P = protocol({
        name: "p",
        server: {
          echo: unary<Uint8Array, Uint8Array>(),
          upload: clientStream<Uint8Array, void>(),
        },
      });
      const server = createServer(P).handle({
        echo: (bytes) => bytes,
        async upload(items) {
          for await (const _ of items);
        },
      });
      const near = dial(server);
      const write = near.write.bind(near);
      let broken = false;
      near.write = (data) => {
        if (broken) throw new Error("it throws, and does not reject");
        return write(data);
      };
      const session = await connect(P, near);
      const bytes = new Uint8Array(size);
      assertEquals(await session.remote.echo(bytes), bytes);
      broken = true;
      const calls = [
        session.remote.echo(bytes),
        session.remote.upload([bytes, bytes]).result,
        session.remote.echo(bytes),
      ];
      for (const failed of calls.map(failureOf)) {
        assertEquals((await failed).code, "disconnected");
      }
      assertEquals((await session.finished)?.code, "disconnected");
      const { outgoing, queued } = inFlightOf(typedSession(session).enter());
      assertEquals([outgoing, queued], [0, 0]);
      await server.shutdown();
    },
  );
}

const ITEMS = 1000;

Deno.test("the clock is read for some items of a turn only", none, async () => {
  const server = createServer(P).handle({
    wait() {},
    async *watch() {
      for (let at = 0; at < ITEMS; at++) yield at;
    },
    async send(items) {
      for await (const _ of items);
    },
    log() {},
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const session = await connect(P, near, {
    handlers: { slow: () => "" },
  });
  const { now } = performance;
  let reads = 0;
  performance.now = () => {
    reads++;
    return now.call(performance);
  };
  try {
    for await (const _ of session.remote.watch());
    await session.remote.send(Array.from({ length: ITEMS }, (_, at) => at))
      .result;
  } finally {
    performance.now = now;
  }
  await session.close();
  await server.shutdown();
  assert(reads < 2 * ITEMS, `the clock was read ${reads} times`);
});

Deno.test(
  "an item counts as held by its handler until the next one",
  none,
  async () => {
    const lengths = [100_000, 100, 50_000, 50_010, 49_900];
    const Lengths = protocol({
      name: "lengths",
      server: { send: clientStream<string, void>() },
    });
    const counted: number[] = [];
    const server = createServer(Lengths).handle({
      async send(items, { session }) {
        for await (const _ of items) {
          counted.push(session.stats.held.inputs.bytes);
        }
      },
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connect(Lengths, near);
    await session.remote.send(lengths.map((length) => "a".repeat(length)))
      .result;
    await session.close();
    await server.shutdown();
    for (const [at, bytes] of counted.entries()) {
      const length = lengths[at]!; // as many as were sent
      assert(bytes >= length && bytes < length + 2000, `${at}: ${bytes}`);
    }
    assertEquals(counted.length, lengths.length);
  },
);
