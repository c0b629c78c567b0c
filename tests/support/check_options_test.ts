import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkChoice, checkOptions } from "../../lib/support/check_options.ts";
import {
  connect,
  listen,
  readExactly,
  writeAll,
} from "../../lib/transport/mod.ts";
import { frames, lengthPrefixed, u32be } from "../../lib/framing/mod.ts";
import { mqtt } from "../../lib/framing/presets.ts";
import { memoryPair } from "../../lib/testing/mod.ts";
import {
  CallError,
  connect as connectSession,
  createClient,
  createServer,
  messages,
  protocol,
  serve,
  unary,
} from "../../mod.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const KNOWN = { limit: true, name: true } as const; // the literal types that checkOptions() wants

Deno.test(
  "checkOptions() suggests a similar name, adds a hint, or lists all",
  none,
  () => {
    const hints = { handlers: "; pass the handlers to handle()" };
    for (
      const [name, message] of [
        ["limt", 'Unknown option "limt" of f() (did you mean "limit"?)'],
        ["handlers", 'Unknown option "handlers" of f(); pass the handlers to'],
        ["zzz", 'Unknown option "zzz" of f(); expected one of limit, name'],
        ["toString", 'Unknown option "toString" of f(); expected one of'],
      ] as const // the literal type that destructuring wants
    ) {
      assertThrows(
        () => checkOptions("f()", { [name]: 1 }, KNOWN, hints),
        TypeError,
        message,
      );
    }
    for (const options of [null, 7, "x", [], new AbortController().signal]) {
      assertThrows(
        // JavaScript programs may pass anything.
        () => checkOptions("f()", options as object, KNOWN),
        TypeError,
        "the options of f()",
      );
    }
  },
);

Deno.test(
  "every layer suggests the name of a misspelled option",
  none,
  async () => {
    const misspelled = { maxFrameLenght: 5 };
    assertThrows(
      () => lengthPrefixed(misspelled as object),
      TypeError,
      'did you mean "maxFrameLength"',
    );
    const address = { memory: "none" };
    const options = { sigal: undefined };
    for (
      const open of [
        () => connect(address, options as object), // the compiler rejects the name
        () => listen(address, options as object), // as above
      ]
    ) await assertRejects(open, TypeError, 'did you mean "signal"');
  },
);

Deno.test("checkOptions() checks and returns inherited options", none, () => {
  class Base {
    get limit(): number {
      return 5;
    }
  }
  class Settings extends Base {
    name = "own";
  }
  const bare = Object.assign(Object.create(null), { limit: 5 });
  for (const options of [{ limit: 5 }, bare]) {
    assertEquals(checkOptions("f()", options, KNOWN) === options, true);
  }
  assertEquals(
    { ...checkOptions("f()", new Settings(), KNOWN) },
    { name: "own", limit: 5 },
  );
  const defaults = { limit: 5, name: "default" };
  const derived = Object.assign(Object.create(defaults), { name: "own" });
  assertEquals(
    { ...checkOptions<object>("f()", derived, KNOWN) },
    { name: "own", limit: 5 },
  );

  class Misspelled extends Base {
    get nme(): string {
      return "x";
    }
  }
  for (const options of [new Misspelled(), Object.create({ nme: "x" })]) {
    assertThrows(
      () => checkOptions<object>("f()", options, KNOWN),
      TypeError,
      'Unknown option "nme" of f() (did you mean "name"?)',
    );
  }
  assertThrows(
    () => checkOptions("f()", { [Symbol("limit")]: 5 }, KNOWN),
    TypeError,
    "Unknown option Symbol(limit) of f()",
  );
  for (const options of [new Map([["limit", 5]]), new Date(), [5]]) {
    assertThrows(
      () => checkOptions<object>("f()", options, KNOWN),
      TypeError,
      "the options of f(): expected a plain object",
    );
  }
});

