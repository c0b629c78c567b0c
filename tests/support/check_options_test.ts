import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkChoice, checkOptions } from "../../lib/support/check_options.ts";
import { connect, listen } from "../../lib/transport/mod.ts";
import { lengthPrefixed } from "../../lib/framing/mod.ts";

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
