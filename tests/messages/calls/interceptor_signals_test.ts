/** Calls that end while interceptors wait, and attempts that begin later. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type {
  CallResponse,
  Interceptor,
} from "../../../lib/messages/calls/interceptor.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { endless, Lab, lab, waiting, wrapping } from "./interceptors.ts";
import { all, dial, failureOf, turns, until } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const never = Promise.withResolvers<CallResponse>().promise;

/** Returns whether a promise is still pending after a few event loop turns. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => void (pending = false);
  promise.then(settled, settled);
  await turns(10);
  return pending;
}

Deno.test(
  "a signal ends calls of every shape before an interceptor runs, while it runs and while it waits",
  none,
  async () => {
    const { server } = lab();
    let controller = new AbortController();
    let entered = 0;
    const cases: Record<string, [() => void, number, Interceptor]> = {
      before: [() => controller.abort("mine"), 0, () => never],
      "while it runs": [() => {}, 1, () => {
        controller.abort("mine");
        return never;
      }],
      "while it waits": [
        () => void turns(3).then(() => controller.abort("mine")),
        1,
        () => never,
      ],
      "while the next one waits": [
        () => void turns(3).then(() => controller.abort("mine")),
        1,
        (request, next) =>
          next({ ...request, options: { metadata: { inner: "yes" } } }),
      ],
    };
    for (const [name, [start, runs, interceptor]] of Object.entries(cases)) {
      const session = await connect(Lab, dial(server), {
        interceptors: [
          (request, next) => (entered++, interceptor(request, next)),
          () => never,
        ],
      });
      const { echo, log, count, sum, talk } = session.remote;
      const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
        echo: (signal) => echo("x", { signal }),
        log: (signal) => log("x", { signal }),
        count: (signal) => all(count(1, { signal })),
        sum: (signal) => sum([1], { signal }).result,
        "sum, sending": (signal) => sum(undefined, { signal }).send(1),
        talk: (signal) => all(talk(undefined, { signal })),
        "talk, sending": (signal) => talk(undefined, { signal }).send("x"),
      };
      for (const [shape, call] of Object.entries(calls)) {
        controller = new AbortController();
        entered = 0;
        start();
        const error = await failureOf(call(controller.signal));
        assertEquals(
          [error.code, error.processed, error.cause, entered],
          ["cancelled", "no", "mine", runs],
          `${name}: ${shape}`,
        );
      }
      await session.close();
    }
    await server.shutdown();
  },
);

Deno.test(
  "cancel() and disposal end streams while an interceptor waits, and abort the request's signal",
  none,
  async () => {
    const { server } = lab();
    let aborts = 0;
    const session = await connect(Lab, dial(server), {
      interceptors: [
        ({ options }) =>
          new Promise((_, reject) =>
            options.signal?.addEventListener("abort", () => {
              aborts++;
              reject(new Error("aborted"));
            })
          ),
      ],
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
    {
      await using count = remote.count(1);
      assert(count);
    }
    const left = remote.count(1)[Symbol.asyncIterator]();
    const waits = left.next();
    assertEquals(await left.return?.("early"), { done: true, value: "early" });
    assertEquals((await waits).done, true);
    assertEquals((await left.next()).done, true);
    assertEquals(aborts, 4);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a timeout signal fails the call with `deadline`, also while its generator waits",
  none,
  async () => {
    const { server, running } = endless();
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        if (request.shape !== "serverStream") return await never;
        const response = await next(request);
        return {
          ...response,
          items: (async function* () {
            yield await never;
          })(),
        };
      }],
    });
    const { count, echo } = session.remote;
    const signal = AbortSignal.timeout(20);
    const failures = await Promise.all([
      failureOf(echo("x", { signal })),
      failureOf(all(count(1, { signal }))),
    ]);
    assertEquals(
      failures.map(({ code, processed }) => [code, processed]),
      [["deadline", "no"], ["deadline", "maybe"]],
    );
    await until(() => running.size === 0);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "attempts are cancelled when the caller cancels, even without the call's signal",
  none,
  async () => {
    const { server, running } = endless();
    const replacements = {
      "the call's signal": undefined,
      "no signal": {},
      "another signal": { signal: new AbortController().signal },
    };
    for (const [kept, options] of Object.entries(replacements)) {
      for (const cancels of ["cancel", "signal", "dispose", "break"]) {
        const name = `${cancels}, ${kept}`;
        const session = await connect(Lab, dial(server), {
          interceptors: [
            wrapping().interceptor,
            (request, next) =>
              next(options === undefined ? request : { ...request, options }),
          ],
        });
        const controller = new AbortController();
        const { signal } = controller;
        const { remote } = session;
        const streams = [
          remote.count(1, { signal }),
          remote.talk(undefined, { signal }),
          remote.sum(undefined, { signal }),
        ] as const;
        await streams[1].send("x");
        await streams[2].send(1);
        await until(() => running.size >= 3);
        if (cancels === "signal") controller.abort();
        for (const stream of streams) {
          if (cancels === "cancel") stream.cancel();
          if (cancels === "dispose") await stream[Symbol.asyncDispose]();
        }
        if (cancels === "break") {
          for (const stream of [streams[0], streams[1]]) {
            for await (const _ of stream) break;
          }
          streams[2].cancel();
        }
        await until(() => running.size === 0);
        assertEquals(
          (await failureOf(streams[2].result)).processed,
          "maybe",
          name,
        );
        await session.close();
      }
    }
    await server.shutdown();
  },
);

Deno.test(
  "interceptors that leave the items alone do not change a stream: items remain after a late cancel",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting],
    });
    const controller = new AbortController();
    const ended = session.remote.count(3, { signal: controller.signal });
    const unread = session.remote.count(2);
    const items = ended[Symbol.asyncIterator]();
    assertEquals((await items.next()).value, "0");
    await turns(10);
    controller.abort();
    ended.cancel();
    unread.cancel();
    assertEquals([(await items.next()).value, (await items.next()).value], [
      "1",
      "2",
    ]);
    assertEquals(await all(unread), ["0", "1"]);
    const left = session.remote.count(1e9);
    for await (const _ of left) break;
    assertEquals(await all(left), []);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "interceptors leave no listener on the call's signal, and none on the caller's",
  none,
  async () => {
    const { server } = lab();
    const counts = new Map<AbortSignal, number>();
    function watched(signal: AbortSignal): AbortSignal {
      if (counts.has(signal)) return signal;
      counts.set(signal, 0);
      const { addEventListener, removeEventListener } = signal;
      const add = (by: number) =>
        counts.set(signal, (counts.get(signal) ?? 0) + by);
      Object.assign(signal, {
        addEventListener(...args: Parameters<typeof addEventListener>) {
          add(1);
          addEventListener.apply(signal, args);
        },
        removeEventListener(...args: Parameters<typeof removeEventListener>) {
          add(-1);
          removeEventListener.apply(signal, args);
        },
      });
      return signal;
    }
    const session = await connect(Lab, dial(server), {
      interceptors: [wrapping().interceptor, (request, next) => {
        const { signal } = request.options;
        assert(signal !== undefined);
        watched(signal);
        return next(request);
      }],
    });
    const controller = new AbortController();
    const signal = watched(controller.signal);
    const { echo, count, talk } = session.remote;
    await echo("x", { signal });
    await all(count(3, { signal }));
    for await (const _ of count(1e9, { signal })) break;
    await all(talk(["a"], { signal }));
    // The caller does not read these to the end.
    const sent = talk(undefined, { signal });
    await sent.send("a");
    await sent.end();
    const unfinished = count(1, { signal })[Symbol.asyncIterator]();
    assertEquals((await unfinished.next()).value, "<0>");
    const left = count(1e9, { signal });
    assertEquals((await left[Symbol.asyncIterator]().next()).done, false);
    assert([...counts.values()].some((count) => count > 0), "the last one");
    left.cancel();
    await turns(10);
    assertEquals(counts.size, 8);
    // The cancelled call's listener was removed by its event.
    const remaining = [...counts.values()];
    assertEquals(remaining, [0, 0, 0, 0, 0, 0, 0, 0]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an invalid signal rejects the call before an interceptor runs, and an attempt if an interceptor passes it",
  none,
  async () => {
    const { server } = lab();
    let runs = 0;
    const invalid = { signal: {} as AbortSignal }; // as JavaScript programs may pass it
    for (
      const [interceptor, options, expected] of [
        [waiting, invalid, 0],
        [
          (request, next) => next({ ...request, options: invalid }),
          {},
          3,
        ],
      ] as const satisfies [Interceptor, object, number][]
    ) {
      runs = 0;
      const session = await connect(Lab, dial(server), {
        interceptors: [(request, next) => (runs++, interceptor(request, next))],
      });
      const calls = [
        all(session.remote.count(1, options)),
        session.remote.sum([1], options).result,
        session.remote.echo("x", options),
      ];
      for (const call of calls) {
        await assertRejects(() => call, TypeError, "must be an AbortSignal");
      }
      assertEquals(runs, expected);
      await session.close();
    }
    await server.shutdown();
  },
);

Deno.test(
  "a signal that an interceptor adds ends its attempt only",
  none,
  async () => {
    const { server } = endless();
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        const { options } = request;
        const attempt = new AbortController();
        const first = next({
          ...request,
          options: { ...options, signal: attempt.signal },
        });
        await turns(3);
        attempt.abort();
        assertEquals((await failureOf(first)).code, "cancelled");
        assert(!options.signal?.aborted);
        return await next({ ...request, items: [] });
      }],
    });
    const sum = session.remote.sum(
      (async function* () {
        yield await never as unknown as number;
      })(),
    );
    assertEquals(await sum.result, "");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call that a handler makes ends with the handler's call, even while interceptors wait",
  none,
  async () => {
    const Both = protocol({
      name: "both",
      server: { ask: unary<void, void>() },
      client: { back: unary<void, void>() },
    });
    const own = Promise.withResolvers<void>();
    const controller = new AbortController();
    const server = createServer(Both).handle({
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
      // Only the call made by the handler waits forever.
      interceptors: [
        (request, next) =>
          request.options.metadata === undefined ? never : next(request),
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

Deno.test(
  'a call that failed with processed: "no" is never sent, whatever interceptors do later',
  none,
  async () => {
    const entered: string[] = [];
    const server = createServer(Lab).handle({
      echo: (text) => (entered.push("echo"), text),
      flaky: () => 0,
      log: () => void entered.push("log"),
      async *count() {
        yield String(entered.push("count"));
      },
      async sum() {
        return await Promise.resolve(String(entered.push("sum")));
      },
      async *talk() {
        yield String(entered.push("talk"));
      },
    });
    for (const keepsSignal of [true, false]) {
      const gate = Promise.withResolvers<void>();
      const session = await connect(Lab, dial(server), {
        interceptors: [async (request, next) => {
          await gate.promise;
          return await next(
            keepsSignal ? request : { ...request, options: { metadata: {} } },
          );
        }],
      });
      const { echo, log, count, sum, talk } = session.remote;
      const controller = new AbortController();
      const options = { signal: controller.signal };
      const left = [count(1), sum(), talk()] as const;
      const calls = [
        echo("x", options),
        log("x", options),
        all(count(1, options)),
        sum([1], options).result,
        all(talk(["x"], options)),
        all(left[0]),
        left[1].result,
        all(left[2]),
      ];
      controller.abort();
      for (const call of left) call.cancel();
      gate.resolve();
      for (const call of calls) {
        assertEquals((await failureOf(call)).processed, "no");
      }
      await turns(20);
      assertEquals(entered, []);
      await session.close();
    }
    await server.shutdown();
  },
);

Deno.test(
  'an aborted call has processed: "no" if every attempt was refused, and "maybe" if one was not',
  none,
  async () => {
    const server = createServer(Lab, { onError() {} }).handle(
      use((context, next) => {
        if (context.input !== "refused") return next();
        throw context.refuse("no", { code: "overloaded", retry: "now" });
      }, {
        echo() {
          throw new Error("an incident");
        },
        flaky: () => 0,
        log() {},
        async *count() {},
        sum: () => Promise.resolve(""),
        async *talk() {},
      }),
    );
    const entered = { waits: Promise.withResolvers<void>() };
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        for (let attempt = 0; attempt < 3; attempt++) {
          await next(request).catch(() => {});
        }
        entered.waits.resolve();
        return await never;
      }],
    });
    for (
      const [input, expected] of [["refused", "no"], [
        "handled",
        "maybe",
      ]] as const
    ) {
      entered.waits = Promise.withResolvers();
      const controller = new AbortController();
      const { signal } = controller;
      const call = failureOf(session.remote.echo(input, { signal }));
      await entered.waits.promise;
      controller.abort();
      assertEquals((await call).processed, expected, input);
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call that is aborted while its input is encoded may have been processed",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting],
    });
    const controller = new AbortController();
    const input = {
      get text() {
        controller.abort();
        return "x";
      },
    } as unknown as string; // a value that runs code when it is encoded
    const { signal } = controller;
    const { code, processed } = await failureOf(
      session.remote.echo(input, { signal }),
    );
    assertEquals([code, processed], ["cancelled", "maybe"]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an interceptor's generator does not start after the call was cancelled",
  none,
  async () => {
    const { server, ended } = lab();
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        const response = await next(request);
        await gate.promise;
        return {
          ...response,
          items: (async function* () {
            started++;
            yield "x";
          })(),
        };
      }],
    });
    const { count } = session.remote;
    const reading = count(1e9);
    const items = all(reading);
    await turns(5);
    reading.cancel();
    gate.resolve();
    assertEquals((await failureOf(items)).code, "cancelled");
    const controller = new AbortController();
    const later = count(1e9, { signal: controller.signal });
    await turns(5);
    controller.abort();
    assertEquals((await failureOf(all(later))).code, "cancelled");
    const unread = count(1e9);
    await turns(5);
    unread.cancel();
    await until(() => ended.length >= 3);
    assertEquals(started, 0);
    await session.close();
    await server.shutdown();
  },
);

Deno.test("no attempt begins after the call has ended", none, async () => {
  const { server } = lab();
  const late: (() => Promise<unknown>)[] = [];
  const session = await connect(Lab, dial(server), {
    interceptors: [
      async (request, next) => {
        const response = await next(request);
        late.push(() => next(request));
        return response;
      },
    ],
  });
  await session.remote.echo("x");
  await all(session.remote.count(1));
  await session.remote.log("x");
  for (const attempt of late) {
    const error = await failureOf(attempt());
    assertEquals([error.code, error.processed], ["cancelled", "no"]);
    assertEquals(
      error.message,
      `Cannot call ${error.method} again: the call has ended`,
    );
  }
  await session.close();
});
