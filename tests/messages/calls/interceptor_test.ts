/** Requests and responses of interceptors, for every shape. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type {
  CallResponse,
  Interceptor,
} from "../../../lib/messages/calls/interceptor.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import {
  endless,
  Lab,
  lab,
  tagged,
  waiting,
  wrapping,
} from "./interceptors.ts";
import {
  all,
  dial,
  failureOf,
  thrownBy,
  turns,
  typedSession,
  until,
} from "../kit.ts";
import type { Session } from "../../../lib/messages/session/session.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Runs a test with a session whose calls go through the interceptors. */
async function withLab(
  interceptors: Interceptor[],
  run: (
    remote: Awaited<ReturnType<typeof connect<typeof Lab>>>["remote"],
    ended: string[],
    inFlight: () => number,
  ) => Promise<void>,
): Promise<void> {
  const { server, ended } = lab();
  const session = await connect(Lab, dial(server), { interceptors });
  const [served] = server.sessions;
  // An implementation has the core, which has the calls.
  const core = typedSession(served!).session as Session;
  await run(session.remote, ended, () => core.incoming.calls.size);
  await session.close();
  await server.shutdown();
}

/** Returns a value as an interceptor's response, as JavaScript programs may return it. */
function untyped(value: unknown): Promise<CallResponse> {
  return value as Promise<CallResponse>;
}

Deno.test(
  "interceptors see requests and responses of every shape, the first outermost",
  none,
  async () => {
    const seen: string[] = [];
    const outer: Interceptor = async (request, next) => {
      const { shape, method, input, items, options } = request;
      assert(options.signal instanceof AbortSignal);
      assertEquals(options.metadata, undefined, "the inner one adds it");
      const given = items === undefined ? input : await Array.fromAsync(items);
      const response = await next(request);
      const result = "output" in response
        ? response.output
        : "items" in response;
      seen.push(`${shape} ${method} ${given} ${response.shape} ${result}`);
      return response;
    };
    await withLab([outer, tagged], async (remote) => {
      assertEquals(await remote.echo("a"), "a#");
      assertEquals(await remote.log("x"), undefined);
      assertEquals(await all(remote.count(2)), ["0#", "1#"]);
      assertEquals(await remote.sum([1, 2]).result, "3#");
      assertEquals(await all(remote.talk(["a"])), ["a#"]);
    });
    assertEquals(seen, [
      "unary echo a unary a#",
      "notification log x notification false",
      "serverStream count 2 serverStream true",
      "clientStream sum 1,2 clientStream 3#",
      "duplex talk a duplex true",
    ]);
  },
);

Deno.test(
  "interceptors can wait, and callers can send before the call has begun",
  none,
  () =>
    withLab([waiting, tagged, waiting], async (remote, ended) => {
      assertEquals(await remote.echo("a"), "a#");
      await remote.log("x");
      assertEquals(await all(remote.count(2)), ["0#", "1#"]);
      assertEquals(await remote.sum([1, 2]).result, "3#");
      const upload = remote.sum();
      await Promise.all([upload.send(1), upload.send(2), upload.end()]);
      assertEquals(await upload.result, "3#");
      assertEquals(
        (await failureOf(upload.send(3))).message,
        "sum: cannot send an item: end() was called",
      );
      const talk = remote.talk();
      await talk.send("a");
      await talk.end();
      assertEquals(await all(talk), ["a#"]);
      assertEquals(await all(talk), [], "a second loop");
      for await (const item of remote.count(1e9)) if (item === "1#") break;
      await until(() => ended.length >= 2);
    }),
);

Deno.test(
  "interceptors can change the input, the items to send, and an output",
  none,
  async () => {
    async function* doubled(items: AsyncIterable<unknown> | Iterable<unknown>) {
      for await (const item of items) {
        yield typeof item === "number" ? item * 2 : `${item}${item}`;
      }
    }
    const doubling: Interceptor = async (request, next) => {
      const { input, items } = request;
      const response = await next(
        items === undefined
          ? { ...request, input: typeof input === "number" ? 2 : `${input}!` }
          : { ...request, items: doubled(items) },
      );
      return "output" in response
        ? { ...response, output: `${response.output}.` }
        : response;
    };
    await withLab([doubling], async (remote) => {
      assertEquals(await remote.echo("a"), "a!.");
      assertEquals(await all(remote.count(9)), ["0", "1"]);
      assertEquals(await remote.sum([1, 2]).result, "6.");
      const upload = remote.sum();
      await upload.send(4);
      await upload.end();
      assertEquals(await upload.result, "8.");
      assertEquals(await all(remote.talk(["a"])), ["aa"]);
      const talk = remote.talk();
      const items = talk[Symbol.asyncIterator]();
      await talk.send("b");
      assertEquals((await items.next()).value, "bb");
      await talk.send("c");
      assertEquals((await items.next()).value, "cc");
      await talk.end();
      assertEquals((await items.next()).done, true);
    });
  },
);

