/**
 * Options and declarations of the wrong type, as JavaScript callers pass them,
 * fail with an error that says what to write instead.
 *
 * @module
 */
import {
  clientStream,
  connect,
  createClient,
  createServer,
  type Interceptor,
  json,
  messages,
  notification,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair, testPair } from "@lengthwise/lengthwise/testing";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { type } from "arktype";
import * as z from "zod";

const none = { permissions: "none" } as const;

const P = protocol({
  name: "p",
  server: { echo: unary<string, string>() },
});
const News = protocol({
  name: "news",
  client: { headline: notification<string>() },
});
const handlers = { echo: (text: string) => text };

Deno.test("createServer() rejects options of the wrong type", none, () => {
  for (
    const [options, message] of [
      [
        { interceptors: () => {} },
        'Cannot use a function as option "interceptors": expected an array',
      ],
      [
        { interceptors: [1] },
        'Cannot use a value of type number as option "interceptors": expected a function',
      ],
      [
        { codecs: {} },
        'Cannot use a value of type object as option "codecs": expected an array',
      ],
      [
        { codecs: [json] },
        "Cannot use a function as a codec: expected a codec such as json()",
      ],
      [
        { codecs: [] },
        'Cannot use an empty array as option "codecs": expected at least one codec',
      ],
      [
        { limits: [] },
        'Cannot use an array as option "limits": expected a plain object',
      ],
      [
        { limits: null },
        'Cannot use null as option "limits": expected a plain object',
      ],
      [{ onError: "log" }, 'option "onError"'],
      [{ authenticate: "token" }, 'option "authenticate"'],
      [{ state: {} }, 'option "state"'],
      [{ onSession: 1 }, 'option "onSession"'],
    ] as const
  ) {
    // deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
    const given = options as any;
    assertThrows(
      () => createServer(P, given).handle(handlers),
      TypeError,
      message,
    );
  }
});

Deno.test(
  "servers, clients and topics reject unknown options",
  none,
  async () => {
    const server = createServer(P).handle(handlers);
    const [near, far] = memoryPair();
    server.accept(far);
    const client = await connect(P, near);
    // deno-lint-ignore no-explicit-any -- as above
    const places: readonly ((options: any) => unknown)[] = [
      (options) => createServer(P, options).handle(handlers),
      (options) => serve(P, { port: 0 }, options).handle(handlers),
      (options) => connect(P, memoryPair()[0], options),
      (options) => testPair(P, options).handle(handlers),
      (options) => testPair(P, { server: options }).handle(handlers),
      (options) => testPair(P, { client: options }).handle(handlers),
      (options) => createServer(P, { broadcast: options }).handle(handlers),
      (options) =>
        server.topic("t").subscribe([...server.sessions][0]!, options),
      (options) => messages(memoryPair()[0], options),
      (options) => client.remote.echo("text", options),
      (options) =>
        createServer(News).handle({}).broadcast.headline("text", options),
    ];
    for (const [index, place] of places.entries()) {
      for (
        const [options, message] of [
          [
            { middleware: () => {} },
            /^Unknown option "middleware" of [a-zA-Z()]+; put middleware on handlers with use\(\)$/,
          ],
          [
            { zzzzzzzz: undefined },
            /^Unknown option "zzzzzzzz" of [a-zA-Z()]+; expected one of [a-zA-Z, ]+$/,
          ],
          [7, /^Cannot use a value of type number as the options of /],
          [[], /^Cannot use an array as the options of /],
          [
            AbortSignal.abort(),
            /^Cannot use an AbortSignal as the options of .+ such as \{ signal \}$/,
          ],
        ] as const
      ) {
        const error = await assertRejects(
          async () => await place(options),
          TypeError,
          undefined,
          `place ${index}`,
        );
        assertMatch(error.message, message);
      }
    }
    await client.close();
    await server.shutdown();
  },
);

Deno.test(
  "unknown options are answered with the nearest known one",
  none,
  () => {
    for (
      const [options, message] of [
        [
          { authentciate() {} },
          'createServer() (did you mean "authenticate"?)',
        ],
        [{ timeout: 5 }, 'createServer() (did you mean "callTimeout"?)'],
        [{ handlers }, "createServer(); pass the handlers to handle()"],
        [{ onListen() {} }, 'Unknown option "onListen" of createServer()'],
        [{ toString: 1 }, 'Unknown option "toString" of createServer()'],
      ] as const
    ) {
      // deno-lint-ignore no-explicit-any -- as above
      const given = options as any;
      assertThrows(
        () => createServer(P, given).handle(handlers),
        TypeError,
        message,
      );
    }
  },
);

