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
  SessionError,
  unary,
} from "@lengthwise/lengthwise";
import {
  checkCodec,
  memoryPair,
  testPair,
} from "@lengthwise/lengthwise/testing";
import { listen, TransportError } from "@lengthwise/lengthwise/transport";
import { assertRejects, assertThrows } from "@std/assert";

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
    for (
      const call of [
        () => session.remote.ask(undefined, untyped({ timout: 5 })),
        () => session.drain(untyped({ grase: 5 })),
        () => server.shutdown(untyped({ retryafter: 5 })),
        () => server.accept(memoryPair()[0], untyped({ inf: {} })),
        () =>
          server.accept(memoryPair()[0], untyped({ info: { remoteAdr: {} } })),
        () => checkCodec(json(), untyped({ values: [1], refusd: [] })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => server.broadcast.tell("x", untyped({ keey: 1 })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () =>
          new CallError("x", untyped({ code: "internal", retryafter: 1 })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () =>
          new SessionError("x", untyped({ code: "closed", remot: true })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () =>
          new TransportError("x", untyped({ code: "other", adress: "" })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => json(untyped({ maxDepht: 3 })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => msgpack(untyped({ int46: "bigint" })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => bytes(untyped({ coppy: true })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => memoryPair(untyped({ toSever: {} })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => memoryPair(untyped({ toServer: { latncy: 1 } })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => protocol({ name: "x" }, untyped({ maxMethod: 1 })),
        // deno-lint-ignore require-await -- turns a throw into a rejection
        async () => unary(untyped([])),
      ]
    ) {
      await assertRejects(call, TypeError, undefined, call.toString());
    }
  },
);
