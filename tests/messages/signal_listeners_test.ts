/**
 * A signal that outlives calls, notifications, sessions and servers keeps no
 * listeners of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../lib/messages/server/server.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { countedSignal } from "../transport/counted_signal.ts";
import { thrownBy, typedSession } from "./kit.ts";

const Counted = protocol({
  name: "counted",
  server: {
    echo: unary<number, number>(),
    fail: unary<void, void>(),
    down: serverStream<void, number>(),
    note: notification<Uint8Array>(),
  },
});

const LARGE = new Uint8Array(100_000);

const handlers = {
  echo: (value: number) => value,
  fail() {
    throw new Error("broken");
  },
  async *down() {
    yield* [1, 2, 3];
  },
  note() {},
};

Deno.test("calls, sessions and servers leave no listeners on a signal", async () => {
  const signal = countedSignal();
  const options = { signal, onError() {} };
  const server = await serve(
    Counted,
    { hostname: "127.0.0.1", port: 0 },
    options,
  )
    .handle(handlers);
  const ofServer = signal.listeners;
  for (const early of [false, true]) {
    const session = await connect(Counted, server.addr, { signal, early });
    const { remote } = session;
    await remote.echo(1);
    const ofSession = signal.listeners;
    for (let round = 0; round < 3; round++) {
      await remote.echo(1, { signal });
      await thrownBy(remote.fail(undefined, { signal }));
      for await (const _ of remote.down(undefined, { signal }));
      for await (const _ of remote.down(undefined, { signal })) break;
      // All but the first few wait until there is room.
      await Promise.all(
        Array.from({ length: 40 }, () => remote.note(LARGE, { signal })),
      );
    }
    assertEquals(signal.listeners, ofSession);
    await session.close();
    await session.finished;
    assertEquals(signal.listeners, ofServer);
  }
  await server.shutdown({ grace: 0 });
  await server.finished;
  assertEquals(signal.listeners, 0);
});

Deno.test("a notification that fails leaves no listeners on its signal", async () => {
  const signal = countedSignal();
  const [near, far] = memoryPair({ toServer: { capacity: 1_000 } });
  const server = createServer(Counted).handle(handlers);
  server.accept(far);
  const session = await connect(Counted, near);
  const results = Array.from(
    { length: 40 },
    () => session.remote.note(LARGE, { signal }),
  );
  assertEquals(signal.listeners > 0, true, "some wait for a place");
  await typedSession(session).abort();
  const outcomes = await Promise.allSettled(results);
  assertEquals(outcomes.some(({ status }) => status === "rejected"), true);
  assertEquals(signal.listeners, 0);
  await server.abort();
});

Deno.test("connect() leaves no listeners on its signal when it fails", async () => {
  const signal = countedSignal();
  await using server = await serve(
    Counted,
    { hostname: "127.0.0.1", port: 0 },
    {
      authenticate() {
        throw new Error("refused");
      },
      onError() {},
    },
  ).handle(handlers);
  await thrownBy(connect(Counted, server.addr, { signal }));
  assertEquals(signal.listeners, 0);
  await server.shutdown();
  await thrownBy(connect(Counted, server.addr, { signal }));
  assertEquals(signal.listeners, 0);
});