Deno.test("calls fail if they have unknown options", none, async () => {
  const Every = protocol({
    name: "every",
    server: {
      ask: unary<string, string>(),
      log: notification<string>(),
      watch: serverStream<string, string>(),
      store: clientStream<string, number>(),
    },
  });
  const pass: Interceptor = (request, next) => next(request);
  for (const interceptors of [[], [pass]]) {
    await using pair = await testPair(Every, { client: { interceptors } })
      .handle({
        ask: (text) => text,
        log() {},
        async *watch(text) {
          yield text;
        },
        store: () => 1,
      });
    const { ask, log, watch, store } = pair.session.remote;
    // deno-lint-ignore no-explicit-any -- as above
    const options: any = { timout: 5 };
    for (
      const [name, call] of [
        ["ask", () => ask("a", options)],
        ["log", () => log("a", options)],
        ["watch", () => Array.fromAsync(watch("a", options))],
        ["store", () => store(["a"], options).result],
      ] as const
    ) {
      await assertRejects(
        async () => await call(),
        TypeError,
        `Unknown option "timout" of ${name} (did you mean "timeout"?)`,
      );
    }
    assertEquals(await ask("a", { timeout: 1_000 }), "a");
  }
});

Deno.test("messages() suggests only its own options", none, () => {
  const [near] = memoryPair();
  // deno-lint-ignore no-explicit-any -- as above
  const options: any = { timeout: 5 };
  assertThrows(
    () => messages(near, options),
    TypeError,
    'Unknown option "timeout" of messages() (did you mean "frameTimeout"?)',
  );
});

Deno.test("unary() and the other builders reject a schema alone", none, () => {
  for (const schema of [z.object({ sku: z.string() }), type("string")]) {
    assertThrows(
      // @ts-expect-error the place of the schema is missing
      () => unary(schema),
      TypeError,
      "Cannot declare unary() with a schema alone: name its place, as in unary({ input: schema })",
    );
  }
});

Deno.test(
  "connect() and serve() suggest the form of an address",
  none,
  async () => {
    for (
      const [address, message] of [
        ["127.0.0.1:7000", "did you mean 'tcp://127.0.0.1:7000'?"],
        ["7000", "did you mean { port: 7000 }?"],
        ["/run/p.sock", "did you mean 'unix:/run/p.sock'?"],
        ["./p.sock", "did you mean 'unix:./p.sock'?"],
        [
          7000,
          "Cannot use 7000 as an address: expected an object such as { port: 7000 }",
        ],
        [
          null,
          "Cannot use null as an address: expected an object such as { port: 7000 }",
        ],
      ] as const
    ) {
      // deno-lint-ignore no-explicit-any -- as above
      const given = address as any;
      await assertRejects(() => connect(P, given), Error, message);
      await assertRejects(
        () => serve(P, given).handle(handlers),
        Error,
        message,
      );
    }
  },
);

Deno.test("call options of the wrong type are rejected", none, async () => {
  await using pair = await testPair(P).handle(handlers);
  for (
    const [options, message] of [
      [{ timeout: "500" }, "with a timeout of 500: it must be a number above"],
      [
        { metadata: new Map() },
        "Cannot use a value of type object as metadata",
      ],
      [{ metadata: 5 }, "Cannot use a value of type number as metadata"],
    ] as const
  ) {
    // deno-lint-ignore no-explicit-any -- as above
    const given = options as any;
    await assertRejects(
      () => pair.session.remote.echo("text", given),
      Error,
      message,
    );
  }
});

Deno.test("options that contradict each other are rejected", {
  permissions: "none",
}, () => {
  const Empty = protocol({ name: "empty" });
  const nowhere = { memory: "none" };
  const contradictions = [
    { reconnect: { minDelay: 500, maxDelay: 100 } },
    { limits: { streamWindow: 2_000_000, maxStreamWindow: 1_000_000 } },
    { limits: { unsentSoft: 8_000_000, unsentHard: 1_000_000 } },
  ];
  for (const options of contradictions) {
    assertThrows(() => createClient(Empty, nowhere, options), RangeError);
  }
});
