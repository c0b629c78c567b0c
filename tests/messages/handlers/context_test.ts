import { assert, assertEquals, assertStrictEquals, fail } from "@std/assert";
import { ContextImpl } from "../../../lib/messages/handlers/context_impl.ts";
import {
  Handling,
  type HandlingHost,
} from "../../../lib/messages/handlers/handling.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import { isDeclared } from "../../../lib/messages/protocol/declared_errors.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";
import { testPair } from "../../../lib/testing/test_pair.ts";
import * as z from "zod";
import {
  aborted,
  all,
  dial,
  failureOf,
  incidents,
  turns,
  until,
} from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const IDLE: HandlingHost = {
  get session(): never {
    throw new Error("The context of these tests has no session");
  },
  get observable(): never {
    throw new Error("The context of these tests is not observed");
  },
  enter: () => fail("The context entered the session"),
  takeItem: () => fail("The context took an item"),
  sendItem: () => fail("The context sent an item"),
  report: () => fail("The context reported an error"),
  charge: () => fail("The context charged the session"),
  recent: 0,
  now: () => 0,
  drainReason: undefined,
  get watching(): never {
    throw new Error("The session of these tests does not drain");
  },
  get serial(): never {
    throw new Error("The handlers of these tests are not serial");
  },
  outcomes: undefined,
  once: undefined,
  remoteFor: () => ({}),
};

/** A call whose context is under test. */
class FakeCall extends Handling {
  readonly metadata = {};
  readonly key = "a.b/1";
  readonly attempt = 0;
  readonly cancelled: CallError | undefined;
  readonly #timeLeft: number;

  constructor(timeLeft = 100, cancelled?: CallError) {
    const method = unary<void, void>();
    const bound = { name: "a.b", method, shape: method.shape, hash: 0 };
    super(IDLE, { bound, handler() {}, middleware: undefined });
    this.#timeLeft = timeLeft;
    this.cancelled = cancelled;
  }

  timeLeft(): number {
    return this.#timeLeft;
  }

  respondWith(): void {}

  protected failed(): never {
    fail("A step failed");
  }
}

Deno.test(
  "inherit() returns the signal and the remaining time, which a timeout can only shorten",
  none,
  () => {
    const context = new ContextImpl(new FakeCall(), undefined);
    assertEquals(context.inherit().timeout, 100);
    assertStrictEquals(context.inherit().signal, context.signal);
    assertEquals(context.inherit({ timeout: 500 }).timeout, 100);
    assertEquals(context.inherit({ timeout: 50 }).timeout, 50);
    assertEquals(context.inherit({ metadata: { a: "b" } }).metadata, {
      a: "b",
    });
    const late = new ContextImpl(new FakeCall(-5), undefined);
    assertEquals([late.timeLeft, late.inherit().timeout], [0, 1]);
    const free = new ContextImpl(new FakeCall(Infinity), undefined);
    assertEquals("timeout" in free.inherit(), false);
    const controller = new AbortController();
    const both = context.inherit({ signal: controller.signal }).signal;
    const reason = new CallError("x", { code: "cancelled" });
    ContextImpl.cancel(context, reason);
    assertStrictEquals(both?.reason, reason);
  },
);

Deno.test(
  "signal is created on first access, already aborted when the call was cancelled",
  none,
  () => {
    const cancelled = new CallError("x", { code: "deadline" });
    const context = new ContextImpl(new FakeCall(100, cancelled), undefined);
    ContextImpl.cancel(context, cancelled); // there is no signal yet
    assertStrictEquals(context.signal.reason, cancelled);
    assertStrictEquals(context.remote, context.remote); // made once
  },
);

const Hop = protocol({
  name: "hop",
  server: { ask: unary<string, number>(), sleep: unary<void, void>() },
  client: { ask: unary<string, number>() },
});