Deno.test(
  "a flag of another type is rejected in every layer",
  none,
  async () => {
    const known = { quick: "flag" } as const; // the literal type that checkOptions() wants
    for (const quick of [true, false, undefined]) {
      checkOptions("f()", { quick }, known);
    }
    const options = JSON.parse("{}"); // of any type, as in JavaScript
    for (const wrong of ["false", 0, null]) {
      for (const name of ["quick", "keepHeader", "noDelay", "early"]) {
        options[name] = wrong;
      }
      const Empty = protocol({ name: "empty" });
      const { keepHeader, noDelay, early, quick } = options;
      for (
        const act of [
          () => checkOptions("f()", { quick }, known),
          () => lengthPrefixed({ keepHeader }),
          () => connect({ port: 1 }, { noDelay }),
          () => listen({ port: 0 }, { noDelay }),
          () => connectSession(Empty, { port: 1 }, { early }),
          () => createClient(Empty, { port: 1 }, { transport: { noDelay } }),
        ]
      ) {
        await assertRejects(
          async () => void await act(),
          TypeError,
          "it must be true, false or omitted",
        );
      }
    }
  },
);

Deno.test(
  "inherited options have their effect in every layer",
  none,
  async () => {
    const inherits = (options: object) => Object.create(options);
    assertEquals(u32be(inherits({ maxFrameLength: 9 })).maxFrameLength, 9);
    assertEquals(mqtt(inherits({ maxFrameLength: 9 })).maxFrameLength, 9);
    const name = "inherited options";
    await using listener = await listen(inherits({ memory: name }));
    assertEquals(listener.addr.name, name);

    const stopped = AbortSignal.abort(new Error("stopped"));
    const signal = inherits({ signal: stopped });
    const nowhere = { memory: "none" };
    await assertRejects(() => connect(nowhere, signal), Error, "stopped");
    await assertRejects(() => listen(nowhere, signal), Error, "stopped");
    const plain = messages(memoryPair()[0], signal);
    await assertRejects(() => plain.next(), Error, "stopped");

    const Echo = protocol({
      name: "echo",
      server: { echo: unary<string, string>() },
    });
    const limits = inherits({ maxMessage: 65_536 });
    const server = createServer(Echo, { limits }).handle({ echo: (x) => x });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connectSession(Echo, near, {
      interceptors: [(request, next) => next(request)],
    });
    const timeout = inherits({ timeout: -1 });
    await assertRejects(() => session.remote.echo("a", timeout), RangeError);
    await assertRejects(
      () => session.remote.echo("a".repeat(70_000)),
      CallError,
    );
    await session.close();
    await server.shutdown();
  },
);

Deno.test("every layer rejects a signal of another type", none, async () => {
  const { signal } = new AbortController();
  const known = { signal: true } as const; // the literal type that checkOptions() wants
  for (const given of [undefined, signal]) {
    checkOptions("f()", { signal: given }, known);
  }
  const nowhere = { memory: "none" };
  const Empty = protocol({ name: "empty" });
  for (const wrong of [new AbortController(), new EventTarget(), null, {}]) {
    const options = JSON.parse("{}"); // of any type, as in JavaScript
    options.signal = wrong;
    for (
      const act of [
        () => connect(nowhere, options),
        () => listen(nowhere, options),
        () => writeAll(memoryPair()[0], new Uint8Array(1), options),
        () => readExactly(memoryPair()[0], new Uint8Array(1), options),
        () => frames(memoryPair()[0], u32be(), options),
        () => messages(memoryPair()[0], options),
        () => connectSession(Empty, nowhere, options),
        () => serve(Empty, nowhere, options).handle({}),
      ]
    ) {
      await assertRejects(
        async () => void await act(),
        TypeError,
        "it must be an AbortSignal or omitted",
      );
    }
  }
});

Deno.test("checkChoice() suggests a similar choice, or lists all", none, () => {
  const choices = ["drop", "disconnect"];
  const cases: readonly (readonly [unknown, string])[] = [
    ["dropp", 'Unknown policy "dropp" of f() (did you mean "drop"?)'],
    ["x", 'Unknown policy "x" of f(); expected one of drop, disconnect'],
    [
      7,
      "Cannot use a value of type number as policy of f(): expected one of drop, disconnect",
    ],
  ];
  checkChoice("f()", "policy", "drop", choices);
  for (const [value, expected] of cases) {
    const { message } = assertThrows(
      () => checkChoice("f()", "policy", value, choices),
      TypeError,
    );
    assertEquals(message, expected);
  }
});
