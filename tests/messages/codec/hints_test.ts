/**
 * Hints of codecs name what helps with this codec and this value.
 *
 * @module
 */
import { bytes, CodecError, json, msgpack } from "@lengthwise/lengthwise";
import { assert, assertThrows } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

class Money {
  cents = 5;
}

/** Values, and what helps to send each as JSON. */
const JSON_HINTS:
  readonly (readonly [name: string, value: unknown, hint: RegExp])[] = [
    ["a Date", new Date(0), /toISOString|getTime|msgpack/],
    ["a Map", new Map([["a", 1]]), /Object\.fromEntries|plain object|msgpack/],
    ["a Set", new Set([1]), /array|msgpack/],
    ["a bigint", 1n, /string|msgpack/],
    ["NaN", NaN, /null|string|msgpack/],
    ["undefined", undefined, /null|omit|leave/i],
    ["binary data", new Uint8Array(2), /base64|msgpack/i],
    ["a Blob", new Blob(["a"]), /base64/],
    ["a boxed bigint", Object(1n), /string/],
    ["an array of bigints", new BigInt64Array(1), /array of strings/],
    ["a URL", new URL("http://127.0.0.1/"), /href/],
    ["an instance", new Money(), /plain object|\{ \.\.\./],
    ["a function", () => {}, /function/],
  ];

for (const [name, value, hint] of JSON_HINTS) {
  Deno.test(`json() says what helps with ${name}`, none, () => {
    const { message } = assertThrows(
      () => json().encode({ value }),
      CodecError,
    );
    assert(hint.test(message), message);
    if (!(value instanceof Uint8Array)) {
      assert(!message.includes("Uint8Array"), message);
    }
  });
}

Deno.test(
  "msgpack() says what helps with values that it cannot carry",
  none,
  () => {
    for (
      const [value, hint] of [
        [new Map([[1, 2]]), /Object\.fromEntries|plain object|array|string/],
        [new Set([1]), /array/],
        [new Money(), /plain object|\{ \.\.\./],
        [Symbol("s"), /symbol/],
        [new Error("x"), /message|plain object/],
      ] as const
    ) {
      const { message } = assertThrows(
        () => msgpack().encode({ value }),
        CodecError,
      );
      assert(hint.test(message), message);
    }
  },
);

Deno.test("bytes() says what helps with text", none, () => {
  const { message } = assertThrows(() => bytes().encode("text"), CodecError);
  assert(/TextEncoder|Uint8Array/.test(message), message);
});