Deno.test(
  "context.remote and context.inherit() pass on the remaining time over two hops",
  none,
  async () => {
    const seen: Record<string, number> = {};
    const ended: string[] = [];
    const { list, onError } = incidents();
    const back = createServer(Hop).handle({
      ask: (_, { timeLeft }) => timeLeft,
      sleep: async (_, { signal }) => {
        const reason = await aborted(signal);
        if (reason instanceof CallError) ended.push(reason.code);
      },
    });
    const toBack = await connect(Hop, dial(back), {
      handlers: { ask: () => 0 },
      callTimeout: 60_000,
    });
    const front = createServer(Hop, { onError }).handle({
      ask: async (how, context) => {
        seen.front = context.timeLeft;
        await turns(3);
        return how === "remote"
          ? await context.remote.ask("client")
          : await toBack.remote.ask("back", context.inherit());
      },
      sleep: async (_, context) =>
        await toBack.remote.sleep(undefined, context.inherit()),
    });
    const session = await connect(Hop, dial(front), {
      handlers: { ask: (_, { timeLeft }) => timeLeft },
    });
    for (const how of ["remote", "inherit"]) {
      const left = await session.remote.ask(how, { timeout: 5_000 });
      const { front = 0 } = seen;
      // A sum of times is rounded.
      assert(front > 0 && front < 5_001, `${front} after one hop`);
      assert(
        left > 0 && left < front,
        `${left} after two hops, ${front} after one`,
      );
      assertEquals(
        await session.remote.ask("remote"),
        Infinity,
        "and without one",
      );
    }
    // Cancelling the first call cancels the calls on its behalf.
    const deadline = failureOf(
      session.remote.sleep(undefined, { timeout: 20 }),
    );
    assertEquals((await deadline).code, "deadline");
    await until(() => ended.length >= 1);
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = failureOf(session.remote.sleep(undefined, { signal }));
    await turns(3);
    controller.abort();
    assertEquals((await cancelled).code, "cancelled");
    await until(() => ended.length >= 2);
    assertEquals(ended, ["deadline", "cancelled"]);
    await turns(2);
    assertEquals(list, [], "the caller's cancellation is no incident");
    await session.close();
    await front.shutdown();
    await toBack.close();
    await back.shutdown();
  },
);

Deno.test(
  "context.remote runs the client's interceptors",
  none,
  async () => {
    const P = protocol({
      name: "p",
      server: { start: unary<void, void>(), who: unary<void, string>() },
      client: { run: unary<void, string>() },
    });
    const server = createServer(P).handle({
      start: async (_, { remote }) => assertEquals(await remote.run(), "token"),
      who: (_, { metadata }) => metadata["auth"] ?? "anonymous",
    });
    const session = await connect(P, dial(server), {
      handlers: { run: (_, { remote }) => remote.who() },
      interceptors: [(request, next) =>
        next({
          ...request,
          options: { ...request.options, metadata: { auth: "token" } },
        })],
    });
    await session.remote.start();
    await session.close();
    await server.shutdown();
  },
);

const Errors = protocol({
  name: "errors",
  server: {
    typed: unary<
      string,
      void,
      { outOfStock: { left: number }; closed: void }
    >(),
    checked: unary({
      input: z.string(),
      errors: {
        left: z.object({ left: z.number() }),
        later: z.number().refine((value) => Promise.resolve(value > 0)),
        closed: null,
      },
    }),
    items: serverStream<void, number>(),
    sum: clientStream({ input: z.number(), output: z.number() }),
    silent: notification({ input: z.string() }),
  },
});

