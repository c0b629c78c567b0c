import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkChoice, checkOptions } from "../../lib/support/check_options.ts";
import {
  connect,
  listen,
  readExactly,
  writeAll,
} from "../../lib/transport/mod.ts";
import { frames, lengthPrefixed, u32be } from "../../lib/framing/mod.ts";
import { memoryPair } from "../../lib/testing/mod.ts";
import {
  connect as connectSession,
  messages,
  protocol,
  serve,
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

Deno.test("checkOptions() rejects options that are inherited", none, () => {
  class Settings {
    get limit(): number {
      return 5; // a copy of the options would lose it
    }
  }
  for (
    const options of [
      new Settings(),
      Object.create({ limit: 5 }),
      new Map([["limit", 5]]),
      new Date(),
    ]
  ) {
    assertThrows(
      () => checkOptions("f()", options, KNOWN),
      TypeError,
      "the options of f(): expected a plain object",
    );
  }
  const bare = Object.assign(Object.create(null), { limit: 5 });
  for (const options of [{ limit: 5 }, bare]) {
    checkOptions("f()", options, KNOWN);
  }
});

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
