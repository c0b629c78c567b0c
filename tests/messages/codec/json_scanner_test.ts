import { assertEquals, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import { JsonScanner } from "../../../lib/messages/codec/json_scanner.ts";

const PURE = { permissions: "none" } as const;
const utf8 = new TextEncoder();

function scan(text: string, limits = {}): void {
  new JsonScanner(resolveCodecLimits(limits)).scan(utf8.encode(text));
}

function refused(text: string, limits = {}): CodecError {
  return assertThrows(() => scan(text, limits), CodecError);
}

Deno.test("scan() counts depth outside strings only", PURE, () => {
  scan("[".repeat(64));
  scan(`"${"[{".repeat(1000)}\\"${"[".repeat(100)}"`);
  scan("[{},[],{}]", { maxDepth: 2 });
  for (
    const text of ["[".repeat(65), "[".repeat(1_000_000), '{"a":'.repeat(65)]
  ) {
    const error = refused(text);
    assertEquals([error.limit, error.found], ["maxDepth", 65]);
  }
  assertEquals(refused("[[[", { maxDepth: 2 }).offset, 2);
});

Deno.test(
  "scan() counts values and keys however they are written",
  PURE,
  () => {
    const texts = [
      '[1,"a",true,null]',
      ' [ 1 , "a" , true , null ] ',
      '{"a":1,"b":2}',
      "[[],[],[],[]]",
      "[-1.5e3,2,3,4]",
    ];
    for (const text of texts) {
      scan(text, { maxNodes: 5 });
      assertEquals(refused(text, { maxNodes: 4 }).found, 5);
    }
  },
);

Deno.test("scan() counts the bytes of strings including escapes", PURE, () => {
  scan('["abc","é"]', { maxBytes: 5 });
  assertEquals(refused('["abc","é"]', { maxBytes: 4 }).found, 5);
  assertEquals(refused('"\\u00e9"', { maxBytes: 5 }).found, 6);
});

Deno.test(
  "scan() rejects the key __proto__ however it is written",
  PURE,
  () => {
    const keys = [
      "__proto__",
      "\\u005f_proto__",
      "__prot\\u006f__",
      "\\u005F\\u005f\\u0070\\u0072\\u006f\\u0074\\u006F\\u005f\\u005f",
    ];
    for (const key of keys) {
      for (const colon of [":", " :", "\n\t\r :"]) {
        const error = refused(`{"a":{"${key}"${colon}1}}`);
        assertEquals([error.code, error.offset], ["key", 6]);
      }
      scan(`["${key}"]`);
      scan(`{"a":"${key}","b":1}`);
    }
    for (
      const key of ["__proto_", "___proto__", "\\\\u005f_proto__", "__proto__ "]
    ) scan(`{"${key}":1}`);
  },
);

Deno.test("scan() rejects numbers that would become Infinity", PURE, () => {
  for (
    const number of [
      "1e999",
      "-1E+400",
      `9${"0".repeat(400)}`,
      `${"1".repeat(310)}.5`,
    ]
  ) {
    assertEquals(refused(`[${number}]`).code, "range");
  }
  for (
    const number of [
      "1e308",
      "1e-999",
      "true",
      "false",
      "9".repeat(300),
      `0.${"1".repeat(500)}`,
    ]
  ) scan(`[${number}]`);
});

Deno.test(
  "scan() accepts numbers of 309 digits up to the largest number",
  PURE,
  () => {
    const zeros = "0".repeat(308);
    scan(`[1${zeros}, -1${zeros}]`);
    assertEquals(refused(`[2${zeros}]`).code, "range");
    assertEquals(refused(`[1${zeros}0]`).code, "range");
    const largest = BigInt(Number.MAX_VALUE);
    scan(`[${largest}, -${largest}]`);
    assertEquals(String(largest).length, 309);
    scan(`[1${zeros}${zeros}e-400]`);
  },
);

Deno.test(
  "scan() finds colliding digits in strings of exactly 10 characters",
  PURE,
  () => {
    const isPlain = (first: number) =>
      new JsonScanner(resolveCodecLimits({})).scan(utf8.encode(JSON.stringify(
        Array.from({ length: 1000 }, (_, at) => String((first + at) * 65_536)),
      )));
    assertEquals(String(20_000 * 65_536).length, 10);
    assertEquals(isPlain(20_000), false);
    assertEquals(isPlain(200_000), true); // 11 digits: no array index
  },
);

Deno.test(
  "scan() terminates on text that is not JSON",
  PURE,
  () => {
    for (
      const text of [
        "",
        '"',
        '"\\',
        "]]]}",
        "{]",
        '"a',
        "\u0000",
        '{"__proto__"',
        "}".repeat(1000),
      ]
    ) scan(text);
  },
);