Deno.test(
  "interceptors can wrap received items: the generator runs when read, and ends with the call",
  none,
  async () => {
    const { interceptor, generators } = wrapping();
    await withLab([interceptor, waiting], async (remote, ended) => {
      assertEquals(await all(remote.count(2)), ["<0>", "<1>"]);
      assertEquals(generators, { started: 1, ended: 1 });
      for await (const item of remote.count(1e9)) if (item === "<1>") break;
      await until(() => ended.length >= 2);
      assertEquals(generators, { started: 2, ended: 2 });
      const left = remote.count(1e9);
      const items = left[Symbol.asyncIterator]();
      assertEquals((await items.next()).value, "<0>");
      left.cancel(new Error("mine"));
      const error = await failureOf(items.next());
      assertEquals([error.code, String(error.cause)], [
        "cancelled",
        "Error: mine",
      ]);
      await until(() => ended.length >= 3);
      assertEquals(generators, { started: 3, ended: 3 });
      const unfinished = remote.count(1e9);
      await unfinished[Symbol.asyncIterator]().next();
      unfinished.cancel();
      await until(() => ended.length >= 4);
      assertEquals(generators, { started: 4, ended: 4 }, "not read further");
      {
        await using _unread = remote.count(1e9);
        await turns(10);
      }
      await until(() => ended.length >= 5);
      const talk = remote.talk();
      await talk.send("a");
      await talk.send("b");
      await talk.end();
      assertEquals(await all(talk), ["<a>", "<b>"]);
      assertEquals(generators, { started: 5, ended: 5 }, "none for the unread");
    });
  },
);

