/** Effects of a call's options on the call, and on its session. */
import { assertEquals, assertRejects } from "@std/assert";
import type { CallOptions } from "../../../lib/messages/protocol/client_types.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import type { NoErrors } from "../../../lib/messages/protocol/method.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { all, dial, failureOf, incidents, turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shapes = protocol({
  name: "shapes",
  server: {
    ask: unary<void, string>(),
    watch: serverStream<void, number>(),
    pour: clientStream<number, number>(),
    mix: duplex<number, number>(),
  },
});

async function shapes() {
  const { list, onError } = incidents();
  const server = createServer(Shapes, { onError }).handle({
    ask: () => "answer",
    async *watch() {
      for (let i = 0;; i++) yield i;
    },
    async pour(items) {
      for await (const _ of items);
      return 0;
    },
    mix: (items) => items,
  });
  const session = await connect(Shapes, dial(server), { onError });
  return { server, session, list };
}

Deno.test(
  "an invalid signal fails its call with a TypeError and affects no other call",
  none,
  async () => {
    const { server, session, list } = await shapes();
    const { ask, watch, pour, mix } = session.remote;
    for (const signal of [{}, 5, "x", { aborted: false }, () => {}]) {
      const options = { signal } as CallOptions; // as JavaScript callers may pass it
      for (
        const call of [
          () => ask(undefined, options),
          () => all(watch(undefined, options)),
          () => pour([1], options).result,
          () => pour(undefined, options).send(1),
          () =>
            pour(undefined, options).end().then(() =>
              pour(undefined, options).result
            ),
          () => all(mix([1], options)),
        ]
      ) {
        await assertRejects(
          call,
          TypeError,
          "it must be an AbortSignal or omitted",
        );
      }
      assertEquals(await ask(), "answer");
    }
    assertEquals(list, []);
    await session.close();
    await server.shutdown(); // resolves because no handler runs any more
  },
);

Deno.test(
  "a callback of a stream that is not a function fails its call",
  none,
  async () => {
    const { server, session } = await shapes();
    for (const option of ["onGap", "resume"]) {
      const options: CallOptions = { [option]: true }; // as in JavaScript
      await assertRejects(
        () => all(session.remote.watch(undefined, options)),
        TypeError,
        `Cannot call watch with a value of type boolean as its option ${option}: expected a function`,
      );
    }
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a rejection of onMetadata is reported, and its call succeeds",
  none,
  async () => {
    const { server, session, list } = await shapes();
    const own = new Error("no place for it");
    const onMetadata = () => Promise.reject(own);
    assertEquals(await session.remote.ask(undefined, { onMetadata }), "answer");
    await turns();
    assertEquals(list.map(({ method, error }) => [method, error]), [[
      "ask",
      own,
    ]]);
    await assertRejects(
      () =>
        session.remote.ask(undefined, {
          onMetadata() {
            throw own;
          },
        }),
      Error,
      "no place for it",
    );
    assertEquals(list.length, 1, "the caller received the error");
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a signal that is aborted while a value is encoded cancels its call",
  none,
  async () => {
    const { server, session, list } = await shapes();
    const controller = new AbortController();
    const { signal } = controller;
    const own = new AbortController();
    const value = {
      get self() {
        for (const each of [controller, own]) {
          each.abort(new Error("from inside"));
        }
        return 1;
      },
    };
    // Cancels the call itself, and another one that is in progress.
    const watching = all(session.remote.watch(undefined, { signal }));
    const pouring = session.remote.pour([value as unknown as number], {
      signal,
    });
    const asking = session.remote.ask(value as unknown as void, { // JavaScript callers may pass any value
      signal: own.signal,
    });
    for (const call of [watching, pouring.result, asking]) {
      const error = await failureOf(call);
      assertEquals(error.code, "cancelled");
      assertEquals(String(error.cause), "Error: from inside");
    }
    assertEquals(await session.remote.ask(), "answer");
    assertEquals(list, []);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "the items of a call that is aborted while its opening is encoded are not iterated",
  none,
  async () => {
    const Openings = protocol({
      name: "openings",
      server: { pour: clientStream<number, number, NoErrors, unknown>() },
    });
    const server = createServer(Openings).handle({
      pour: () => Promise.resolve(0),
    });
    const session = await connect(Openings, dial(server));
    const controller = new AbortController();
    const opening = {
      get self() {
        controller.abort();
        return 1;
      },
    };
    let started = false;
    function* items() {
      started = true;
      yield 1;
    }
    const { signal } = controller;
    const { code } = await failureOf(
      session.remote.pour(items(), { signal, opening }).result,
    );
    assertEquals([code, started], ["cancelled", false]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a call without items cannot be iterated, and goes on",
  none,
  async () => {
    const { server, session } = await shapes();
    for (const call of [session.remote.ask(), session.remote.pour([1])]) {
      const iterable = call as unknown as AsyncIterable<unknown>; // as JavaScript may use it
      await assertRejects(() => all(iterable), TypeError);
      await ("result" in call ? call.result : call);
    }
    await session.close();
    await server.shutdown();
  },
);
