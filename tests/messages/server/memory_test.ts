/**
 * The memory of a server with real sessions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import {
  clientStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, failureOf, inVirtualTime, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const MiB = 2 ** 20;

const Store = protocol({
  name: "store",
  server: {
    keep: clientStream<Uint8Array, number>(),
    ask: unary<void, string>(),
  },
});

/** Starts a server with 4 MiB whose uploads are not read. */
function setUp(clients: number) {
  const released = Promise.withResolvers<number>();
  const server = createServer(Store, {
    memory: 4 * MiB,
    onError() {},
  }).handle({
    keep: () => released.promise,
    ask: () => "here",
  });
  const sessions = Promise.all(
    Array.from({ length: clients }, () => connect(Store, dial(server))),
  );
  return { server, sessions, release: () => released.resolve(0) };
}

/** Uploads this many items of 50 kB, each in a stream of its own. */
async function upload(
  session: Awaited<ReturnType<typeof setUp>["sessions"]>[number],
  items: number,
): Promise<Promise<unknown>[]> {
  const calls = [];
  for (let n = 0; n < items; n++) {
    const call = session.remote.keep();
    call.send(new Uint8Array(50_000)).catch(() => {});
    calls.push(call.result.catch((error: unknown) => error));
    await turns(2);
  }
  return calls;
}

Deno.test(
  "sessions above their share get no new calls under pressure",
  none,
  async () => {
    const { server, sessions, release } = setUp(8);
    const [light, ...others] = await sessions;
    const heavy = others.slice(0, 4);
    const calls: Promise<unknown>[] = [];
    for (const session of heavy) calls.push(...await upload(session, 16));
    await turns(20);
    const { code, message, retry } = await failureOf(heavy[3]!.remote.ask());
    assertEquals([code, retry], ["overloaded", "later"]);
    assert(message.includes("option memory"), message);
    assertEquals(await light!.remote.ask(), "here");
    release(); // the items are dropped with their calls
    await Promise.all(calls);
    assertEquals(await heavy[3]!.remote.ask(), "here");
    await server.shutdown();
  },
);

Deno.test(
  "the heaviest sessions end with the reason when memory is used up",
  none,
  async () => {
    const { server, sessions, release } = setUp(9);
    const [light, ...heavy] = await sessions;
    for (const [n, session] of heavy.entries()) await upload(session, 9 + n);
    await turns(20);

    const reason = await Promise.race(heavy.map(({ finished }) => finished));
    assertEquals([reason.code, reason.remote], ["refused-busy", true]);
    assert(reason.message.includes("option memory, 4194304 bytes"));
    assertEquals(await light!.remote.ask(), "here");
    release();
    await server.shutdown();
  },
);

Deno.test("connections that cannot be used have no share", none, async () => {
  const { server, sessions, release } = setUp(8);
  const [light, ...others] = await sessions;
  const faulty = {
    get localAddr(): never {
      throw new Error("faulty");
    },
    [Symbol.dispose]() {},
  };
  for (let n = 0; n < 100; n++) {
    await server.accept(faulty as unknown as Connection); // as one of a plain JavaScript program
  }
  const calls = await upload(light!, 4);
  for (const session of others.slice(0, 4)) {
    calls.push(...await upload(session, 16));
  }
  await turns(20);
  await light!.remote.ask(); // the pressure is looked at after each frame
  assertEquals(await light!.remote.ask(), "here");
  release();
  await Promise.all(calls);
  await server.shutdown();
});

Deno.test(
  "a session that has ended holds nothing, whatever it has not sent",
  none,
  async () => {
    const server = createServer(Store, { onError() {} }).handle({
      keep: () => 0,
      ask: () => "x".repeat(200_000),
    });
    for (const end of ["peer", "server"] as const) {
      const [near, far] = memoryPair({ capacity: 2000 });
      const accepted = server.accept(far);
      let blocked = false;
      const read = near.read.bind(near);
      const gate = Promise.withResolvers<void>();
      near.read = async (buffer) => {
        if (blocked) await gate.promise;
        return await read(buffer);
      };
      const session = await connect(Store, near);
      blocked = true;
      const call = failureOf(session.remote.ask());
      while (server.stats.memory.used < 100_000) await turns(1);
      if (end === "peer") near.close();
      else {
        const [own] = server.sessions;
        void own!.close();
        setTimeout(() => near.close(), 20);
      }
      await accepted;
      assertEquals(server.stats.memory.used, 0, end);
      gate.resolve();
      await session.close();
      await call;
    }
    await server.shutdown();
  },
);

for (const cause of ["the same event", "timers"] as const) {
  Deno.test(
    `results that follow small ones at ${cause} do not use up the memory`,
    none,
    inVirtualTime(async () => {
      const Polls = protocol({
        name: "polls",
        server: { poll: unary<number, Uint8Array>() },
      });
      const event = Promise.withResolvers<void>();
      let encoded = 0;
      const message = (direction: string, bytes: number) => {
        if (direction === "sent") encoded += bytes;
      };
      const server = createServer(Polls, {
        memory: 4 * MiB,
        limits: { unsentSoft: 65_536, unsentHard: 1_048_576 },
        observers: [{ call: () => ({ message }) }],
        onError() {},
      }).handle({
        async poll(bytes) {
          if (bytes > 100) {
            await (cause === "timers" ? delay(100) : event.promise);
          }
          return new Uint8Array(bytes);
        },
      });
      const sessions = [];
      const reading = Promise.withResolvers<void>();
      let reads = true;
      for (let n = 0; n < 8; n++) {
        const near = dial(server, { capacity: 2000 });
        const read = near.read.bind(near);
        near.read = async (buffer) => {
          if (!reads) await reading.promise;
          return await read(buffer);
        };
        sessions.push(await connect(Polls, near));
      }
      for (const { remote } of sessions) await remote.poll(10);
      reads = false;
      const calls = sessions.flatMap(({ remote }) =>
        Array.from({ length: 100 }, () => remote.poll(20_000))
      );
      const ends = Promise.allSettled(calls);
      await turns(20);
      encoded = 0;
      event.resolve();
      await delay(200);
      const { used } = server.stats.memory;
      assert(used <= 2 * MiB, `${used} bytes are held`);
      // Seven sixteenths, and a session below its share may then reach its share.
      assert(encoded <= 2 * 7 / 16 * 4 * MiB, `${encoded} bytes`);
      assert(server.stats.sessions.open > 4);
      reading.resolve();
      let dropped = 0;
      for (const end of await ends) {
        if (end.status === "fulfilled") continue;
        const { code, processed, message } = end.reason;
        if (code === "disconnected") continue; // with one of the heaviest sessions
        assertEquals([code, processed], ["overloaded", "yes"]);
        assert(message.startsWith("poll: its result was dropped"), message);
        dropped++;
      }
      assert(dropped > 100, `${dropped} results were dropped`);
      await Promise.all(sessions.map((session) => session.close()));
      await server.shutdown();
    }),
  );
}
