/** What handling of a call makes of the ways in which a handler can end it. */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { typed } from "../../../lib/messages/schema/typed.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { all, dial, failureOf, incidents, turns } from "../kit.ts";
import { deadline, K, RawPeer, request, value } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Nested = protocol({
  name: "nested",
  server: { ask: unary<void, string>(), tell: notification<void>() },
  client: { never: unary<void, string>() },
});

/** A server whose handlers wait for the client, and a client that answers nothing and cancels nothing. */
async function nested() {
  const { list, onError } = incidents();
  const server = createServer(Nested, {
    ask: (_, { remote }) => remote.never(),
    tell: async (_, { remote }) => void await remote.never(),
  }, { onError, limits: { drainGrace: 20 } });
  const [near, far] = memoryPair();
  server.accept(far);
  const client = new RawPeer(near);
  await client.hello({ role: 0, methods: [["ask", 0], ["tell", 1]] });
  return { server, client, list };
}

/** A request without an input, but with so many milliseconds left. */
function hasty(timeout: number): Uint8Array {
  return request(0, value(undefined, deadline(timeout)));
}

Deno.test(
  "a deadline that passes during a call of context.remote is told as that, and is no incident",
  none,
  async () => {
    const { server, client, list } = await nested();
    // Both deadlines are the same to the millisecond; which timer is the first must not matter.
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
  "the end of the connection, or of a drain's grace, during a call of context.remote is no incident",
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

/** A refusal of which one member cannot be read. */
function unreadable(member: keyof CallError): CallError {
  const error = new CallError("forbidden", "x");
  return Object.defineProperty(error, member, { get: boom });
}

/** What throws as soon as it is looked at. */
const HOSTILE: Readonly<Record<string, () => unknown>> = {
  "a getter `then`": () => ({
    get then() {
      return boom();
    },
  }),
  "a `then` that throws": () => ({ then: boom }),
  "a promise with a `then` that throws": () =>
    Object.assign(Promise.resolve(), { then: boom }),
  "what only looks like a promise": () => Object.create(Promise.prototype),
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

/** What throws as soon as somebody asks what was thrown. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  "a revoked proxy": revoked,
  "a promise": () => Promise.resolve(),
  ...Object.fromEntries(
    (["code", "method", "message", "data", "retry"] as const)
      .map((member) => [`a CallError's ${member}`, () => unreadable(member)]),
  ),
};

/** What a schema says, and its opposite: the same of whatever it is asked. */
function says(result: () => unknown): StandardSchema {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => result() as { value: unknown }, // or what it must not be
    },
  };
}

/** What the schemas of `Fragile` do, for the moment. */
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

/** A server whose handlers do what they are asked to by name. */
async function fragile() {
  const { list, onError } = incidents();
  const give = (name: string) => HOSTILE[name]!();
  const fail = (name: string): never => {
    throw THROWN[name]!();
  };
  const server = createServer(Fragile, {
    give,
    fail,
    read: () => {},
    written: () => 1,
    detail: (_, { error }) => {
      throw error("bad", 1);
    },
    items: (name) => give(name) as AsyncIterable<unknown>, // it is not
    hear: (name) => {
      if (name in HOSTILE) return HOSTILE[name]!() as void; // it is not
      fail(name);
    },
    ping: () => "pong",
  }, { onError });
  const session = await connect(Fragile, dial(server));
  return { server, session, list };
}

Deno.test(
  "what a handler gives or throws may fail when it is looked at: internal, an incident, and the session lives",
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
  "what a schema gives may fail when it is looked at: internal, and the session lives",
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
      // As a value it may be whatever it is, as long as nobody looks at it.
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
  "what the handler of a notification gives or throws may fail when it is looked at: an incident",
  none,
  async () => {
    const { server, session, list } = await fragile();
    const { hear, ping } = session.remote;
    for (
      const name of [
        "a getter `then`",
        "a `then` that throws",
        "what only looks like a promise",
        "a revoked proxy",
        "a promise",
        "a CallError's code",
        "a CallError's method",
      ]
    ) {
      list.length = 0;
      await hear(name);
      while (list.length === 0) await ping();
      assertEquals(list.length, 1, name);
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a thenable that is no promise settles a call once, whatever it does",
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
    const server = createServer(P, { go: (name) => thenables[name] }, {
      onError,
    });
    const session = await connect(P, dial(server));
    for (const name of Object.keys(thenables)) {
      assertEquals(await session.remote.go(name), 1, name);
    }
    assertEquals(list, []);
    await session.close();
    await server.shutdown();
  },
);
