import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { limit } from "../../../lib/messages/handlers/limit.ts";
import {
  chain,
  type MiddlewareContext,
} from "../../../lib/messages/handlers/middleware.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import {
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { testPair } from "../../../lib/testing/test_pair.ts";
import { all, incidents } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: {
    ask: unary<string, string>(),
    watch: serverStream<string, number>(),
    talk: duplex<number, number>(),
    note: notification<string>(),
  },
});

/** A clock that a test sets. */
class Clock implements Disposable {
  now = 1000;
  readonly #real = performance.now;

  constructor() {
    performance.now = () => this.now;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real;
  }
}

/** Returns the error that a call ended with, or `undefined`. */
async function errorOf(call: PromiseLike<unknown>): Promise<CallError | void> {
  try {
    await call;
  } catch (error) {
    assert(error instanceof CallError);
    return error;
  }
}

const byTenant = {
  rate: 2,
  burst: 3,
  key: ({ metadata }: { metadata: Readonly<Record<string, string>> }) =>
    metadata["tenant"] ?? "none",
};

Deno.test(
  "limit() refuses calls beyond the rate before their handler runs",
  none,
  async () => {
    using clock = new Clock();
    let entered = 0;
    await using pair = await testPair(Shop).handle(use(limit(byTenant), {
      ask: (text) => {
        entered++;
        return text;
      },
      async *watch() {},
      async *talk() {},
      note() {},
    }));
    const { ask } = pair.session.remote;
    for (let i = 0; i < 3; i++) assertEquals(await ask("a"), "a");
    const error = await errorOf(ask("a"));
    assert(error);
    assertEquals(
      [error.code, error.processed, error.retry, error.retryAfter],
      ["overloaded", "no", "later", 500],
    );
    assertEquals(
      error.message,
      "Too many calls: at most 2 per second are accepted; wait for 500 ms",
    );
    assertEquals(entered, 3);
    assertEquals(await ask("b", { metadata: { tenant: "b" } }), "b");
    clock.now += 499;
    assertEquals((await errorOf(ask("a")))?.retryAfter, 1);
    clock.now += 1;
    assertEquals(await ask("a"), "a");
  },
);

Deno.test(
  "limit() counts a call of any shape once, and drops notifications",
  none,
  async () => {
    using _clock = new Clock();
    const noted: string[] = [];
    const errors = incidents();
    await using pair = await testPair(Shop, {
      server: { onError: errors.onError },
    })
      .handle(use(limit({ ...byTenant, burst: 4 }), {
        ask: (text) => text,
        async *watch() {
          yield* [1, 2, 3, 4, 5];
        },
        async *talk(items) {
          yield* items;
        },
        note: (text) => void noted.push(text),
      }));
    const { remote } = pair.session;
    assertEquals(await all(remote.watch("a")), [1, 2, 3, 4, 5]);
    assertEquals(await all(remote.talk([1, 2, 3])), [1, 2, 3]);
    await remote.note("one");
    assertEquals(await remote.ask("a"), "a");
    await remote.note("two");
    assertEquals((await errorOf(remote.ask("a")))?.code, "overloaded");
    const { stats } = pair.server.sessions.values().next().value!; // the only one
    assertEquals([noted, stats.refusedCalls], [["one"], 1]);
    assertEquals((await errorOf(all(remote.watch("a"))))?.code, "overloaded");
    assertEquals((await errorOf(all(remote.talk([1]))))?.code, "overloaded");
    assertEquals(errors.list, []);
  },
);

Deno.test(
  "limit() shares the rate among the handlers that use one middleware",
  none,
  async () => {
    using _clock = new Clock();
    const limited = limit(byTenant);
    await using pair = await testPair(Shop).handle({
      ask: use(limited, (text) => text),
      watch: use(limited, async function* () {}),
      talk: use(limit(byTenant), async function* () {}),
      note() {},
    });
    const { remote } = pair.session;
    await remote.ask("a");
    await all(remote.watch("a"));
    await all(remote.watch("a"));
    assertEquals((await errorOf(remote.ask("a")))?.code, "overloaded");
    await all(remote.talk([])); // a rate of its own
  },
);

Deno.test(
  "limit() sees the members that middleware around it adds",
  none,
  async () => {
    using _clock = new Clock();
    const seen: string[] = [];
    const named = chain(
      (_, next) => next({ user: "ada" }),
      limit({
        rate: 1,
        key: (
          context: MiddlewareContext & { user: string },
        ) => {
          seen.push(context.user);
          return context.user;
        },
      }),
    );
    await using pair = await testPair(Shop).handle({
      ask: use(named, (text, { user }) => `${user} ${text}`),
      async *watch() {},
      async *talk() {},
      note() {},
    });
    assertEquals(await pair.session.remote.ask("a"), "ada a");
    assertEquals(seen, ["ada"]);
  },
);

Deno.test(
  "limit() has a burst of the rate, at least 1, by default",
  none,
  async () => {
    using _clock = new Clock();
    for (const [rate, burst] of [[5, 5], [0.1, 1], [1.5, 1]] as const) {
      await using pair = await testPair(Shop).handle(
        use(limit({ rate, key: () => "" }), {
          ask: (text) => text,
          async *watch() {},
          async *talk() {},
          note() {},
        }),
      );
      let accepted = 0;
      while (
        await errorOf(pair.session.remote.ask("a")) === undefined
      ) accepted++;
      assertEquals(accepted, burst, `${rate}`);
    }
  },
);

Deno.test(
  "limit() reports a key that is no string as the handler's fault",
  none,
  async () => {
    const errors = incidents();
    await using pair = await testPair(Shop, {
      server: { onError: errors.onError },
    })
      .handle(
        use(limit({ rate: 1, key: () => undefined as unknown as string }), {
          ask: (text) => text,
          async *watch() {},
          async *talk() {},
          note() {},
        }),
      );
    const error = await assertRejects(
      async () => await pair.session.remote.ask("a"),
      CallError,
    );
    assertEquals(error.code, "internal");
    assertEquals(
      errors.list.map(({ error }) => (error as Error).message),
      ['Cannot limit ask: "key" returned undefined; expected a string'],
    );
  },
);

Deno.test(
  "limit() rejects options out of range, unknown or missing",
  none,
  () => {
    const key = () => "";
    const cases: [object, string][] = [
      [{ rate: 0, key }, '"rate" is 0; expected a number of at least 0.000001'],
      [{ rate: -1, key }, '"rate" is -1'],
      [{ rate: 1e-7, key }, '"rate" is 1e-7'],
      [{ rate: Infinity, key }, '"rate" is Infinity'],
      [{ rate: "5", key }, '"rate" is a value of type string'],
      [{ key }, '"rate" is undefined'],
      [
        { rate: 1, burst: 0.5, key },
        '"burst" is 0.5; expected a number of at least 1',
      ],
      [{ rate: 1, burst: NaN, key }, '"burst" is NaN'],
      [{ rate: 1 }, '"key" is undefined; expected a function'],
      [{ rate: 1, key: "user" }, '"key" is a value of type string'],
      [{ rate: 1, key, brust: 2 }, 'Unknown option "brust" of limit()'],
    ];
    for (const [options, message] of cases) {
      const given = options as Parameters<typeof limit>[0]; // as JavaScript callers may
      const error = assertThrows(() => limit(given), Error, message);
      assert(error instanceof TypeError || error instanceof RangeError);
    }
    limit({ rate: 1, burst: undefined, key });
  },
);
