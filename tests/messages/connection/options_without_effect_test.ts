/**
 * An option that cannot have an effect is rejected, not ignored.
 *
 * @module
 */
import {
  bytes,
  CallError,
  connect,
  createServer,
  json,
  msgpack,
  notification,
  protocol,
  serve,
  typed,
  unary,
} from "@lengthwise/lengthwise";
import {
  checkCodec,
  checkTransport,
  memoryPair,
  testPair,
} from "@lengthwise/lengthwise/testing";
import {
  connect as connectSocket,
  connectWebSocket,
  listen,
  readExactly,
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: { ask: unary<void, void>() },
  client: { tell: notification<string>() },
});

/** Passes options as a JavaScript program would. */
// deno-lint-ignore no-explicit-any -- the compiler would reject the options
const untyped = (value: unknown): any => value;

Deno.test(
  "connect() rejects transport options beside an open connection",
  none,
  async () => {
    const [near, far] = memoryPair();
    await assertRejects(
      () =>
        connect(P, near, {
          handlers: { tell() {} },
          transport: { timeout: 100 },
        }),
      TypeError,
      "transport",
    );
    far.close();
  },
);

Deno.test("connect() rejects TLS beside an open connection", none, async () => {
  const [near, far] = memoryPair();
  await assertRejects(
    () => connect(P, near, { handlers: { tell() {} }, transport: { tls: {} } }),
    TypeError,
    "transport",
  );
  far.close();
});

Deno.test(
  "serve() rejects transport options beside a listener",
  none,
  async () => {
    await using listener = await listen({
      memory: "options beside a listener",
    });
    await assertRejects(
      () =>
        serve(P, listener, { transport: { maxConnections: 2 } })
          .handle({ ask() {} }),
      TypeError,
      "transport",
    );
  },
);

Deno.test(
  "server.listen() rejects options beside a listener",
  none,
  async () => {
    await using listener = await listen({
      memory: "options beside a listener",
    });
    await using server = createServer(P).handle({ ask() {} });
    await assertRejects(
      () => server.listen(listener, { maxConnections: 2 }),
      TypeError,
    );
  },
);

Deno.test(
  "small objects reject names that they do not know",
  none,
  async () => {
    let refusal: unknown;
    await using pair = await testPair(P, {
      client: { handlers: { tell() {} } },
    })
      .handle({
        ask(_, context) {
          try {
            context.refuse("no", untyped({ code: "forbidden", retryafter: 5 }));
          } catch (error) {
            refusal = error;
          }
          context.inherit(untyped({ timeot: 5 }));
        },
      });
    const { session, server } = pair;
    await assertRejects(() => session.remote.ask(), CallError);
    assertThrows(
      () => {
        throw refusal;
      },
      TypeError,
      "retryAfter",
    );
    const calls: Readonly<Record<string, () => unknown>> = {
      "a call": () => session.remote.ask(undefined, untyped({ timout: 5 })),
      "drain()": () => session.drain(untyped({ grase: 5 })),
      "shutdown()": () => server.shutdown(untyped({ retryafter: 5 })),
      "accept()": () => server.accept(memoryPair()[0], untyped({ inf: {} })),
      "info": () =>
        server.accept(memoryPair()[0], untyped({ info: { remoteAdr: {} } })),
      "checkCodec()": () =>
        checkCodec(json(), untyped({ values: [1], refusd: [] })),
      "a method": () => unary(untyped({ outptu: typed() })),
      "a unary call": () =>
        session.remote.ask(undefined, untyped({ opening: 1 })),
      "limits": () =>
        createServer(P, { limits: untyped({ heartbeet: 1 }) }).handle({
          ask() {},
        }),
      "topic()": () => server.topic(untyped(5)),
      "webStreams()": () =>
        webStreams(memoryPair()[0], untyped({ chunksize: 1 })),
      "writeAll()": () =>
        writeAll(
          memoryPair()[0],
          new Uint8Array(1),
          untyped(AbortSignal.abort()),
        ),
      "readExactly()": () =>
        readExactly(
          memoryPair()[0],
          new Uint8Array(1),
          untyped({ signl: undefined }),
        ),
      "a fault": () =>
        memoryPair({ fault: untyped({ kind: "cut", after: 1, at: 2 }) }),
      "a socket's address": () =>
        connectSocket(untyped({ transport: "tcp", port: 9, path: "/" })),
      "checkTransport()": () =>
        checkTransport(memoryPair, untyped({ timout: 1 })),
      "connectWebSocket()": () =>
        connectWebSocket("wss://127.0.0.1:9/", {
          tls: untyped({ caCert: [] }),
        }),
      "publish": () => server.broadcast.tell("x", untyped({ keey: 1 })),
      "json()": () => json(untyped({ maxDepht: 3 })),
      "msgpack()": () => msgpack(untyped({ int46: "bigint" })),
      "bytes()": () => bytes(untyped({ coppy: true })),
      "memoryPair()": () => memoryPair(untyped({ toSever: {} })),
      "toServer": () => memoryPair(untyped({ toServer: { latncy: 1 } })),
      "protocol()": () => protocol({ name: "x" }, untyped({ maxMethod: 1 })),
      "unary()": () => unary(untyped([])),
    };
    const accepted: string[] = [];
    for (const [name, call] of Object.entries(calls)) {
      try {
        await call();
        accepted.push(name);
      } catch (error) {
        if (!(error instanceof TypeError)) accepted.push(`${name}: ${error}`);
      }
    }
    assertEquals(accepted, []);
  },
);
