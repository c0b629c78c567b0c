/**
 * Connections that have lost one direction: the other one is still used.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { connect as dialTransport } from "../../../lib/transport/connect.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { aborted, failureOf, inVirtualTime, turns } from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    echo: unary<unknown, unknown>(),
    wait: unary<void, void>(),
    down: serverStream<number, number>(),
    log: notification<unknown>(),
  },
});

const METHODS = [
  ["echo", 0],
  ["wait", 0],
  ["down", 2],
  ["log", 1],
] as const;

function handlers() {
  const ended: unknown[] = [];
  return {
    ended,
    serve: {
      async echo(input: unknown) {
        await turns(3);
        return input;
      },
      async wait(_: void, { signal }: { signal: AbortSignal }) {
        ended.push(await aborted(signal));
      },
      async *down(count: number) {
        for (let n = 0; n < count; n++) yield n;
      },
      log() {},
    },
  };
}

Deno.test("a client that half-closes after its requests gets the replies", async () => {
  await using server = await serve(P, { port: 0 }).handle(handlers().serve);
  const raw = new RawPeer(await dialTransport(server.addr));
  await raw.hello({ methods: METHODS });
  await raw.until(K.HELLO);
  await raw.frame(K.REQUEST, 1, request(0, value("a".repeat(100_000))));
  await raw.frame(K.REQUEST, 3, request(2, value(3)));
  await raw.connection.closeWrite();
  const kinds: string[] = [];
  try {
    for (;;) {
      const { kind, id } = await raw.next();
      kinds.push(`${kind} ${id}`);
    }
  } catch { /* the stream ends */ }
  const count = (text: string) => kinds.filter((kind) => kind === text).length;
  assertEquals([count(`${K.ITEM} 3`), count(`${K.RESULT} 3`)], [3, 1]);
  assertEquals(count(`${K.RESULT} 1`), 1);
  raw.connection.close();
});

Deno.test(
  "a client that half-closes does not keep its handlers running for more than closeTimeout",
  none,
  inVirtualTime(async () => {
    const { ended, serve } = handlers();
    const server = createServer(P, { limits: { closeTimeout: 20 } })
      .handle(serve);
    const [near, far] = memoryPair();
    const served = server.accept(far);
    const raw = new RawPeer(near);
    await raw.hello({ methods: METHODS });
    await raw.until(K.HELLO);
    await raw.frame(K.REQUEST, 1, request(1, value(undefined)));
    await raw.connection.closeWrite();
    await served;
    assertEquals(ended.length, 1);
    raw.connection.close();
  }),
);

/** A connection whose writes fail from some time on, and whose reads take a turn. */
function fragile(near: Connection) {
  const state = { broken: false };
  const connection: Connection = {
    localAddr: near.localAddr,
    remoteAddr: near.remoteAddr,
    async read(buffer) {
      const count = await near.read(buffer);
      await turns(5);
      return count;
    },
    write: (data) =>
      state.broken
        ? Promise.reject(new Error("broken pipe"))
        : near.write(data),
    closeWrite: () => near.closeWrite(),
    close: () => near.close(),
    [Symbol.dispose]: () => near.close(),
  };
  return { state, connection };
}

Deno.test(
  "a failed write delivers what has arrived, and fails the rest",
  none,
  inVirtualTime(async () => {
    const server = createServer(P, { limits: { closeTimeout: 20 } })
      .handle({
        ...handlers().serve,
        echo: (input) => input,
      });
    const [near, far] = memoryPair();
    const served = server.accept(far);
    const { connection, state } = fragile(near);
    const session = await connect(P, connection, {
      limits: { closeTimeout: 200 },
    });
    const arrived = session.remote.echo(1);
    const items = Array.fromAsync(session.remote.down(3));
    await turns(2); // the server has replied
    state.broken = true;
    const lost = failureOf(session.remote.echo(2));
    assertEquals(await arrived, 1);
    assertEquals(await items, [0, 1, 2]);
    assertEquals((await lost).code, "disconnected");
    assertEquals((await failureOf(session.remote.echo(3))).processed, "no");
    assertEquals((await session.finished).code, "disconnected");
    await session.close();
    await served;
  }),
);

Deno.test(
  "an own Connection whose write throws keeps what has arrived, too",
  none,
  inVirtualTime(async () => {
    const server = createServer(P).handle({
      ...handlers().serve,
      echo: (input) => input,
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const { connection, state } = fragile(near);
    const { write } = connection;
    connection.write = (data) => {
      if (state.broken) throw new Error("it throws, and does not reject");
      return write(data);
    };
    const session = await connect(P, connection);
    const arrived = session.remote.echo(1);
    await turns(2);
    state.broken = true;
    session.remote.log(1);
    assertEquals(await arrived, 1);
    await session.close();
    await server.shutdown();
  }),
);
