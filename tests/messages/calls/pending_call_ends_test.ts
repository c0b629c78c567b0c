/** Ends of calls with a stream, as the caller sees them. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import {
  aborted,
  all,
  dial,
  failureOf,
  incidents,
  thrownBy,
  turns,
  until,
} from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Pipes = protocol({
  name: "pipes",
  server: {
    pour: clientStream<unknown, number>(),
    mix: duplex<unknown, number>(),
    relay: unary<void, number>(),
    ping: unary<void, string>(),
  },
  client: { drink: clientStream<unknown, number>() },
});

/** Creates a server that records why each stream ended, and a client session. */
async function pipes() {
  const { list, onError } = incidents();
  const reasons: Promise<unknown>[] = [];
  /** Resolves to an item when a handler has been entered. */
  const entered = async () => {
    await until(() => reasons.length > 0);
    return 2;
  };
  const broken = new Error("the server's own source");
  const server = createServer(Pipes, {
    onError,
    limits: { maxMessage: 65_536 },
  }).handle({
    async pour(items, { signal }) {
      reasons.push(aborted(signal));
      let count = 0;
      for await (const _ of items) count++;
      return count;
    },
    async *mix(items, { signal }) {
      reasons.push(aborted(signal));
      yield 1;
      yield 2;
      for await (const _ of items);
    },
    relay: (_, { remote }) => remote.drink(failing(broken)).result,
    ping: () => "pong",
  });
  const session = await connect(Pipes, dial(server), {
    handlers: {
      async drink(items) {
        for await (const _ of items);
        return 0;
      },
    },
  });
  return { server, session, reasons, entered, list, broken };
}

function* failing(
  error: unknown,
  before?: Promise<number>,
): Generator<number | Promise<number>> {
  yield before ?? 1;
  throw error;
}

Deno.test(
  "a call fails with the error of its items, or of an item that cannot be sent, and the callee sees a cancelled call",
  none,
  async () => {
    const { server, session, reasons, entered, list } = await pipes();
    const { pour, mix, ping } = session.remote;
    const own = new Error("no more water");
    async function reason(): Promise<unknown> {
      const { code } = await reasons.shift() as { code: string }; // a CallError
      return code;
    }
    const first = pour(failing(own, entered()));
    assertStrictEquals(await thrownBy(first.result), own);
    assertEquals(await reason(), "cancelled");
    const later = [1, entered().then(() => Promise.reject(own))];
    assertStrictEquals(await thrownBy(pour(later).result), own);
    assertEquals(await reason(), "cancelled");
    const unsendable = await thrownBy(pour([entered(), () => {}]).result);
    assertEquals(unsendable instanceof CodecError, true);
    assertEquals(await reason(), "cancelled");
    const large = await failureOf(
      pour([entered(), new Uint8Array(70_000)]).result,
    );
    assertEquals([large.code, large.processed], ["too-large", "no"]);
    assertEquals(await reason(), "cancelled");

    const conversation = mix(failing(own, entered()));
    assertStrictEquals(await thrownBy(all(conversation)), own);
    assertStrictEquals(await thrownBy(conversation.send(1)), own);
    assertEquals(await reason(), "cancelled");
    assertEquals(list, []);
    assertEquals(await ping(), "pong");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call that was cancelled fails with cancelled, even if its items then throw",
  none,
  async () => {
    const { server, session } = await pipes();
    const controller = new AbortController();
    const { signal } = controller;
    async function* fetched() {
      yield 1;
      controller.abort();
      signal.throwIfAborted();
    }
    const error = await failureOf(
      session.remote.pour(fetched(), { signal }).result,
    );
    assertEquals(error.code, "cancelled");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a handler receives the error of items that it sends, and its caller does not",
  none,
  async () => {
    const { server, session, list, broken } = await pipes();
    const error = await failureOf(session.remote.relay());
    assertEquals(error.code, "internal");
    assertEquals(list.map((incident) => incident.error), [broken]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call that fails by its own items drops received items that were not read",
  none,
  async () => {
    const { server, session } = await pipes();
    const own = new Error("no more water");
    const fails = Promise.withResolvers<never>();
    const conversation = session.remote.mix((async function* () {
      yield await fails.promise;
    })());
    const items = conversation[Symbol.asyncIterator]();
    assertEquals((await items.next()).value, 1);
    await session.remote.ping(); // the second item has arrived
    fails.reject(own);
    await turns();
    assertStrictEquals(await thrownBy(conversation.send(1)), own);
    assertStrictEquals(await thrownBy(items.next()), own);
    assertEquals((await items.next()).done, true);
    await session.close();
    await server.shutdown();
  },
);
