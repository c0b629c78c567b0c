import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import { fromJson, parseValue, toJson } from "../../lib/cli/values.ts";
import { jsonLine, jsonLines } from "../../lib/cli/display.ts";
import { seededRandom } from "../../lib/support/seeded_random.ts";
import { TIMES } from "../times.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("toJson() marks each value that JSON lacks", none, () => {
  const cases: readonly [value: unknown, json: string][] = [
    [2n ** 64n, '{"$bigint":"18446744073709551616"}'],
    [new Uint8Array([1, 255]), '{"$bytes":"Af8="}'],
    [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [new Date(NaN), '{"$date":null}'],
    [undefined, '{"$undefined":true}'],
    [NaN, '{"$number":"NaN"}'],
    [-Infinity, '{"$number":"-Infinity"}'],
    [-0, '{"$number":"-0"}'],
    [{ $bigint: "1" }, '{"$$bigint":"1"}'],
    [{ $$a: 1, b: [null] }, '{"$$$a":1,"b":[null]}'],
  ];
  for (const [value, json] of cases) {
    assertEquals(JSON.stringify(toJson(value)), json);
    assertEquals(parseValue(json, "it"), value);
  }
});

Deno.test("a value survives the way to JSON text and back", none, () => {
  const random = seededRandom(20261129);
  for (let i = 0; i < 2000 * TIMES; i++) {
    const value = randomValue(random, 4);
    for (const print of [jsonLine, jsonLines]) {
      const text = print(toJson(value));
      assertEquals(parseValue(text, "it"), value, text);
    }
  }
});

Deno.test("fromJson() rejects marks that it does not know", none, () => {
  const bad = [
    { $bigint: "x" },
    { $bigint: 1 },
    { $bigint: "AAAA" }, // bytes
    { $bytes: "*" },
    { $bytes: "2026-01-01" }, // a date
    { $date: "yesterday" },
    { $date: "NaN" }, // a number
    { $date: 5 },
    { $number: "1" },
    { $number: true }, // undefined
    { $undefined: false },
    { $other: 1 },
    { $bigint: "1", a: 1 },
    [{ $: 1 }],
  ];
  for (const [index, json] of bad.entries()) {
    const error = assertThrows(() => fromJson(json), CliError);
    assertEquals(error.code, "usage", JSON.stringify(json));
    const ofValue = error.message.endsWith("is not valid");
    assertEquals(ofValue, index < 11, error.message);
  }
  assertThrows(() => parseValue("tea", "the input"), CliError, "the input");
});

const KEYS = ["a", "$", "$$", "$bigint", "$bytes", "__proto__", "\u202e", ""];

/** Returns a random value that a message can carry. */
function randomValue(random: () => number, depth: number): unknown {
  const pick = <T>(list: readonly T[]) =>
    list[Math.floor(random() * list.length)]!;
  const kind = Math.floor(random() * (depth > 0 ? 10 : 8));
  switch (kind) {
    case 0:
      return pick([null, true, false, undefined]);
    case 1:
      return pick([0, -0, NaN, Infinity, -Infinity, 1.5, -7, 2 ** 53]);
    case 2:
      return BigInt(Math.floor(random() * 2 ** 50)) *
        (random() < 0.5 ? -1n : 1024n);
    case 3:
      return Uint8Array.from({ length: random() * 9 }, () => random() * 256);
    case 4:
      return new Date(Math.floor((random() - 0.5) * 8.64e15));
    case 5:
      return pick([
        "",
        "\x1b]0;x\x07",
        "\u009b",
        "\u2028",
        "é😀",
        "\ud800",
        '"\\',
      ]);
    case 6:
      return String.fromCharCode(
        ...Array.from({ length: 5 }, () => random() * 65536),
      );
    case 7:
      return random() * 1e6;
    case 8:
      return Array.from(
        { length: random() * 4 },
        () => randomValue(random, depth - 1),
      );
    default: {
      const object = {};
      for (let i = random() * 4; i > 0; i--) {
        Object.defineProperty(object, pick(KEYS), {
          value: randomValue(random, depth - 1),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return object;
    }
  }
}
