import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../lib/messages/client.ts";
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "../../lib/messages/declarations.ts";
import { CallError } from "../../lib/messages/errors.ts";
import type { Interceptor } from "../../lib/messages/interceptor.ts";
import { createServer } from "../../lib/messages/server.ts";
import { all, dial, failureOf, thrownBy, turns } from "./_kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Lab = protocol({
  name: "lab",
  server: {
    echo: unary<string, string>(),
    flaky: unary<void, number>(),
    log: notification<string>(),
    count: serverStream<number, string>(),
    sum: clientStream<number, string>(),
    talk: duplex<string, string>(),
  },
});

function lab() {
  const ended: string[] = [];
  let tries = 0;
  const server = createServer(Lab, {
    echo: (text, { metadata }) => text + (metadata["tag"] ?? ""),
    flaky: (_, context) => {
      if (++tries < 3) {
        throw context.refuse("overloaded", "again", { retry: "now" });
      }
      return tries;
    },
    log() {},
    async *count(upTo, { metadata }) {
      try {
        for (let i = 0; i < upTo; i++) yield i + (metadata["tag"] ?? "");
      } finally {
        ended.push("count");
      }
    },
    async sum(items, { metadata }) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum + (metadata["tag"] ?? "");
    },
    async *talk(lines, { metadata }) {
      for await (const line of lines) yield line + (metadata["tag"] ?? "");
    },
  });
  return { server, ended };
}

const tagged: Interceptor = (request, next) =>
  next({ ...request, options: { ...request.options, metadata: { tag: "#" } } });

const waiting: Interceptor = async (request, next) => {
  await turns();
  return await next(request);
};

Deno.test(
  "interceptors see calls of every shape alike, the first outermost",
  none,
  async () => {
    const seen: string[] = [];
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [
        (request, next) => {
          seen.push(`${request.shape} ${request.method}`);
          return next(request);
        },
        tagged,
      ],
    });
    const { remote } = session;
    assertEquals(await remote.echo("a"), "a#");
    await remote.log("x");
    assertEquals(await all(remote.count(2)), ["0#", "1#"]);
    assertEquals(await remote.sum([1, 2]).result, "3#");
    assertEquals(await all(remote.talk(["a"])), ["a#"]);
    assertEquals(seen, [
      "unary echo",
      "notification log",
      "serverStream count",
      "clientStream sum",
      "duplex talk",
    ]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors may wait, also before a stream begins",
  none,
  async () => {
    const { server, ended } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting, tagged],
    });
    const { remote } = session;
    assertEquals(await remote.echo("a"), "a#");
    await remote.log("x");
    assertEquals(await all(remote.count(2)), ["0#", "1#"]);
    assertEquals(await remote.sum([1, 2]).result, "3#");
    const upload = remote.sum();
    await Promise.all([upload.send(1), upload.send(2), upload.end()]);
    assertEquals(await upload.result, "3#");
    const talk = remote.talk();
    await talk.send("a");
    await talk.end();
    assertEquals(await all(talk), ["a#"]);
    for await (const item of remote.count(1e9)) if (item === "1#") break;
    while (ended.length < 2) await turns();
    const cancelled = remote.count(1e9);
    cancelled.cancel(new Error("before it began"));
    assertEquals((await failureOf(all(cancelled))).code, "cancelled");
    {
      await using unread = remote.count(1e9);
      assert(unread);
    }
    await turns(5);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors may try again, answer by themselves, or fail: callers get a promise or a stream",
  none,
  async () => {
    const { server } = lab();
    const retrying: Interceptor = async (request, next) => {
      for (;;) {
        try {
          return await next(request);
        } catch (error) {
          if (!(error instanceof CallError) || error.retry !== "now") {
            throw error;
          }
        }
      }
    };
    const failing: Interceptor = (request, next) => {
      if (request.options.metadata?.["fail"]) throw new Error("not today");
      if (request.input === "cached") return "from the cache";
      return next(request);
    };
    const session = await connect(Lab, dial(server), {
      interceptors: [failing, retrying],
    });
    const { remote } = session;
    assertEquals(await remote.flaky(), 3);
    assertEquals(await remote.echo("cached"), "from the cache");
    const options = { metadata: { fail: "yes" } };
    for (
      const call of [
        () => remote.echo("a", options),
        () => remote.log("a", options),
        () => all(remote.count(1, options)),
        () => remote.sum([], options).result,
        () => all(remote.talk([], options)),
      ]
    ) await assertRejects(call, Error, "not today");
    const talk = remote.talk(undefined, options);
    assertEquals(String(await thrownBy(talk.send("x"))), "Error: not today");
    talk.cancel();
    await session.close();
    await server.shutdown();
  },
);
