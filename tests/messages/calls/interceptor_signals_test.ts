import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { Lab, lab, lazily, waiting } from "./interceptors.ts";
import { all, dial, failureOf, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "an interceptor that never resolves does not keep a call whose signal is aborted",
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

/** Returns whether a promise is still pending after a few event loop turns. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => void (pending = false);
  promise.then(settled, settled);
  await turns(10);
  return pending;
}

Deno.test(
  "a signal ends the call before or during an interceptor, and while its generator waits",
  none,
  async () => {
    const { server } = lab();
    const never = Promise.withResolvers<void>().promise;
    let controller: AbortController;
    let entered = 0;
    const cases: Record<string, [() => AbortSignal, number, Interceptor]> = {
      before: [() => AbortSignal.abort("mine"), 0, () => {
        throw new Error("it must not run");
      }],
      "while it runs": [
        () => (controller = new AbortController()).signal,
        5,
        async () => {
          entered++;
          controller.abort("mine");
          await never;
        },
      ],
      "a generator waits": [
        () => AbortSignal.timeout(20),
        4,
        (request, next) =>
          request.shape === "unary" ? never : (async function* () {
            entered++;
            await never;
            yield* lazily(request, next) as AsyncGenerator<unknown>;
          })(),
      ],
    };
    for (const [name, [signal, runs, interceptor]] of Object.entries(cases)) {
      entered = 0;
      const session = await connect(Lab, dial(server), {
        interceptors: [interceptor],
      });
      const { echo, count, sum, talk } = session.remote;
      for (
        const call of [
          all(count(1, { signal: signal() })),
          all(talk(undefined, { signal: signal() })),
          talk(undefined, { signal: signal() }).send("x"),
          sum([1], { signal: signal() }).result,
          echo("x", { signal: signal() }),
        ]
      ) {
        const { code, processed } = await failureOf(call);
        const expected = name === "a generator waits"
          ? "deadline"
          : "cancelled";
        assertEquals([code, processed], [expected, "no"], name);
      }
      assertEquals(entered, runs, name);
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
    // The caller does not read these to the end.
    const sent = talk(undefined, { signal });
    await sent.send("a");
    await sent.end();
    const unfinished = count(1, { signal })[Symbol.asyncIterator]();
    assertEquals((await unfinished.next()).value, "0");
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
  "an invalid signal rejects the call, also while interceptors wait",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [waiting],
    });
    // As JavaScript callers may pass it.
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
      // Only the call made by the handler waits forever.
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

Deno.test(
  'a call that failed with processed: "no" is never sent, whatever interceptors do later',
  none,
  async () => {
    const entered: string[] = [];
    const server = createServer(Lab, {
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
  "a call that is aborted while its input is encoded may have been processed",
  none,
  async () => {
    const { server } = lab();
    const session = await connect(Lab, dial(server), {
      interceptors: [async (request, next) => {
        await turns();
        return await next(request);
      }],
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
  "a signal rejects promises of an interceptor's own object",
  none,
  async () => {
    const { server } = lab();
    const never = Promise.withResolvers<void>().promise;
    const session = await connect(Lab, dial(server), {
      interceptors: [() => ({ result: never, send: () => never })],
    });
    const controller = new AbortController();
    const { signal } = controller;
    const sum = session.remote.sum(undefined, { signal });
    const sent = sum.send(1);
    await turns(5);
    controller.abort();
    for (const call of [sum.result, sent]) {
      assertEquals((await failureOf(call)).code, "cancelled");
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "an interceptor's generator does not start after the call was cancelled",
  none,
  async () => {
    const { server } = lab();
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    const session = await connect(Lab, dial(server), {
      interceptors: [async () => {
        await gate.promise;
        return (async function* () {
          log.push("started");
          yield "x";
        })();
      }],
    });
    const count = session.remote.count(1);
    const items = all(count);
    count.cancel();
    gate.resolve();
    assertEquals((await failureOf(items)).code, "cancelled");
    await turns(10);
    assertEquals(log, []);
    await session.close();
    await server.shutdown();
  },
);