Deno.test(
  "a handler's error reaches the caller only if it is declared or a refusal",
  none,
  async () => {
    const { list, onError } = incidents();
    const secret = "the password is swordfish";
    const server = createServer(Errors, { onError }).handle({
      typed: (how, context) => {
        if (how === "declared") throw context.error("outOfStock", { left: 2 });
        if (how === "empty") throw context.error("closed");
        if (how === "refused") {
          throw context.refuse("Come again", {
            code: "overloaded",
            retry: "later",
            retryAfter: 50,
            data: { queue: 3 },
          });
        }
        if (how === "unsendable") {
          throw context.error("outOfStock", { left: (() => {}) as never });
        }
        if (how === "foreign") {
          throw new CallError(secret, { code: "internal", method: "x" });
        }
        if (how === "forged") throw new CallError(secret, { code: "deadline" });
        throw how === "text" ? secret : new Error(secret);
      },
      checked: (how, context) => {
        if (how === "good") throw context.error("left", { left: 1 });
        if (how === "async") throw context.error("later", 1);
        if (how === "async bad") throw context.error("later", -1);
        if (how === "closed") throw context.error("closed");
        if (how === "undeclared") {
          throw new CallError(secret, {
            code: "declared",
            declared: "toString",
          });
        }
        throw context.error("left", { left: secret as unknown as number });
      },
      async *items() {
        yield 1;
        throw new Error(secret);
      },
      sum: async (items) => {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      silent() {},
    });
    const session = await connect(Errors, dial(server));
    const { typed, checked, items, sum } = session.remote;

    const declared = await failureOf(typed("declared"));
    assert(isDeclared(Errors.server.typed, declared, "outOfStock"));
    assertEquals([declared.data, declared.processed], [{ left: 2 }, "yes"]);
    assert(
      isDeclared(
        Errors.server.typed,
        await failureOf(typed("empty")),
        "closed",
      ),
    );
    const refused = await failureOf(typed("refused"));
    assertEquals(
      [
        refused.code,
        refused.message,
        refused.retry,
        refused.retryAfter,
        refused.data,
        refused.processed,
      ],
      ["overloaded", "Come again", "later", 50, { queue: 3 }, "yes"],
    );
    assert(
      isDeclared(
        Errors.server.checked,
        await failureOf(checked("good")),
        "left",
      ),
    );
    assert(
      isDeclared(
        Errors.server.checked,
        await failureOf(checked("async")),
        "later",
      ),
    );
    assert(
      isDeclared(
        Errors.server.checked,
        await failureOf(checked("closed")),
        "closed",
      ),
    );
    assertEquals(list, []);

    for (
      const failed of [
        failureOf(typed("error")),
        failureOf(typed("text")),
        failureOf(typed("foreign")),
        failureOf(typed("forged")),
        failureOf(typed("unsendable")),
        failureOf(checked("bad")),
        failureOf(checked("async bad")),
        failureOf(checked("undeclared")),
        failureOf(all(items())),
      ]
    ) {
      const error = await failed;
      assertEquals([error.code, error.processed], ["internal", "yes"]);
      assert(list.some(({ id }) => id === error.incident));
      assert(
        !JSON.stringify([error.message, error.data]).includes("swordfish"),
      );
      assert(!error.message.includes(".ts:"), "no stack");
    }
    assertEquals(list.length, 9);
    assert(
      list.some(({ error }) =>
        String(error) ===
          'TypeError: checked threw the error "toString", which it does not declare; add it to the errors of its declaration, or throw context.refuse()'
      ),
    );

    // The caller receives its own faults, which are not reported.
    list.length = 0;
    const invalid = await failureOf(checked(7 as never));
    assertEquals([invalid.code, invalid.processed], ["invalid", "no"]);
    assert(JSON.stringify(invalid.data).includes("issues"));
    const item = await failureOf(sum([1, "two" as never]).result);
    assertEquals([item.code, item.processed], ["invalid", "yes"]);
    await session.remote.silent(1 as never);
    await failureOf(checked("closed"));
    assertEquals(list, []);
    const [served] = server.sessions;
    assertEquals(served?.stats.malformedCalls, 1);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a SchemaError thrown by the handler itself is not the caller's fault",
  none,
  async () => {
    const { list, onError } = incidents();
    const { SchemaError } = await import(
      "../../../lib/messages/schema/standard_schema.ts"
    );
    const P = protocol({ name: "p", server: { go: unary<void, void>() } });
    const server = createServer(P, { onError }).handle({
      go: () => {
        throw new SchemaError([{ message: "row 7 of the secret table" }]);
      },
    });
    const session = await connect(P, dial(server));
    const error = await failureOf(session.remote.go());
    assertEquals(error.code, "internal");
    assertEquals(error.data, undefined);
    assertEquals(list.length, 1);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a reader or generator does not wait forever when it outlives its call",
  none,
  async () => {
    const P = protocol({
      name: "p",
      server: {
        keep: clientStream<number, void>(),
        stuck: serverStream<void, number>(),
      },
    });
    const kept = Promise.withResolvers<unknown>();
    const left = Promise.withResolvers<string>();
    const server = createServer(P).handle({
      keep: (items) => {
        const iterator = items[Symbol.asyncIterator]();
        iterator.next().then(kept.resolve, kept.resolve);
      },
      // Not a generator: return() works while next() is pending.
      stuck: () => ({
        [Symbol.asyncIterator]: () => {
          const end = Promise.withResolvers<IteratorResult<number>>();
          return {
            next: () => end.promise,
            return: () => {
              left.resolve("left");
              end.resolve({ done: true, value: undefined });
              return Promise.resolve({ done: true, value: undefined });
            },
          };
        },
      }),
    });
    const session = await connect(P, dial(server));
    await session.remote.keep().result;
    const error = await kept.promise;
    assert(error instanceof CallError && error.message.includes("has settled"));
    session.remote.stuck().cancel();
    assertEquals(await left.promise, "left");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a notification's signal is aborted when the connection is lost, and further ones wait",
  none,
  async () => {
    const P = protocol({
      name: "p",
      server: { hold: notification<number>(), ping: unary<void, void>() },
    });
    const reasons: unknown[] = [];
    let answered: unknown;
    let entered = 0;
    const server = createServer(P, { limits: { maxCalls: 32 } }).handle({
      hold: async (_, context) => {
        entered++;
        try {
          context.respondWith({});
        } catch (error) {
          answered = error;
        }
        assertEquals(context.timeLeft, Infinity);
        reasons.push(await aborted(context.signal));
      },
      ping() {},
    });
    const session = await connect(P, dial(server));
    for (let i = 0; i < 40; i++) await session.remote.hold(i);
    await session.remote.ping();
    const [served] = server.sessions;
    assertEquals(served?.stats.refusedCalls, 0);
    assertEquals(entered, 32);
    assert(answered instanceof TypeError);
    await session.close();
    await until(() => reasons.length >= 40); // eight have waited
    assert(
      reasons.every((reason) =>
        reason instanceof CallError && reason.code === "disconnected"
      ),
    );
    await server.shutdown();
  },
);

Deno.test(
  "a handler may destructure every function of its context",
  none,
  async () => {
    const Lab = protocol({
      name: "lab",
      server: {
        fail: unary({ errors: { late: typed<{ by: number }>() } }),
        refuse: unary<void, void>(),
        respond: unary<void, number>(),
      },
    });
    await using pair = await testPair(Lab).handle({
      fail: (_, { error }) => {
        throw error("late", { by: 2 });
      },
      refuse: (_, { refuse }) => {
        throw refuse("no", { code: "forbidden", retry: "later" });
      },
      respond: (_, { inherit, respondWith }) => {
        respondWith({ a: "b" });
        return inherit({ timeout: 5 }).timeout ?? 0;
      },
    });
    const { remote } = pair.session;
    const late = await failureOf(remote.fail());
    assertEquals([late.code, late.declared, late.data], ["declared", "late", {
      by: 2,
    }]);
    const refused = await failureOf(remote.refuse());
    assertEquals([refused.code, refused.retry], ["forbidden", "later"]);
    let seen: unknown;
    const onMetadata = (metadata: unknown) => void (seen = metadata);
    assertEquals(await remote.respond(undefined, { onMetadata }), 5);
    assertEquals({ ...(seen as object) }, { a: "b" }); // set by onMetadata
  },
);
