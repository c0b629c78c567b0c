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
    assertEquals(refused(number).code, "range");
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
  "scan() counts the digits of one body, and of array indices only",
  PURE,
  () => {
    const scanner = new JsonScanner(resolveCodecLimits({}));
    const isPlain = (text: string) =>
      scanner.scan(utf8.encode(JSON.stringify([
        ...Array.from({ length: 200 }, () => text),
        "x".repeat(100),
      ])));
    assertEquals(isPlain("65536"), false);
    assertEquals(isPlain("06"), true);
    assertEquals(isPlain("65x"), true);
    assertEquals(isPlain("65536"), false);
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

Deno.test("scan() counts the strings that JSON.parse interns", PURE, () => {
  const isPlain = (strings: string[], more = 0) => {
    const text = JSON.stringify([...strings, "x".repeat(more)]);
    return new JsonScanner(resolveCodecLimits({})).scan(utf8.encode(text));
  };
  const some = (count: number, length: number) =>
    Array.from({ length: count }, () => "s".repeat(length));
  for (const length of [2, 10]) {
    assertEquals(isPlain(some(256, length)), true, `${length} characters`);
    assertEquals(isPlain(some(257, length)), length === 10);
  }
  assertEquals(isPlain(some(257, 1)), true);
  assertEquals(isPlain(some(5000, 11)), true);
  // One more in 8 bytes: 1,000 strings of 2 characters take 5,000 bytes.
  const rest = 8000 - JSON.stringify([...some(1000, 2), ""]).length;
  assertEquals(isPlain(some(1000, 2), rest), true);
  assertEquals(isPlain(some(1000, 2), rest - 1), false);
});

Deno.test(
  "measure() counts one byte for each ASCII character of a text",
  PURE,
  () => {
    const held = (text: string, isSmall: boolean) => {
      const spaces = isSmall ? "" : " ".repeat(600);
      return new JsonScanner(resolveCodecLimits({}))
        .measure(utf8.encode(text + spaces));
    };
    for (const isSmall of [true, false]) {
      for (const length of [2, 15, 40]) {
        for (const wrap of ['["', '{"']) {
          const close = wrap === '["' ? '"]' : '":1}';
          const of = (character: string) =>
            held(
              wrap + character.repeat(length / character.length) + close,
              isSmall,
            );
          // 0x7f is every bit of ASCII; "é" has two bytes, and is of one UTF-16 unit.
          assertEquals(of("\x7f"), of("a"), `${wrap}, ${length} bytes`);
          const twoBytes = held(wrap + "é".repeat(length) + close, isSmall);
          const ascii = held(wrap + "a".repeat(2 * length) + close, isSmall);
          if (length > 2 && (wrap === '["' || isSmall)) {
            assertEquals(
              twoBytes > ascii,
              true,
              `${wrap}, ${length} characters`,
            );
          }
        }
      }
    }
  },
);
