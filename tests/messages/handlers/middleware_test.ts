import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { use } from "../../../lib/messages/handlers/use.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import {
  chain,
  extend,
  type Middleware,
  type MiddlewareContext,
  type MiddlewareResult,
  type Next,
} from "../../../lib/messages/handlers/middleware.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";
import * as z from "zod";
import { testPair } from "../../../lib/testing/test_pair.ts";
import { all, dial, failureOf, incidents } from "../kit.ts";
import { connect } from "../../../lib/messages/client/connect.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: {
    who: unary<void, string>(),
    count: serverStream<number, number>(),
    sum: clientStream<number, number>(),
    even: unary({ input: typed<number>(), output: z.number().multipleOf(2) }),
    log: notification<string>(),
  },
});

type Named = { user: string };

const named: Middleware<Named> = (context, next) => {
  const user = context.metadata["user"];
  if (user === undefined) {
    throw context.refuse("Say who you are", {
      code: "unauthenticated",
      retry: "later",
    });
  }
  return next({ user });
};

function shop(middleware: Middleware<Named>, errors = incidents()) {
  const logged: string[] = [];
  const server = createServer(Shop, { onError: errors.onError })
    .handle(use(middleware, {
      who: (_, { user, method, session }) =>
        `${user} ${method} ${session.auth === undefined}`,
      async *count(upTo, { user }) {
        for (let i = 0; i < upTo; i++) yield user.length + i;
      },
      async sum(items, { user }) {
        let sum = user.length;
        for await (const item of items) sum += item;
        return sum;
      },
      even: (value) => value,
      log: (text, { user }) => void logged.push(user + text),
    }));
  return { server, logged, errors };
}

Deno.test(
  "Middleware adds members to the context of every shape",
  none,
  async () => {
    const server = createServer(Shop).handle(use(named, {
      who: (_, context) =>
        [context.user, context.method, context.session.auth, context.timeLeft]
          .join(),
      async *count(upTo, { user, signal }) {
        for (let i = 0; i < upTo && !signal.aborted; i++) yield user.length + i;
      },
      async sum(items, { user }) {
        let sum = user.length;
        for await (const item of items) sum += item;
        return sum;
      },
      even: (value) => value,
      log() {},
    }));
    await using session = await connect(Shop, dial(server));
    const { remote } = session;
    const options = { metadata: { user: "ada" } };
    assertEquals(await remote.who(undefined, options), "ada,who,,Infinity");
    assertEquals(await all(remote.count(2, options)), [3, 4]);
    assertEquals(await remote.sum([1, 2], options).result, 6);
    await server.shutdown();
  },
);

Deno.test(
  "Middleware can refuse a call, whose error then has `processed` no",
  none,
  async () => {
    const { server } = shop(named);
    await using session = await connect(Shop, dial(server));
    const error = await failureOf(session.remote.who());
    assertEquals(
      [error.code, error.message, error.processed, error.retry],
      ["unauthenticated", "Say who you are", "no", "later"],
    );
    const stream = await failureOf(all(session.remote.count(1)));
    assertEquals([stream.code, stream.processed], ["unauthenticated", "no"]);
    await server.shutdown();
  },
);

Deno.test(
  "Middleware can wait, throw, replace the output or answer without the handler",
  none,
  async () => {
    const { server, errors } = shop(async (context, next) => {
      const mode = context.metadata["mode"];
      if (mode === "throw") throw new Error("broken");
      if (mode === "answer") return { output: "cached" };
      if (mode === "odd") return { output: 3 };
      const result = await next({ user: "u" });
      return mode === "change"
        ? { ...result, output: `${result.output}!` }
        : result;
    });
    await using session = await connect(Shop, dial(server));
    const call = (mode: string) =>
      session.remote.who(undefined, { metadata: { mode } });
    assertEquals(await call("answer"), "cached");
    assertEquals(await call("change"), "u who true!");
    const thrown = await failureOf(call("throw"));
    assertEquals([thrown.code, thrown.processed], ["internal", "no"]);
    assertEquals(thrown.incident, errors.list[0]?.id);
    // The output schema also applies to a middleware's result.
    const odd = await failureOf(
      session.remote.even(2, { metadata: { mode: "odd" } }),
    );
    assertEquals(odd.code, "internal");
    assertEquals(errors.list.length, 2);
    await server.shutdown();
  },
);

Deno.test(
  "a call lasts until the handler has settled when Middleware does not await next()",
  none,
  async () => {
    const order: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const P = protocol({ name: "p", server: { go: unary<void, string>() } });
    const server = createServer(P, { onError: () => {} }).handle({
      go: use((_context, next) => {
        next();
        setTimeout(resolve);
        return { output: "early" };
      }, async () => {
        await promise;
        order.push("handler");
        throw new Error("not awaited");
      }),
    });
    await using session = await connect(P, dial(server));
    const result = await session.remote.go();
    order.push("answer");
    assertEquals([result, ...order], ["early", "handler", "answer"]);
    await server.shutdown();
  },
);

Deno.test(
  "next() throws when it is called twice or after the middleware has returned",
  none,
  async () => {
    let late: (() => Promise<MiddlewareResult<Named>>) | undefined;
    const { server, errors } = shop(async (context, next) => {
      late = () => next({ user: "late" });
      if (context.metadata["twice"]) {
        await next({ user: "u" });
        return await next({ user: "u" });
      }
      return { output: "done" };
    });
    await using session = await connect(Shop, dial(server));
    const twice = await failureOf(
      session.remote.who(undefined, { metadata: { twice: "1" } }),
    );
    assertEquals([twice.code, twice.processed], ["internal", "yes"]);
    assertEquals(
      String(errors.list[0]?.error),
      "TypeError: Cannot call next() twice: a call is handled only once",
    );
    assertEquals(await session.remote.who(), "done");
    assertThrows(
      () => late?.(),
      TypeError,
      "Cannot call next(): the middleware has already returned",
    );
    await server.shutdown();
  },
);

