/** Outcomes of calls, for the ways in which a handler can end. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { all, dial, failureOf, incidents, turns, until } from "../kit.ts";
import { deadline, K, RawPeer, request, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Nested = protocol({
  name: "nested",
  server: { ask: unary<void, string>(), tell: notification<void>() },
  client: { never: unary<void, string>() },
});

/** A server whose handlers call the client, which never responds or cancels. */
async function nested() {
  const { list, onError } = incidents();
  const server = createServer(Nested, { onError, limits: { drainGrace: 20 } })
    .handle({
      ask: (_, { remote }) => remote.never(),
      tell: async (_, { remote }) => void await remote.never(),
    });
  const [near, far] = memoryPair();
  server.accept(far);
  const client = new RawPeer(near);
  await client.hello({ role: 0, methods: [["ask", 0], ["tell", 1]] });
  return { server, client, list };
}

/** A request without input, with a deadline in the given number of milliseconds. */
function hasty(timeout: number): Uint8Array {
  return request(0, value(undefined, deadline(timeout)));
}

Deno.test(
  "context.remote ends the call with `deadline`, and no incident, when the deadline passes",
  none,
  async () => {
    const { server, client, list } = await nested();
    // Both deadlines are equal to the millisecond; it must not matter which timer fires first.
    for (const id of [1, 3, 5]) {
      await client.frame(K.REQUEST, id, hasty(20));
      assertEquals((await client.error()).code, "deadline");
    }
    assertEquals(list, []);
    client.connection.close();
    await server.shutdown();
  },
);

Deno.test(
  "a cancelled call is processed only if its handler was entered, whatever it returns",
  none,
  async () => {
    for (const entered of [false, true]) {
      const reasons: unknown[] = [];
      const settle = Promise.withResolvers<string>();
      const server = createServer(Nested).handle(
        use(async (context, next) => {
          const { signal } = context;
          signal.addEventListener("abort", () => reasons.push(signal.reason));
          return entered ? await next() : { output: await settle.promise };
        }, {
          ask: () => settle.promise,
          tell() {},
        }),
      );
      const [near, far] = memoryPair();
      server.accept(far);
      const client = new RawPeer(near);
      await client.hello({ role: 0, methods: [["ask", 0], ["tell", 1]] });
      await client.frame(K.REQUEST, 1, request(0, value(undefined)));
      await turns(2);
      await client.frame(K.CANCEL, 1, Uint8Array.of(0));
      await turns(2);
      settle.resolve("too late");
      const { code, processed } = await client.error();
      assertEquals([code, processed], ["cancelled", entered ? "yes" : "no"]);
      const [reason] = reasons;
      assert(reason instanceof CallError);
      assertEquals(
        [reason.code, reason.method, reason.processed],
        ["cancelled", "ask", entered ? "maybe" : "no"],
      );
      client.connection.close();
      await server.shutdown();
    }
  },
);

Deno.test(
  "context.remote causes no incident when the connection or a drain's grace period ends",
  none,
  async () => {
    for (const how of ["cut", "drain"]) {
      const { server, client, list } = await nested();
      await client.frame(K.REQUEST, 1, request(0, value(undefined)));
      await client.frame(K.NOTIFY, 0, request(1, value(undefined)));
      for (let asked = 0; asked < 2; asked++) await client.until(K.REQUEST);
      const [session] = server.sessions;
      const closed = how === "cut"
        ? client.connection.close()
        : server.shutdown();
      await session?.finished;
      await turns(2);
      assertEquals(list, [], how);
      client.connection.close();
      await closed;
      await server.shutdown();
    }
  },
);

function boom(): never {
  throw new Error("boom");
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** A refusal with one member that throws when it is read. */
function unreadable(member: keyof CallError): CallError {
  const error = new CallError("x", { code: "forbidden" });
  return Object.defineProperty(error, member, { get: boom });
}

/** Values that throw when they are inspected. */
const HOSTILE: Readonly<Record<string, () => unknown>> = {
  "a getter `then`": () => ({
    get then() {
      return boom();
    },
  }),
  "a `then` that throws": () => ({ then: boom }),
  "a promise with a `then` that throws": () =>
    Object.assign(Promise.resolve(), { then: boom }),
  "an object with the prototype of promises": () =>
    Object.create(Promise.prototype),
  "a revoked proxy": revoked,
  "a getter": () => ({
    get value() {
      return boom();
    },
  }),
  "a getter that throws a revoked proxy": () => ({
    get value() {
      throw revoked();
    },
  }),
};

/** Thrown values that throw when they are inspected. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  "a revoked proxy": revoked,
  "a promise": () => Promise.resolve(),
  ...Object.fromEntries(
    (["code", "method", "message", "data", "retry"] as const)
      .map((member) => [`a CallError's ${member}`, () => unreadable(member)]),
  ),
};

/** A schema that returns the same result for every value. */
function says(result: () => unknown): StandardSchema {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => result() as { value: unknown }, // or an invalid result
    },
  };
}

/** Current behaviour of the schemas of `Fragile`. */
let schema: () => unknown = boom;

const Fragile = protocol({
  name: "fragile",
  server: {
    give: unary<string, unknown>(),
    fail: unary<string, void>(),
    read: unary({ input: says(() => schema()) }),
    written: unary({ input: typed<void>(), output: says(() => schema()) }),
    detail: unary({
      input: typed<void>(),
      errors: { bad: says(() => schema()) },
    }),
    items: serverStream<string, unknown>(),
    hear: notification<string>(),
    ping: unary<void, string>(),
  },
});

