import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { Lab, lab, lazily, waiting } from "./interceptors.ts";
import { all, dial, failureOf, thrownBy, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const tagged: Interceptor = (request, next) =>
  next({ ...request, options: { ...request.options, metadata: { tag: "#" } } });

Deno.test(
  "interceptors run for calls of every shape, the first outermost",
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
  "interceptors can wait before a call or a stream starts",
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
  "interceptors can retry, answer or fail: the caller receives a promise or a stream",
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

/** Returns a generator around the call's items, without other members. */
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
    `a stream whose items an interceptor wraps (${kind}) can still be cancelled, sent to and ended`,
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
      while (ended.length < 3) await turns();
      {
        await using _unread = remote.count(1e9);
        await turns(10);
      }
      while (ended.length < 4) await turns();
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
  "interceptors can wrap one member of an upload and leave the others",
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
  "interceptors can answer a stream themselves; using a missing member is an error",
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
        "its interceptors neither called next() nor returned",
      );
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an interceptor that waits forever does not keep a caller that cancels",
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

/** Creates a server whose streams never end, and the set of its running handlers. */
function endless() {
  const running = new Set<string>();
  async function* run(name: string, items: AsyncIterable<string>) {
    running.add(name);
    try {
      for await (const item of items) yield item;
    } finally {
      running.delete(name);
    }
  }
  const server = createServer(Lab, {
    echo: (text) => text,
    flaky: () => 1,
    log() {},
    count: () =>
      run(
        "count",
        (async function* () {
          for (let n = 0;; n++) yield `${n}`;
        })(),
      ),
    sum: async (items) => {
      running.add("sum");
      try {
        for await (const _ of items);
      } finally {
        running.delete("sum");
      }
      return "";
    },
    talk: (lines) => run("talk", lines),
  });
  return { server, running };
}

Deno.test(
  "calls that interceptors start are cancelled when the caller cancels",
  none,
  async () => {
    const { server, running } = endless();
    let waits = Promise.withResolvers<void>();
    const cases: Record<string, Interceptor> = {
      lazily,
      waits: async (request, next) => {
        await waits.promise;
        return next(request);
      },
      hedges: async (request, next) => {
        next(request);
        await waits.promise;
        return next(request);
      },
      fails: (request, next) => {
        next(request);
        throw new Error("after the call has started");
      },
    };
    for (const [name, interceptor] of Object.entries(cases)) {
      waits = Promise.withResolvers();
      const session = await connect(Lab, dial(server), {
        interceptors: [interceptor],
      });
      const count = session.remote.count(1);
      const sum = session.remote.sum();
      const talk = session.remote.talk();
      await turns(3);
      for (const call of [count, sum, talk]) call.cancel(new Error(name));
      waits.resolve();
      await thrownBy(all(count));
      await thrownBy(all(talk));
      await thrownBy(sum.result);
      await turns(5);
      assertEquals([...running], [], name);
      await session.close();
    }
    await server.shutdown();
  },
);

Deno.test(
  "generators of interceptors are closed when the call ends, and started by send()",
  none,
  async () => {
    const { server, running } = endless();
    let open = 0;
    const session = await connect(Lab, dial(server), {
      interceptors: [(request, next) =>
        (async function* () {
          open++;
          try {
            yield* lazily(request, next) as AsyncGenerator<unknown>;
          } finally {
            open--;
          }
        })()],
    });
    const { remote } = session;
    {
      await using talk = remote.talk();
      await talk.send("first");
      await talk.send("second");
      const items = talk[Symbol.asyncIterator]();
      assertEquals((await items.next()).value, "first");
      assertEquals((await items.next()).value, "second");
    }
    const count = remote.count(1);
    await count[Symbol.asyncIterator]().next();
    assertEquals([open, running.size], [1, 1]);
    count.cancel();
    while (open + running.size > 0) await turns();
    assertEquals((await failureOf(all(count))).code, "cancelled");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors that only wait do not change a stream: items remain after a late cancel, and a second loop yields nothing",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting],
    });
    const ended = session.remote.count(3);
    const items = ended[Symbol.asyncIterator]();
    assertEquals((await items.next()).value, "0");
    await turns(10);
    ended.cancel();
    assertEquals([(await items.next()).value, (await items.next()).value], [
      "1",
      "2",
    ]);
    for (const interceptors of [[waiting], [lazily]]) {
      const other = await connect(Lab, dial(server), { interceptors });
      const left = other.remote.count(1e9);
      for await (const _ of left) break;
      assertEquals(await all(left), []);
      await other.close();
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test("interceptors can answer with promises of items", none, async () => {
  const { server } = lab();
  const session = await connect(Lab, dial(server), {
    interceptors: [() => [Promise.resolve("a"), "b"]],
  });
  assertEquals(await all(session.remote.count(9)), ["a", "b"]);
  await session.close();
  await server.shutdown();
});

Deno.test(
  "an interceptor can return an earlier attempt that has ended: its items remain after a cancel",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        const first = next(request);
        await turns(20);
        next(request);
        return first;
      }],
    });
    const count = session.remote.count(2);
    const items = count[Symbol.asyncIterator]();
    assertEquals((await items.next()).value, "0");
    count.cancel();
    assertEquals((await items.next()).value, "1");
    await session.close();
    await server.shutdown();
  },
);