Deno.test(
  "interceptors can retry calls, and resume a stream in their generator",
  none,
  async () => {
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
    let refused = 0;
    let dropped = 0;
    let sums = 0;
    const server = createServer(Lab).handle({
      echo: (text) => text,
      flaky(_, context) {
        if (++refused < 3) {
          throw context.refuse("again", { code: "overloaded", retry: "now" });
        }
        return refused;
      },
      log() {},
      async *count(upTo, context) {
        yield String(upTo);
        if (++dropped < 3) {
          throw context.refuse("gone", { code: "unavailable" });
        }
      },
      async sum(items, context) {
        let sum = 0;
        sums++;
        for await (const item of items) sum += item;
        if (++refused < 9) {
          throw context.refuse("again", { code: "overloaded", retry: "now" });
        }
        return `${sum}`;
      },
      talk: (lines) => lines,
    });
    const resuming: Interceptor = async (request, next) => {
      const first = await next(request);
      if (first.shape !== "serverStream") return first;
      async function* items() {
        for (let response = first; "items" in response;) {
          try {
            return yield* response.items;
          } catch {
            response = await next({ ...request, input: "again" });
          }
        }
      }
      return { ...first, items: items() };
    };
    const session = await connect(Lab, dial(server), {
      interceptors: [retrying, resuming],
    });
    assertEquals(await session.remote.flaky(), 3);
    assertEquals(await session.remote.sum([1, 2]).result, "3", "an array");
    assertEquals(refused, 9);
    assertEquals(await all(session.remote.count(1)), ["1", "again", "again"]);
    refused = 7;
    sums = 0;
    const upload = session.remote.sum();
    await upload.send(1);
    await upload.end();
    await assertRejects(
      () => upload.result,
      TypeError,
      "Cannot use items that were passed to send() again",
    );
    await turns(5);
    assertEquals(sums, 1, "the second attempt has not begun");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors can return an earlier response, or hedge: other attempts are cancelled",
  none,
  async () => {
    const cache = new Map<unknown, CallResponse>();
    const caching: Interceptor = async (request, next) => {
      if (request.shape === "clientStream") return await next(request);
      if (request.shape === "serverStream") {
        const [first] = await Promise.all([next(request), next(request)]);
        return first!;
      }
      const cached = cache.get(request.input);
      if (cached !== undefined) return cached;
      const response = await next(request);
      cache.set(request.input, response);
      return response;
    };
    let calls = 0;
    await withLab(
      [caching, (request, next) => (calls++, next(request))],
      async (
        remote,
        ended,
      ) => {
        assertEquals([await remote.echo("a"), await remote.echo("a")], [
          "a",
          "a",
        ]);
        assertEquals(calls, 1);
        for await (const item of remote.count(1e9)) if (item === "3") break;
        await until(() => ended.length >= 2);
        const other = await thrownBy(remote.log("a"));
        assert(other instanceof TypeError, "the response of another shape");
      },
    );
  },
);

Deno.test(
  "attempts that are still in progress are cancelled when the call succeeds",
  none,
  async () => {
    const { server, running } = endless();
    const hedging: Interceptor = async (request, next) => {
      next(request).catch(() => {}); // cancelled
      await turns(3);
      assertEquals(running.size, 1);
      return await next({ ...request, items: [] });
    };
    const session = await connect(Lab, dial(server), {
      interceptors: [hedging],
    });
    assertEquals(await session.remote.sum().result, "");
    await until(() => running.size === 0);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a value other than a response of next() is a TypeError, and cancels the attempts",
  none,
  async () => {
    const values: Record<string, (response: CallResponse) => unknown> = {
      nothing: () => undefined,
      text: () => "from the cache",
      "an array": () => ["from", "the cache"],
      "an unrelated object": () => ({ shape: "serverStream", items: [] }),
      "a generator": () => (async function* () {})(),
      "items that are no async iterable": (response) => ({
        ...response,
        items: ["a"],
        shape: response.shape,
      }),
      "another shape": (response) => ({
        ...response,
        shape: response.shape === "unary" ? "duplex" : "unary",
      }),
    };
    for (const [name, value] of Object.entries(values)) {
      const interceptor: Interceptor = async (request, next) => {
        const call = next(request);
        if (request.shape === "clientStream") {
          call.catch(() => {}); // cancelled: the caller sends nothing
          return untyped(value({ shape: "clientStream" } as CallResponse));
        }
        return untyped(value(await call));
      };
      let outer: unknown;
      const watching: Interceptor = (request, next) => {
        const response = next(request);
        response.catch((error) => outer = error);
        return response;
      };
      await withLab([watching, interceptor], async (remote, _, inFlight) => {
        const upload = remote.sum();
        const talk = remote.talk();
        for (
          const use of [
            () => remote.echo("a"),
            () => remote.log("a"),
            () => all(remote.count(1e9)),
            () => upload.result,
            () => upload.send(1),
            () => talk.send("a"),
            () => all(talk),
          ]
        ) {
          const error = await thrownBy(use());
          assert(error instanceof TypeError, `${name}: ${error}`);
          assert(
            error.message.includes("an interceptor must return the response") ||
              error.message.includes("must be an async iterable"),
            error.message,
          );
        }
        assert(outer instanceof TypeError, "outer interceptors see it");
        await until(() => inFlight() === 0);
      });
    }
  },
);

Deno.test(
  "errors of interceptors fail the call, wherever they are thrown",
  none,
  async () => {
    const own = new Error("not today");
    const places: Record<string, Interceptor> = {
      "before next()": () => {
        throw own;
      },
      "while it waits": async () => {
        await turns();
        throw own;
      },
      "after next()": async (request, next) => {
        next(request).catch(() => {}); // the call ends with the error
        await turns();
        throw own;
      },
      "in the items to send": (request, next) =>
        next({
          ...request,
          // deno-lint-ignore require-yield -- it throws before any item
          items: (async function* () {
            await turns();
            throw own;
          })(),
        }),
      "in the received items": async (request, next) => {
        const response = await next(request);
        return {
          ...response,
          // deno-lint-ignore require-yield -- it throws before any item
          items: (async function* () {
            await turns();
            throw own;
          })(),
        };
      },
    };
    for (const [place, interceptor] of Object.entries(places)) {
      await withLab([interceptor], async (remote, ended) => {
        const upload = remote.sum();
        const talk = remote.talk();
        const uses: Record<string, () => Promise<unknown>> = {
          sum: () => upload.result,
          "sum, sending": () => upload.send(1),
          talk: () => all(talk),
          "talk, sending": () => talk.send("x"),
          count: () => all(remote.count(1e9)),
          echo: () => remote.echo("a"),
          log: () => remote.log("a"),
        };
        const items = place.startsWith("in the");
        for (const [use, run] of Object.entries(uses)) {
          const affected = !items ||
            (place === "in the received items"
              ? use.startsWith("talk") || use === "count"
              : use.startsWith("sum") || use.startsWith("talk"));
          if (!affected) continue;
          assertStrictEquals(await thrownBy(run()), own, `${place}: ${use}`);
        }
        if (!items) assert(ended.length < 2, "at most the call of `count`");
      });
    }
  },
);

Deno.test(
  "errors of a call reject next(), or are thrown by its items",
  none,
  async () => {
    const seen: string[] = [];
    const watching: Interceptor = async (request, next) => {
      try {
        const response = await next(request);
        if (!("items" in response)) return response;
        return {
          ...response,
          items: (async function* () {
            try {
              yield* response.items;
            } catch (error) {
              seen.push(`${request.method} items ${error}`);
              throw error;
            }
          })(),
        };
      } catch (error) {
        seen.push(`${request.method} next ${error}`);
        throw error;
      }
    };
    const server = createServer(Lab).handle({
      echo: (_, context) => {
        throw context.refuse("no", { code: "forbidden" });
      },
      flaky: () => 1,
      log() {},
      // deno-lint-ignore require-yield -- it throws before any item
      async *count(_, context) {
        throw context.refuse("no", { code: "forbidden" });
      },
      sum: (_, context) =>
        Promise.reject(context.refuse("no", { code: "forbidden" })),
      // deno-lint-ignore require-yield -- it throws before any item
      async *talk(_, context) {
        throw context.refuse("no", { code: "forbidden" });
      },
    });
    const session = await connect(Lab, dial(server), {
      interceptors: [watching],
    });
    const { remote } = session;
    const metadata = { "not a key": "" };
    for (const options of [{}, { metadata }]) {
      await thrownBy(remote.echo("a", options));
      await thrownBy(all(remote.count(1, options)));
      await thrownBy(remote.sum([1], options).result);
      await thrownBy(all(remote.talk(["a"], options)));
    }
    const invalid = seen.splice(4);
    assertEquals(seen.map((line) => line.split(" ").slice(0, 2).join(" ")), [
      "echo next",
      "count items",
      "sum next",
      "talk items",
    ]);
    for (const line of seen) assert(line.endsWith("no"), line);
    assertEquals(invalid.map((line) => line.split(" ").slice(0, 3).join(" ")), [
      "echo next TypeError:",
      "count next TypeError:",
      "sum next TypeError:",
      "talk next TypeError:",
    ]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "responses have the metadata of the result, and the caller's onMetadata is called once",
  none,
  async () => {
    const server = createServer(Lab).handle({
      echo(text, context) {
        context.respondWith({ from: "echo" });
        return text;
      },
      flaky: () => 1,
      log() {},
      async *count(_, context) {
        yield "0";
        context.respondWith({ from: "count" });
      },
      sum(_, context) {
        context.respondWith({ from: "sum" });
        return Promise.resolve("");
      },
      async *talk(_, context) {
        yield "0";
        context.respondWith({ from: "talk" });
      },
    });
    const seen: unknown[] = [];
    const reading: Interceptor = async (request, next) => {
      const response = await next(request);
      if (!("items" in response)) {
        seen.push({ ...response.metadata });
        return response;
      }
      return {
        ...response,
        items: (async function* () {
          seen.push({ ...response.metadata });
          yield* response.items;
          seen.push({ ...response.metadata });
        })(),
      };
    };
    const session = await connect(Lab, dial(server), {
      interceptors: [reading, reading],
    });
    const { remote } = session;
    const received: unknown[] = [];
    const options = {
      onMetadata: (metadata: Record<string, string>) =>
        void received.push({ ...metadata }),
    };
    await remote.echo("a", options);
    await remote.log("a", options);
    await remote.sum([], options).result;
    await all(remote.count(1, options));
    await all(remote.talk([], options));
    const [echo, sum, count, talk] = ["echo", "sum", "count", "talk"].map((
      from,
    ) => ({ from }));
    assertEquals(received, [echo, sum, count, talk]);
    assertEquals(seen, [
      ...[echo, echo, {}, {}, sum, sum],
      ...[{}, {}, count, count],
      ...[{}, {}, talk, talk],
    ]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call whose items were passed to it refuses send(), and a call without items fails",
  none,
  async () => {
    const omitting: Interceptor = (request, next) =>
      next({ ...request, items: undefined });
    await withLab([waiting], async (remote) => {
      const { message } = await failureOf(remote.sum([1]).send(2));
      assertEquals(
        message,
        "sum: cannot send an item: its items were passed to the call",
      );
    });
    await withLab([omitting], async (remote) => {
      for (const call of [remote.sum(), remote.sum([1])]) {
        await assertRejects(
          () => call.result,
          TypeError,
          "its items must be an iterable",
        );
      }
    });
  },
);

Deno.test(
  "an item that cannot be encoded rejects send(), and fails the call if interceptors wrap the items",
  none,
  async () => {
    const wrapped: Interceptor = (request, next) => {
      const { items = [] } = request;
      return next({
        ...request,
        items: (async function* () {
          yield* items;
        })(),
      });
    };
    const invalid = (() => {}) as unknown as string; // as JavaScript callers may pass it
    const cases: [Interceptor, unknown[]][] = [
      [waiting, ["sent", "CodecError", "sent", ["a", "b"]]],
      [wrapped, ["sent", "CallError", "CallError", "CodecError"]],
    ];
    for (const [interceptor, expected] of cases) {
      await withLab([interceptor], async (remote) => {
        const talk = remote.talk();
        const sent = ["a", invalid, "b"].map((item) => talk.send(item));
        const results = await Promise.allSettled([
          ...sent,
          all(talk),
          talk.end(),
        ]);
        assertEquals(
          results.slice(0, 4).map((result) =>
            result.status === "rejected"
              ? result.reason.name
              : result.value ?? "sent"
          ),
          expected,
        );
      });
    }
  },
);

Deno.test(
  "an interceptor cannot pass or return what would be ignored",
  none,
  async () => {
    const requests: [change: object, expected: string][] = [
      [{ optoins: {} }, 'Unknown member "optoins" of the request of echo'],
      [{ optoins: {} }, 'did you mean "options"'],
      [{ method: "log" }, "cannot change the method or its shape"],
      [{ shape: "duplex" }, "cannot change the method or its shape"],
      [{ items: [1] }, 'passed "items" to next(), which calls of shape unary'],
      [{ options: undefined }, "must pass the request to next()"],
      [{ options: { timout: 5 } }, 'did you mean "timeout"'],
    ];
    for (const [change, expected] of requests) {
      const interceptor: Interceptor = (request, next) =>
        next({ ...request, ...change });
      await withLab([interceptor], async (remote) => {
        await assertRejects(() => remote.echo("a"), TypeError, expected);
      });
    }
    for (const value of [undefined, null, "x", {}]) {
      const interceptor: Interceptor = (_, next) =>
        next(JSON.parse("[]")[0] ?? value);
      await withLab([interceptor], async (remote) => {
        for (
          const call of [() => remote.echo("a"), () => all(remote.count(1))]
        ) {
          await assertRejects(
            call,
            TypeError,
            "must pass the request to next()",
          );
        }
      });
    }
    const returning: Interceptor = async (request, next) =>
      Object.assign({ outptu: 1 }, await next(request));
    await withLab([returning], async (remote) => {
      await assertRejects(
        () => remote.echo("a"),
        TypeError,
        'Unknown member "outptu" of the response of echo (did you mean "output"?)',
      );
      await assertRejects(() => remote.log("a"), TypeError, '"outptu"');
      await assertRejects(() => all(remote.count(1)), TypeError, '"outptu"');
    });
  },
);

Deno.test("next() makes no attempt once the call has ended", none, async () => {
  let later: (() => Promise<CallResponse>) | undefined;
  const keeping: Interceptor = (request, next) => {
    later = () => next(request);
    return next(request);
  };
  await withLab([keeping], async (remote) => {
    for (
      const call of [
        () => remote.echo("a"),
        () => all(remote.count(2)),
        () => remote.sum([1, 2]),
      ]
    ) {
      await call();
      assertEquals((await failureOf(later!())).code, "cancelled");
    }
  });
});