/** A server whose handlers do what their input names. */
async function fragile() {
  const { list, onError } = incidents();
  const give = (name: string) => HOSTILE[name]!();
  const fail = (name: string): never => {
    throw THROWN[name]!();
  };
  const server = createServer(Fragile, { onError }).handle({
    give,
    fail,
    read: () => {},
    written: () => 1,
    detail: (_, { error }) => {
      throw error("bad", 1);
    },
    items: (name) => give(name) as AsyncIterable<unknown>, // a lie
    hear: (name) => {
      if (name in HOSTILE) return HOSTILE[name]!() as void; // a lie
      fail(name);
    },
    ping: () => "pong",
  });
  const session = await connect(Fragile, dial(server));
  return { server, session, list };
}

Deno.test(
  "a call fails as internal, with an incident, when reading the handler's result or error throws",
  none,
  async () => {
    const { server, session, list } = await fragile();
    const { give, fail, items, ping } = session.remote;
    let expected = 0;
    async function isInternal(call: Promise<unknown>, name: string) {
      const { code, incident } = await failureOf(call);
      assertEquals([code, incident], ["internal", list.at(-1)?.id], name);
      assertEquals(await ping(), "pong", name);
      assertEquals(list.length, ++expected, name);
    }
    for (const name of Object.keys(HOSTILE)) {
      await isInternal(give(name), name);
      await isInternal(all(items(name)), name);
    }
    for (const name of Object.keys(THROWN)) await isInternal(fail(name), name);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call fails as internal when reading a schema's result throws",
  none,
  async () => {
    const { server, session, list } = await fragile();
    const { read, written, detail, ping } = session.remote;
    const calls = [() => read(1), () => written(), () => detail()];
    for (const [name, given] of Object.entries(HOSTILE)) {
      schema = given;
      for (const call of calls) {
        assertEquals((await failureOf(call())).code, "internal", name);
      }
      // It is allowed as a value, which is not inspected.
      schema = () => ({ value: given() });
      for (const call of calls) await call().catch(() => {});
      assertEquals(await ping(), "pong", name);
    }
    for (const [name, thrown] of Object.entries(THROWN)) {
      schema = () => {
        throw thrown();
      };
      for (const call of calls) {
        assertEquals((await failureOf(call())).code, "internal", name);
      }
      schema = () => Promise.reject(thrown());
      for (const call of calls) {
        assertEquals((await failureOf(call())).code, "internal", name);
      }
      assertEquals(await ping(), "pong", name);
    }
    assertEquals(list.length > 0, true);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a notification causes an incident when reading its handler's result or error throws",
  none,
  async () => {
    const { server, session, list } = await fragile();
    const { hear, ping } = session.remote;
    for (
      const name of [
        "a getter `then`",
        "a `then` that throws",
        "an object with the prototype of promises",
        "a revoked proxy",
        "a promise",
        "a CallError's code",
        "a CallError's method",
      ]
    ) {
      list.length = 0;
      await hear(name);
      await until(() => list.length > 0, ping);
      assertEquals(list.length, 1, name);
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call settles once when its handler returns a misbehaving thenable",
  none,
  async () => {
    const { list, onError } = incidents();
    const P = protocol({ name: "p", server: { go: unary<string, unknown>() } });
    const thenables: Record<string, unknown> = {
      twice: { then: (done: (value: unknown) => void) => (done(1), done(2)) },
      both: {
        then: (
          done: (value: unknown) => void,
          failed: (error: unknown) => void,
        ) => (done(1), failed(2)),
      },
      nested: {
        then: (done: (value: unknown) => void) => done(Promise.resolve(1)),
      },
      callable: Object.assign(() => {}, {
        then: (done: (value: unknown) => void) => done(1),
      }),
    };
    const server = createServer(P, {
      onError,
    }).handle({ go: (name) => thenables[name] });
    const session = await connect(P, dial(server));
    for (const name of Object.keys(thenables)) {
      assertEquals(await session.remote.go(name), 1, name);
    }
    assertEquals(list, []);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an item that cannot be decoded ends the call at once, even if the handler ignores the error",
  none,
  async () => {
    const P = protocol({
      name: "sums",
      server: { sum: clientStream<number, number>() },
    });
    const seen: unknown[] = [];
    const server = createServer(P).handle({
      async sum(items, { signal }) {
        try {
          for await (const item of items) seen.push(item);
        } catch (error) {
          seen.push(error instanceof CallError && error.code);
        }
        seen.push(signal.aborted);
        return 7;
      },
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const client = new RawPeer(near);
    await client.hello({ role: 0, methods: [["sum", 3]] });
    await client.frame(K.REQUEST, 1, request(0, Uint8Array.of(0, 0)));
    await client.frame(K.ITEM, 1, value(5));
    await client.frame(K.ITEM, 1, Uint8Array.of(0, 0, 0xc1));
    const { code, processed } = await client.error();
    assertEquals([code, processed], ["malformed", "maybe"]);
    await turns(5);
    assertEquals(seen, [5, "malformed", true]);
    client.connection.close();
    await server.shutdown();
  },
);
