/**
 * The calls that a server makes to its clients have the same options as those
 * of a client, and a client drains as a server's session does.
 *
 * @module
 */
import {
  CallError,
  type Interceptor,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { testPair } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createServer } from "../../../lib/messages/server/server.ts";
import { failureOf } from "../kit.ts";

const none = { permissions: "none" } as const;

const P = protocol({
  name: "p",
  server: {
    relay: unary<string, string>(),
    hang: unary<void, string>(),
  },
  client: {
    ask: unary<string, string>(),
    never: unary<void, void>(),
    slow: unary<void, void>({ timeout: 60_000 }),
  },
});

/** Options for a client whose methods `never` and `slow` do not return. */
function client(release: Promise<void> = new Promise(() => {})) {
  return {
    handlers: {
      ask: (text: string) => `${text}!`,
      never: () => release,
      slow: () => release,
    },
  };
}

Deno.test(
  "ServerOptions.interceptors see calls of sessions and of contexts",
  none,
  async () => {
    const seen: string[] = [];
    const log: Interceptor = (request, next) => {
      seen.push(`${request.method}(${request.input})`);
      return next({ ...request, input: `${request.input}?` });
    };
    await using pair = await testPair(P, {
      server: { interceptors: [log] },
      client: client(),
    }).handle({
      relay: (text, { remote }) => remote.ask(text),
      hang: () => "",
    });
    assertEquals(await pair.session.remote.relay("a"), "a?!");
    const [session] = pair.server.sessions;
    assertEquals(await session!.remote.ask("b"), "b?!");
    assertEquals(seen, ["ask(a)", "ask(b)"]);
  },
);

Deno.test(
  "ServerOptions.callTimeout limits calls that name no timeout",
  none,
  async () => {
    const release = Promise.withResolvers<void>();
    await using pair = await testPair(P, {
      server: { callTimeout: 20 },
      client: client(release.promise),
    }).handle({
      relay: (text) => text,
      hang: () => "",
    });
    const [session] = pair.server.sessions;
    assertEquals((await failureOf(session!.remote.never())).code, "deadline");
    const slow = session!.remote.slow(); // the method's own timeout is longer
    release.resolve();
    await slow;
  },
);

Deno.test("callTimeout must be above 0", none, async () => {
  const handlers = { relay: (text: string) => text, hang: () => "" };
  for (const callTimeout of [0, -1, NaN]) {
    assertThrows(
      () => createServer(P, { callTimeout }).handle(handlers),
      RangeError,
      `Cannot use ${callTimeout} as callTimeout`,
    );
    await assertRejects(
      () =>
        testPair(P, { client: { ...client(), callTimeout } }).handle(handlers),
      RangeError,
    );
  }
});

Deno.test(
  "ClientSession.drain() waits for calls in flight and refuses new ones",
  none,
  async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const pair = await testPair(P, { client: client() }).handle({
      relay: (text) => text,
      hang: () => promise,
    });
    const { session, server } = pair;
    const [accepted] = server.sessions;
    const pending = session.remote.hang();
    await session.remote.relay("the server has the call");
    const drained = session.drain();
    assertEquals(session.draining.aborted, true);
    const refused = await failureOf(session.remote.relay("b"));
    assertEquals([refused.code, refused.processed], ["unavailable", "no"]);
    await new Promise((resolve) => {
      if (accepted!.draining.aborted) resolve(undefined);
      accepted!.draining.addEventListener("abort", resolve);
    });
    const back = await failureOf(accepted!.remote.ask("c"));
    assertEquals([back instanceof CallError, back.code], [true, "unavailable"]);
    resolve("done");
    assertEquals(await pending, "done");
    await drained;
    assertEquals((await session.finished).code, "closed");
    assertEquals((await accepted!.finished).code, "closed");
    await pair[Symbol.asyncDispose]();
  },
);
