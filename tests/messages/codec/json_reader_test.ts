import { assert, assertEquals, assertThrows } from "@std/assert";
import { sameValue } from "../../../lib/testing/same_value.ts";
import { JsonReader } from "../../../lib/messages/codec/json_reader.ts";
import { makeBody, randomFrom } from "../../fuzz/codec_inputs.ts";

const PURE = { permissions: "none" } as const;
const reader = new JsonReader();

const TEXTS = [
  "null",
  " true ",
  "false",
  "-0",
  "0",
  "-1.25e-3",
  "1E400",
  '""',
  '"a\\n\\u00e9\\ud83d\\ude00\\ud800"',
  `"${"x".repeat(100)}"`,
  "[]",
  "[ ]",
  "[1 , 2,[3]]",
  "{}",
  '{ "a" : {"b":[null]}, "a":2, "999": 1, "7":0, "\\u0038":[] }',
  '{"constructor":1,"then":2,"toJSON":3,"":4}',
];

Deno.test("read() returns the value that JSON.parse() returns", PURE, () => {
  for (const text of TEXTS) {
    assert(sameValue(reader.read(text), JSON.parse(text)), text);
  }
});

Deno.test("read() throws for text that is not JSON", PURE, () => {
  const bad = ["", " ", "01", "1.", ".5", "+1", "1e", "-", "tru", "nulll"];
  bad.push('"', '"\\', '"\\x"', '"\\u12g4"', '"\n"', "'a'", "[1,]", "[,]");
  bad.push("[", "[1", "[1 2]", "]", "{", '{"a"}', '{"a":}', '{"a":1,}');
  bad.push("{a:1}", '{"a":1 "b":2}', "1 2", "[]]", "\ufeff1", "\u00a01", "NaN");
  for (const text of bad) {
    assertThrows(() => JSON.parse(text), SyntaxError);
    assertThrows(() => reader.read(text), SyntaxError, undefined, text);
  }
});

Deno.test("read() agrees with JSON.parse() on altered texts", PURE, () => {
  const random = randomFrom(20_260_102);
  const real = TEXTS.map((text) => new TextEncoder().encode(text));
  const fromUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  let values = 0;
  for (let input = 0; input < 20_000; input++) {
    const text = fromUtf8.decode(makeBody(random, real, true).subarray(0, 500));
    const [expected, actual] = [JSON.parse, (text: string) => reader.read(text)]
      .map((parse) => {
        try {
          return { value: parse(text) as unknown };
        } catch {
          return undefined;
        }
      });
    assertEquals(actual === undefined, expected === undefined, text);
    if (actual === undefined) continue;
    values++;
    assert(sameValue(actual.value, expected!.value), text);
  }
  assert(values > 1000);
});