Deno.test("Middleware runs around notifications too", none, async () => {
  const { server, logged, errors } = shop(named);
  await using session = await connect(Shop, dial(server));
  await session.remote.log("!", { metadata: { user: "ada" } });
  await session.remote.log("?"); // refused
  await session.remote.who(undefined, { metadata: { user: "x" } });
  assertEquals(logged, ["ada!"]);
  assertEquals(errors.list, [], "what is the sender's fault fills no log");
  const [served] = server.sessions;
  assertEquals(served?.stats.refusedCalls, 1);
  await server.shutdown();
});

Deno.test(
  "chain() runs the outer middleware first, and both add to the context",
  none,
  async () => {
    const order: string[] = [];
    const outer: Middleware<{ a: number }> = async (_context, next) => {
      order.push("outer");
      const result = await next({ a: 1 });
      order.push("outer again");
      return result;
    };
    const inner: Middleware<
      { user: string },
      MiddlewareContext & { a: number }
    > = (context, next) => {
      order.push(`inner ${context.a} ${context.method}`);
      return next({ user: `u${context.a}` });
    };
    const { server } = shop(chain(outer, inner));
    await using session = await connect(Shop, dial(server));
    assertEquals(await session.remote.who(), "u1 who true");
    assertEquals(order, ["outer", "inner 1 who", "outer again"]);
    await server.shutdown();
  },
);

Deno.test(
  "chain() causes no unhandled rejection when the outer middleware does not await next()",
  none,
  async () => {
    const context = {} as MiddlewareContext; // never used
    const enter: Next = () => Promise.resolve({ output: "unused" });
    const both = chain((_context, next) => {
      next();
      return { output: 1 };
    }, () => {
      throw new Error("not awaited");
    });
    assertEquals((await both(context, enter)).output, 1);
    await assertRejects(
      async () =>
        await chain(
          (_c, next) => next(),
          () => Promise.reject(new Error("x")),
        )(context, enter),
      Error,
      "x",
    );
  },
);

Deno.test("extend() throws when the framework uses the name", none, () => {
  class Framework {
    get signal() {
      return 1;
    }
  }
  const context = new Framework();
  assertEquals(extend(context, { user: "a" }).user, "a");
  assertEquals(extend(context, { user: "b" }).user, "b", "again");
  for (const extra of [{ signal: 2 }, JSON.parse('{"__proto__":{}}')]) {
    assertThrows(
      () => extend(context, extra),
      TypeError,
      "the framework uses this name",
    );
  }
});

Deno.test(
  "middleware sees the method, its shape and the validated input",
  none,
  async () => {
    const Lab = protocol({
      name: "lab",
      server: {
        double: unary({ input: z.coerce.number(), output: z.number() }),
        note: notification<string>(),
        sum: clientStream<number, number>(),
        count: serverStream<number, number>(),
      },
    });
    const seen: unknown[] = [];
    await using pair = await testPair(Lab).handle(use((context, next) => {
      seen.push([context.method, context.shape, context.input]);
      return next();
    }, {
      double: (n) => 2 * n,
      note() {},
      async sum(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      async *count(to) {
        for (let n = 0; n < to; n++) yield n;
      },
    }));
    const { remote } = pair.session;
    assertEquals(await remote.double("4"), 8);
    await remote.note("hi");
    assertEquals(await remote.sum([1, 2]).result, 3);
    assertEquals(await Array.fromAsync(remote.count(1)), [0]);
    assertEquals(seen, [
      ["double", "unary", 4],
      ["note", "notification", "hi"],
      ["sum", "clientStream", undefined],
      ["count", "serverStream", 1],
    ]);
  },
);

Deno.test(
  "next() and the result of a middleware take nothing that is ignored",
  none,
  async () => {
    const wrong: [given: unknown[], expected: string][] = [
      [["x"], "Cannot add a value of type string to the context"],
      [[null], "Cannot add null to the context"],
      [[[1]], "to the context: pass an object"],
      [[{ user: "a" }, { more: 1 }], "with a second argument"],
    ];
    for (const [given, expected] of wrong) {
      const middleware: Middleware<Named> = (_, next) =>
        Reflect.apply(next, undefined, given);
      const passing: Middleware = (_, next) => next();
      const chains = [chain(passing, middleware), chain(middleware, passing)];
      for (const each of [middleware, ...chains]) {
        const errors = incidents();
        const server = shop(each, errors).server;
        const session = await connect(Shop, dial(server));
        await assertRejects(() => session.remote.who());
        const [{ error } = { error: undefined }] = errors.list;
        assertStringIncludes(String(error), expected);
        await session.close();
        await server.shutdown();
      }
    }
    const { server, errors } = shop(async (_, next) =>
      Object.assign({ outptu: 1 }, await next({ user: "a" }))
    );
    const session = await connect(Shop, dial(server));
    await assertRejects(() => session.remote.who());
    assertStringIncludes(
      String(errors.list[0]?.error),
      'Unknown member "outptu" of the result of a middleware (did you mean "output"?)',
    );
    await session.close();
    await server.shutdown();

    const inheriting = shop((_, next) => next(Object.create({ user: "a" })));
    const other = await connect(Shop, dial(inheriting.server));
    assertEquals(await other.remote.who(), "a who true");
    await other.close();
    await inheriting.server.shutdown();
  },
);
