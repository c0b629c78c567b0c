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

/** The call begins with the first item that is asked for. */
const lazily: Interceptor = (request, next) =>
  (async function* () {
    for await (const item of next(request) as AsyncIterable<unknown>) {
      yield item;
    }
  })();

/** Handlers that run, of a server that has no end of its own. */
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
  "interceptors begin nothing that outlives a caller who has given up",
  none,
  async () => {
    const { server, running } = endless();
    const waits = Promise.withResolvers<void>();
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
        throw new Error("after it has begun");
      },
    };
    for (const [name, interceptor] of Object.entries(cases)) {
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
  "interceptors' generators are left with the call, however that ends, and begin it when it is sent to",
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
  "interceptors that only wait leave a stream as it is: items stay after a cancel that comes too late, and a second loop finds nothing",
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

Deno.test(
  "interceptors that wait keep no caller whose signal fires",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [() => new Promise(() => {})],
    });
    const { echo, log, count, sum } = session.remote;
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const calls = [
      echo("x", options),
      log("x", options),
      all(count(1, options)),
      sum([1], options).result,
    ];
    controller.abort(new Error("mine"));
    for (const call of calls) {
      const { code, processed, cause } = await failureOf(call);
      assertEquals([code, processed, String(cause)], [
        "cancelled",
        "no",
        "Error: mine",
      ]);
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test("interceptors may answer with promises of items", none, async () => {
  const { server } = lab();
  const session = await connect(Lab, dial(server), {
    interceptors: [() => [Promise.resolve("a"), "b"]],
  });
  assertEquals(await all(session.remote.count(9)), ["a", "b"]);
  await session.close();
  await server.shutdown();
});

/** Whether a promise is still pending after some turns. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => void (pending = false);
  promise.then(settled, settled);
  await turns(10);
  return pending;
}

Deno.test(
  "a signal that fires before, while an interceptor runs, or while its generator waits ends the call",
  none,
  async () => {
    const { server } = lab();
    const never = Promise.withResolvers<void>().promise;
    const controller = new AbortController();
    const cases: Record<string, [AbortSignal, Interceptor]> = {
      before: [AbortSignal.abort("mine"), () => {
        throw new Error("it must not run");
      }],
      "while it runs": [controller.signal, async () => {
        controller.abort("mine");
        await never;
      }],
      "a generator waits": [
        AbortSignal.timeout(20),
        (request, next) =>
          request.shape === "unary" ? never : (async function* () {
            await never;
            yield* lazily(request, next) as AsyncGenerator<unknown>;
          })(),
      ],
    };
    for (const [name, [signal, interceptor]] of Object.entries(cases)) {
      const session = await connect(Lab, dial(server), {
        interceptors: [interceptor],
      });
      const { echo, count, sum, talk } = session.remote;
      const options = { signal };
      const conversation = talk(undefined, options);
      for (
        const call of [
          all(count(1, options)),
          all(conversation),
          conversation.send("x"),
          sum([1], options).result,
          echo("x", options),
        ]
      ) {
        const { code, processed } = await failureOf(call);
        const expected = name === "a generator waits"
          ? "deadline"
          : "cancelled";
        assertEquals([code, processed], [expected, "no"], name);
      }
      await session.close();
    }
    await server.shutdown();
  },
);

Deno.test(
  "an interceptor's generator leaves no listener on the caller's signal",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [lazily],
    });
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    Object.assign(signal, {
      addEventListener(...args: Parameters<typeof addEventListener>) {
        listeners++;
        addEventListener.apply(signal, args);
      },
      removeEventListener(...args: Parameters<typeof removeEventListener>) {
        listeners--;
        removeEventListener.apply(signal, args);
      },
    });
    const { count, talk } = session.remote;
    await all(count(3, { signal }));
    for await (const _ of count(1e9, { signal })) break;
    await all(talk(["a"], { signal }));
    const left = count(1e9, { signal });
    assertEquals((await left[Symbol.asyncIterator]().next()).done, false);
    assert(listeners > 0);
    left.cancel();
    await turns(10);
    assertEquals(listeners, 0);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "what is no signal is refused, not thrown, while interceptors wait",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting],
    });
    // A caller without types.
    const options = { signal: {} as AbortSignal };
    const calls = [
      all(session.remote.count(1, options)),
      session.remote.sum([1], options).result,
      session.remote.echo("x", options),
    ];
    for (const call of calls) await assertRejects(() => call, TypeError);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors around a handler's own call wait no longer than the handler",
  none,
  async () => {
    const Both = protocol({
      name: "both",
      server: { ask: unary<void, void>() },
      client: { back: unary<void, void>() },
    });
    const own = Promise.withResolvers<void>();
    const controller = new AbortController();
    const server = createServer(Both, {
      async ask(_, { session }) {
        const { signal } = controller;
        await session.remote.back(undefined, { signal }).catch(() => {});
      },
    });
    const session = await connect(Both, dial(server), {
      handlers: {
        async back(_, { remote }) {
          const call = remote.ask();
          own.resolve(call);
          await call;
        },
      },
      // The handler's own call waits for ever; the first does not.
      interceptors: [
        (request, next) =>
          request.options.metadata === undefined
            ? new Promise(() => {})
            : next(request),
      ],
    });
    const call = session.remote.ask(undefined, { metadata: {} });
    const pending = own.promise;
    assert(await isPending(pending));
    controller.abort();
    assertEquals((await failureOf(pending)).code, "cancelled");
    await call;
    await session.close();
    await server.shutdown();
  },
);
