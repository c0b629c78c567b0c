/**
 * Handlers that end because their session drains: their callers do not take that
 * for success.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { use } from "../../../lib/messages/handlers/use.ts";
import type { Middleware } from "../../../lib/messages/handlers/middleware.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
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
    async *returns(_, { draining }) {
      for (let n = 0; !draining.aborted; n++) {
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
    async answer(_, { draining }) {
      await aborted(draining);
      return "done";
    },
    async refuse(_, { draining }) {
      throw await aborted(draining);
    },
    async log(_, { draining }) {
      throw await aborted(draining);
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

/** Streams that end after the drain has begun, unless they say otherwise. */
const Streams = protocol({
  name: "streams",
  server: {
    own: serverStream<void, number>(),
    ownDuplex: duplex<number, number>(),
    middleware: serverStream<void, number>(),
    replaced: serverStream<void, number>(),
    early: serverStream<void, number>(),
    session: serverStream<void, number>(),
    sessionDuplex: duplex<number, number>(),
    none: serverStream<void, number>(),
    upload: clientStream<number, string>(),
  },
});

const watches: Middleware = (context, next) => {
  assertEquals(context.draining.aborted, false);
  return next();
};

const completes: Middleware = async (context, next) => {
  assertEquals(context.draining.aborted, false);
  await next().catch((error) => assertEquals(error, context.draining.reason));
  return { output: undefined };
};

Deno.test(
  "context.draining marks the stream of its own handler, and session.draining none",
  none,
  async () => {
    const { list, onError } = incidents();
    const drains = Promise.withResolvers<void>();
    async function* items() {
      yield 1;
      await drains.promise;
      yield 2;
    }
    const reads = (signal: AbortSignal) => assertEquals(signal.aborted, false);
    const server = createServer(Streams, { onError }).handle({
      async *own(_, { draining }) {
        reads(draining);
        yield* items();
      },
      async *ownDuplex(_, context) {
        yield* items();
        assertEquals(context.draining.aborted, true); // read after the drain began
      },
      middleware: use(watches, items),
      replaced: use(completes, items),
      async *early(_, { draining }) {
        reads(draining);
        yield 1;
        yield 2;
      },
      async *session(_, { session }) {
        reads(session.draining);
        yield* items();
      },
      async *sessionDuplex(_, { session }) {
        reads(session.draining);
        yield* items();
      },
      none: items,
      async upload(_, { draining }) {
        await aborted(draining);
        return "done";
      },
    });
    const { remote } = await connect(Streams, dial(server));
    const outcomes = {
      own: outcomeOf(remote.own()),
      ownDuplex: outcomeOf(remote.ownDuplex([])),
      middleware: outcomeOf(remote.middleware()),
      replaced: outcomeOf(remote.replaced()),
      early: outcomeOf(remote.early()),
      session: outcomeOf(remote.session()),
      sessionDuplex: outcomeOf(remote.sessionDuplex([])),
      none: outcomeOf(remote.none()),
    };
    const upload = remote.upload([]).result;
    await turns(3);
    assertEquals(await outcomes.early, [1, 2]);
    const shutdown = server.shutdown({ grace: 5000 });
    await turns(3);
    drains.resolve();
    const cut = [1, 2, "unavailable"];
    assertEquals(await outcomes.own, cut);
    assertEquals(await outcomes.ownDuplex, cut);
    assertEquals(await outcomes.middleware, cut);
    assertEquals(await outcomes.replaced, [1, 2]); // the middleware said so
    assertEquals(await outcomes.session, [1, 2]);
    assertEquals(await outcomes.sessionDuplex, [1, 2]);
    assertEquals(await outcomes.none, [1, 2]);
    assertEquals(await upload, "done");
    await shutdown;
    assertEquals(list, []);
  },
);

/** Returns the items of a stream, and the code of the error that ended it. */
async function outcomeOf(call: AsyncIterable<number>): Promise<unknown[]> {
  const outcome: unknown[] = [];
  const read = async () => {
    for await (const item of call) outcome.push(item);
  };
  await read().catch(({ code }) => outcome.push(code));
  return outcome;
}

Deno.test(
  "the reason of context.draining is no incident when the session is lost",
  none,
  async () => {
    const { list, onError } = incidents();
    const server = createServer(P, { onError }).handle({
      async *returns(_, { draining }) {
        yield 1;
        throw await aborted(draining);
      },
      async *throws() {},
      async *finite() {},
      answer: () => "",
      async refuse(_, { draining }) {
        throw await aborted(draining);
      },
      async log(_, { draining }) {
        throw await aborted(draining);
      },
    });
    const connection = dial(server);
    const session = await connect(P, connection);
    const failures = [
      failureOf(session.remote.refuse()),
      failureOf(Array.fromAsync(session.remote.returns())),
    ];
    await session.remote.log();
    await turns(3);
    connection.close();
    for (const failure of failures) {
      assertEquals((await failure).code, "disconnected");
    }
    await server.shutdown();
    await turns(3);
    assertEquals(list, []);
  },
);

Deno.test(
  "observers see why notifications failed that are no incidents",
  none,
  async () => {
    const Notes = protocol({
      name: "notes",
      server: {
        drains: notification<void>(),
        refuses: notification<void>(),
        fails: notification<void>(),
      },
    });
    const codes: Record<string, string> = {};
    const { list, onError } = incidents();
    const server = createServer(Notes, {
      onError,
      observers: [{
        call: ({ method = "" }) => ({
          end: ({ code }) => void (codes[method] = code),
        }),
      }],
    }).handle({
      async drains(_, { draining }) {
        throw await aborted(draining);
      },
      refuses(_, { refuse }) {
        throw refuse("not now", { code: "overloaded" });
      },
      fails() {
        throw new Error("a bug");
      },
    });
    const { remote } = await connect(Notes, dial(server));
    await Promise.all([remote.drains(), remote.refuses(), remote.fails()]);
    await turns(3);
    await server.shutdown({ grace: 5000 });
    assertEquals(codes, {
      drains: "unavailable",
      refuses: "overloaded",
      fails: "internal",
    });
    assertEquals(list.length, 1);
  },
);

Deno.test(
  "context.draining is a signal of one call, and is released with it",
  none,
  async () => {
    const signals: AbortSignal[] = [];
    const Long = protocol({
      name: "long",
      server: {
        done: unary<void, void>(),
        fails: unary<void, void>(),
        note: notification<void>(),
        late: unary<void, void>(),
      },
    });
    const keep = (context: { readonly draining: AbortSignal }) => {
      assertStrictEquals(context.draining, context.draining);
      signals.push(context.draining);
    };
    const server = createServer(Long, { onError() {} }).handle({
      done: (_, context) => keep(context),
      fails(_, context) {
        keep(context);
        throw new Error("always");
      },
      note: (_, context) => keep(context),
      async late(_, context) {
        await aborted(context.session.draining);
        keep(context);
      },
    });
    const { remote } = await connect(Long, dial(server));
    await remote.done();
    await failureOf(remote.fails());
    await remote.note();
    const late = remote.late();
    await turns(3);
    assertEquals(signals.length, 3);
    await server.shutdown();
    await late;
    assertEquals(new Set(signals).size, 4);
    assertEquals(signals.map(({ aborted }) => aborted), [
      ...[false, false, false], // their handlers had settled
      true, // read during the drain
    ]);
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
