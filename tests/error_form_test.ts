/**
 * The errors of all layers have one form: a message, and options with a code.
 *
 * @module
 */
import {
  CallError,
  CodecError,
  json,
  msgpack,
  SessionError,
} from "@lengthwise/lengthwise";
import { FrameError, lines, u16be } from "@lengthwise/lengthwise/framing";
import { TransportError } from "@lengthwise/lengthwise/transport";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";

const none = { permissions: "none" } as const;

/** An error as every layer creates it. */
interface Coded extends Error {
  readonly code: string;
}

const cases: readonly [
  name: string,
  code: string,
  create: (message: string, options: ErrorOptions) => Coded,
][] = [
  [
    "TransportError",
    "reset",
    (message, options) =>
      new TransportError(message, { code: "reset", address: "", ...options }),
  ],
  [
    "FrameError",
    "truncated",
    (message, options) =>
      new FrameError(message, { code: "truncated", ...options }),
  ],
  [
    "CodecError",
    "malformed",
    (message, options) =>
      new CodecError(message, { code: "malformed", ...options }),
  ],
  [
    "CallError",
    "forbidden",
    (message, options) =>
      new CallError(message, { code: "forbidden", ...options }),
  ],
  [
    "SessionError",
    "timeout",
    (message, options) =>
      new SessionError(message, { code: "timeout", ...options }),
  ],
];

for (const [name, code, create] of cases) {
  Deno.test(`${name} has a message, a code and a cause`, none, () => {
    const cause = new Error("why");
    const error = create("what failed", { cause });
    assertInstanceOf(error, Error);
    assertEquals(
      [error.name, error.message, error.code, error.cause],
      [name, "what failed", code, cause],
    );
    assertEquals(String(error), `${name}: what failed`);
    assertEquals("cause" in create("what failed", {}), false);
    assertEquals("kind" in error, false);
  });

  Deno.test(`${name} rejects unknown options`, none, () => {
    const misspelled: object = { cuase: new Error("why") };
    const error = assertThrows(
      () => create("what failed", misspelled),
      TypeError,
    );
    assertEquals(
      error.message,
      `Unknown option "cuase" of ${name}() (did you mean "cause"?)`,
    );
  });
}

for (const [name, code, create] of cases) {
  Deno.test(`${name} rejects unknown codes`, none, () => {
    const misspelled: object = { code: `${code}x` };
    assertThrows(
      () => create("what failed", misspelled),
      TypeError,
      `Unknown code "${code}x" of ${name}() (did you mean "${code}"?)`,
    );
    const missing: object = { code: undefined };
    assertThrows(
      () => create("what failed", missing),
      TypeError,
      `Cannot use undefined as code of ${name}(): expected one of `,
    );
  });
}

Deno.test("CallError rejects unknown words", none, () => {
  const processed: object = { processed: "never" };
  assertThrows(
    () => new CallError("what failed", { code: "internal", ...processed }),
    TypeError,
    'Unknown processed "never" of CallError(); expected one of no, maybe, yes',
  );
  const retry: object = { retry: "latr" };
  assertThrows(
    () => new CallError("what failed", { code: "internal", ...retry }),
    TypeError,
    'Unknown retry "latr" of CallError() (did you mean "later"?)',
  );
});

Deno.test("every layer calls data above its limit too-large", none, () => {
  const codeOf = (step: () => unknown) => assertThrows(step, FrameError).code;
  const long = new Uint8Array(9);
  const limit = { maxFrameLength: 8 };
  assertEquals(codeOf(() => u16be(limit).encoder().encode(long)), "too-large");
  const decoder = lines(limit).decoder();
  decoder.push(long);
  assertEquals(codeOf(() => decoder.next()), "too-large");
  for (const codec of [json({ maxDepth: 1 }), msgpack({ maxDepth: 1 })]) {
    const error = assertThrows(() => codec.encode([[1]]), CodecError);
    assertEquals(error.code, "too-large", codec.name);
  }
});
