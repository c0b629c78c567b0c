/**
 * Handlers that end because their session drains: their callers do not take that
 * for success.
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
import { createServer } from "../../../lib/messages/server/server.ts";
import { aborted, dial, failureOf, incidents, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    returns: serverStream<void, number>(),
    throws: serverStream<void, number>(),
    finite: serverStream<void, number>(),
    answer: unary<void, string>(),
    refuse: unary<void, string>(),
    log: notification<void>(),
  },
});

function open() {
  const { list, onError } = incidents();
  const server = createServer(P, { onError }).handle({
    async *returns(_, { session }) {
      for (let n = 0; !session.draining.aborted; n++) {
        yield n;
        await turns();
      }
    },
    async *throws(_, { session }) {
      for (let n = 0;; n++) {
        session.draining.throwIfAborted();
        yield n;
        await turns();
      }
    },
    async *finite() {
      yield 1;
      await turns(5);
      yield 2;
    },
    async answer(_, { session }) {
      await aborted(session.draining);
      return "done";
    },
    async refuse(_, { session }) {
      throw await aborted(session.draining);
    },
    async log(_, { session }) {
      throw await aborted(session.draining);
    },
  });
  return { server, list };
}

Deno.test(
  "handlers that end on draining end their streams with unavailable",
  none,
  async () => {
    const { server, list } = open();
    const { remote } = await connect(P, dial(server));
    const items: number[] = [];
    const read = async (call: AsyncIterable<number>) => {
      for await (const item of call) items.push(item);
    };
    const failures = [
      failureOf(read(remote.returns())),
      failureOf(read(remote.throws())),
      failureOf(remote.refuse()),
    ];
    const finite = Array.fromAsync(remote.finite());
    const answer = remote.answer();
    await remote.log();
    await turns(3);
    await server.shutdown({ grace: 5000, retryAfter: 700 });
    for (const failure of failures) {
      const { code, processed, retry, retryAfter } = await failure;
      assertEquals([code, processed, retry, retryAfter], [
        "unavailable",
        "yes",
        "later",
        700,
      ]);
    }
    assertEquals(await finite, [1, 2]); // it ended because it was complete
    assertEquals(await answer, "done");
    assertEquals(list, []);
  },
);

Deno.test(
  "server.abort() ends a shutdown whose calls do not end",
  none,
  async () => {
    const server = createServer(P).handle({
      async *returns() {},
      async *throws() {},
      async *finite() {},
      answer: (_, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        ),
      refuse: () => "",
      log() {},
    });
    const session = await connect(P, dial(server));
    const answer = failureOf(session.remote.answer());
    await turns(2);
    const shutdown = server.shutdown({ grace: 60_000 });
    await turns(2);
    await server.abort();
    await shutdown;
    assertEquals((await answer).processed, "maybe");
    await session.close();
  },
);

Deno.test(
  "a call that is cut by the end of a drain fails with unavailable, whichever end drains",
  none,
  async () => {
    for (const how of ["server", "client"] as const) {
      const server = createServer(P).handle({
        async *returns() {},
        async *throws() {},
        async *finite() {},
        answer: () => new Promise(() => {}),
        refuse: () => "",
        log() {},
      });
      const session = await connect(P, dial(server));
      const answer = failureOf(session.remote.answer());
      await turns(2);
      if (how === "server") await server.shutdown({ grace: 5 });
      else await session.drain({ grace: 5 });
      const { code, processed } = await answer;
      assertEquals([code, processed], ["unavailable", "maybe"], how);
      const end = await session.finished;
      assertEquals([end.code, end.remote], ["closed", how === "server"]);
      await server.shutdown();
    }
  },
);
