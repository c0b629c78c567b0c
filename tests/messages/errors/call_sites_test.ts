/**
 * Errors of calls in progress, and of functions that call inside, show the code
 * that awaits them.
 *
 * @module
 */
import {
  clientStream,
  connect,
  createServer,
  duplex,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { assert, assertEquals } from "@std/assert";
import { dial, thrownBy, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    relay: unary<void, void>(),
    up: clientStream<number, void>(),
    both: duplex<number, number>(),
  },
  client: { ask: unary<void, void>() },
});

type Session = Awaited<ReturnType<typeof open>>["session"];

async function open(seen: (stack: string) => void) {
  const server = createServer(P, {
    authenticate: (credentials) => {
      if (credentials === "bad") throw new Error("refused");
    },
    onError() {},
  }).handle({
    async relay(_, { remote }) {
      try {
        await lineOfTheHandler(() => remote.ask());
      } catch (error) {
        assert(error instanceof Error);
        seen(error.stack ?? "");
        throw error;
      }
    },
    async up() {
      await turns(2);
      throw new Error("broken");
    },
    // deno-lint-ignore require-yield -- it fails
    async *both() {
      await turns(2);
      throw new Error("broken");
    },
  });
  const session = await connect(P, dial(server), {
    credentials: "good",
    handlers: {
      ask() {
        throw new Error("broken");
      },
    },
    onError() {},
  });
  return { server, session };
}

async function lineOfTheHandler(call: () => PromiseLike<void>) {
  await call();
}

/** The code of an application, whose name its errors must show. */
const CALLS: Readonly<Record<string, (session: Session) => Promise<unknown>>> =
  {
    async "next() of a conversation"(session) {
      return await session.remote.both()[Symbol.asyncIterator]().next();
    },
    async "send() after the end"(session) {
      const call = session.remote.up();
      await call.result.catch(() => {});
      return await call.send(1);
    },
    async "send() while it waits for credit"(session) {
      const call = session.remote.both();
      for (;;) await call.send(1);
    },
    async "a second refresh()"(session) {
      return await session.refresh("bad");
    },
    async "a call after the end"(session) {
      await session.close();
      return await session.remote.relay();
    },
    async "Promise.all()"(session) {
      return await Promise.all([session.remote.relay()]);
    },
  };

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(
    `the error of ${name} shows the code that awaits it`,
    none,
    async () => {
      let handler = "lineOfTheHandler";
      const { server, session } = await open((stack) => handler = stack);
      const error = await thrownBy(call(session));
      assert(error instanceof Error);
      assert(
        error.stack?.includes(`${name} `) || error.stack?.includes(`${name} (`),
        error.stack,
      );
      assert(handler.includes("lineOfTheHandler"), handler);
      await session.close();
      await server.shutdown();
    },
  );
}

Deno.test(
  "an error of connect() shows the code that awaits it",
  none,
  async () => {
    const server = createServer(P, {
      authenticate() {
        throw new Error("refused");
      },
      onError() {},
    }).handle({ relay() {}, up() {}, async *both() {} });
    async function lineOfTheClient() {
      return await connect(P, dial(server), { handlers: { ask() {} } });
    }
    const error = await thrownBy(lineOfTheClient());
    assert(error instanceof Error);
    assert(error.stack?.includes("lineOfTheClient"), error.stack);
    assertEquals(error.name, "SessionError");
    await server.shutdown();
  },
);
