/**
 * The stack of a failed call shows the code that awaits it, in every shape.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, thrownBy, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    fail: unary<void, void>(),
    hang: unary<void, void>(),
    down: serverStream<void, number>(),
    up: clientStream<number, void>(),
    both: duplex<number, number>(),
    log: notification<Uint8Array>(),
  },
  client: { ask: unary<void, void>() },
});

type Session = Awaited<ReturnType<typeof open>>["session"];

async function open(interceptors: Interceptor[] = []) {
  const broken = () => {
    throw new Error("broken");
  };
  const server = createServer(P, { onError() {} }).handle({
    fail: broken,
    hang: (_, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      ),
    async *down() {
      yield 1;
      await turns(2);
      broken();
    },
    up: broken,
    // deno-lint-ignore require-yield -- it fails
    async *both() {
      await turns(2);
      broken();
    },
    log() {},
  });
  const session = await connect(P, dial(server), {
    interceptors,
    handlers: { ask: broken },
    onError() {},
  });
  return { server, session };
}

/** The code of an application, whose name its errors must show. */
const CALLS: Readonly<Record<string, (session: Session) => Promise<unknown>>> =
  {
    async "unary"(session) {
      return await session.remote.fail();
    },
    async "deadline"(session) {
      return await session.remote.hang(undefined, { timeout: 10 });
    },
    async "signal"(session) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 5);
      const { signal } = controller;
      return await session.remote.hang(undefined, { signal });
    },
    async "serverStream"(session) {
      for await (const _ of session.remote.down()) await turns();
    },
    async "clientStream"(session) {
      return await session.remote.up([1]).result;
    },
    async "duplex"(session) {
      const call = session.remote.both();
      await call.send(1);
      for await (const _ of call) await turns();
    },
    async "send"(session) {
      const call = session.remote.up();
      for (;;) {
        await call.send(1);
        await turns();
      }
    },
    async "disconnected"(session) {
      setTimeout(() => session.close(), 5);
      return await session.remote.hang();
    },
    async "closed"(session) {
      await session.close();
      return await session.remote.fail();
    },
    async "notification"(session) {
      await session.close();
      await session.remote.log(new Uint8Array(1));
    },
  };

for (const [name, run] of Object.entries(CALLS)) {
  for (const intercepted of [false, true]) {
    Deno.test(
      `the stack of a failed call shows the line that made it: ${name}${
        intercepted ? ", with interceptors" : ""
      }`,
      none,
      async () => {
        const { server, session } = await open(
          intercepted ? [(request, next) => next(request)] : [],
        );
        async function placeOrder() {
          await run(session);
        }
        const error = await thrownBy(placeOrder());
        assert(error instanceof CallError, `${error}`);
        assert(error.stack?.includes("placeOrder"), error.stack);
        assertEquals(
          error.stack?.split("\n")[0],
          `CallError: ${error.message}`,
        );
        await session.close();
        await server.shutdown();
      },
    );
  }
}

Deno.test(
  "the stack of a handler's failed callback shows the line of the handler",
  none,
  async () => {
    const seen: unknown[] = [];
    const server = createServer(P, {
      onError: ({ error }) => void seen.push(error),
    })
      .handle({
        async fail(_, { remote }) {
          await remote.ask();
        },
        hang() {},
        async *down() {},
        up() {},
        async *both() {},
        log() {},
      });
    const session = await connect(P, dial(server), {
      handlers: {
        ask: () => {
          throw new Error("no");
        },
      },
      onError() {},
    });
    await thrownBy(session.remote.fail());
    const [error] = seen;
    assert(error instanceof CallError);
    assert(error.stack?.includes("fail"), error.stack);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an error that the application creates keeps its own stack",
  none,
  async () => {
    function inInterceptor() {
      return new CallError("not allowed", { code: "forbidden" });
    }
    const { server, session } = await open([() => {
      throw inInterceptor();
    }]);
    const error = await thrownBy(session.remote.fail());
    assert(error instanceof CallError);
    assert(error.stack?.includes("inInterceptor"), error.stack);
    await session.close();
    await server.shutdown();
  },
);
