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

/** Gives a generator around the call's items, and nothing else. */
const around: Interceptor = (request, next) => {
  const call = next(request) as AsyncIterable<unknown>;
  return (async function* () {
    for await (const item of call) yield `<${item}>`;
  })();
};
const aroundLater: Interceptor = async (request, next) => {
  await turns();
  return around(request, next);
};

for (const [kind, interceptor] of Object.entries({ around, aroundLater })) {
  Deno.test(
    `interceptors may stand around a stream's items (${kind}): it is cancelled, sent to and ended all the same`,
    none,
    async () => {
      const { server, ended } = lab();
      const session = await connect(Lab, dial(server), {
        interceptors: [interceptor],
      });
      const { remote } = session;
      assertEquals(await all(remote.count(2)), ["<0>", "<1>"]);
      for await (const item of remote.count(1e9)) if (item === "<1>") break;
      while (ended.length < 2) await turns();
      const cancelled = remote.count(1e9);
      const items = all(cancelled);
      await turns(3);
      cancelled.cancel(new Error("mine"));
      assertEquals((await failureOf(items)).code, "cancelled");
      {
        await using unread = remote.count(1e9);
        assert(unread);
      }
      while (ended.length < 3) await turns();
      const talk = remote.talk();
      await talk.send("a");
      await talk.send("b");
      await talk.end();
      assertEquals(await all(talk), ["<a>", "<b>"]);
      await session.close();
      await server.shutdown();
    },
  );
}

Deno.test(
  "interceptors that wrap an upload leave its result, its items and its end",
  none,
  async () => {
    const { server } = lab();
    const sent: unknown[] = [];
    const session = await connect(Lab, dial(server), {
      interceptors: [(request, next) => {
        const call = next(request) as { send(item: unknown): Promise<void> };
        return {
          send(item: unknown) {
            sent.push(item);
            return call.send(item);
          },
        };
      }],
    });
    const upload = session.remote.sum();
    await upload.send(1);
    await upload.send(2);
    await upload.end();
    assertEquals([await upload.result, sent], ["3", [1, 2]]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors may answer a stream by themselves; what nobody has is an error, and no silence",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [
        ({ method }) => method === "count" ? ["from", "the cache"] : undefined,
      ],
    });
    const { remote } = session;
    assertEquals(await all(remote.count(9)), ["from", "the cache"]);
    for await (const item of remote.count(9)) {
      assertEquals(item, "from");
      break;
    }
    const talk = remote.talk();
    const upload = remote.sum();
    for (
      const use of [
        () => talk.send("a"),
        () => talk.end(),
        () => all(talk),
        () => upload.result,
      ]
    ) {
      await assertRejects(
        use,
        TypeError,
        "its interceptors neither began it nor gave",
      );
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors that wait for ever keep no caller who gives up",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [() => new Promise(() => {})],
    });
    const { remote } = session;
    const talk = remote.talk();
    const upload = remote.sum();
    const pending = [talk.send("a"), talk.end(), all(talk), upload.result];
    talk.cancel();
    upload.cancel(new Error("mine"));
    for (const failed of await Promise.allSettled(pending)) {
      assert(failed.status === "rejected");
      const { code, processed } = failed.reason;
      assertEquals([code, processed], ["cancelled", "no"]);
    }
    assertEquals((await failureOf(talk.send("b"))).code, "cancelled");
    await session.close();
    await server.shutdown();
  },
);
