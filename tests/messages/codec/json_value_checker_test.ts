import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import { JsonValueChecker } from "../../../lib/messages/codec/json_value_checker.ts";
import { JSON_CARRIED, JSON_REFUSED_BY_NAME, nested } from "./values.ts";

const PURE = { permissions: "none" } as const;

function checker(limits = {}): JsonValueChecker {
  return new JsonValueChecker(resolveCodecLimits(limits));
}

function refused(value: unknown, limits = {}): CodecError {
  return assertThrows(() => checker(limits).check(value), CodecError);
}

Deno.test("check() accepts every value that the format carries", PURE, () => {
  for (const value of JSON_CARRIED.filter((value) => value !== undefined)) {
    checker().check(value);
  }
});

Deno.test("check() rejects values by name and path", PURE, () => {
  for (const [value, name] of JSON_REFUSED_BY_NAME) {
    assertStringIncludes(refused(value).message, name);
    const error = refused({ items: [1, { "a b": value }] });
    assertStringIncludes(error.message, ` at items[1]["a b"]`);
    assertEquals(error.path?.slice(0, 3), ["items", 1, "a b"]);
  }
});

Deno.test(
  "check() reports the path of holes, keys and symbols",
  PURE,
  () => {
    // deno-lint-ignore no-sparse-arrays -- the hole is the case
    assertEquals(refused({ list: [0, , 2] }).path, ["list", 1]);
    assertEquals(refused([JSON.parse('{"a":1,"__proto__":{}}')]).code, "key");
    assertEquals(refused([{ [Symbol.iterator]: 1 }]).path, [0]);
  },
);

Deno.test("check() reports a cycle with its shortest path", PURE, () => {
  const self: unknown[] = [];
  self.push(self);
  assertEquals(
    refused({ self }).message,
    "Cannot encode a cycle as json: an object contains itself at self[0]",
  );
});

Deno.test("check() enforces the limits of scan()", PURE, () => {
  checker().check(nested(64));
  const deep = refused(nested(65));
  assertEquals([deep.limit, deep.allowed, deep.found], ["maxDepth", 64, 65]);
  assertEquals(refused(nested(100_000)).limit, "maxDepth");
  checker({ maxNodes: 4 }).check([1, 2, 3]);
  assertEquals(refused({ a: 1, b: 2 }, { maxNodes: 4 }).found, 5);
  assertEquals(refused(new Array(2 ** 32 - 1)).limit, "maxNodes");
  assertEquals(refused(["abc", "de"], { maxBytes: 4 }).limit, "maxBytes");
});

Deno.test("check() counts characters, also of keys", PURE, () => {
  assertEquals(checker().check({ ab: ["cde"] }).text, 5);
});

Deno.test("check() can be called inside a value's getter", PURE, () => {
  const one = checker({ maxBytes: 14 });
  const value = {
    text: "12345",
    get inner() {
      one.check("1");
      return 1;
    },
  };
  assertEquals(one.check(value).text, 14);
  assertEquals(
    assertThrows(() => one.check({ ...value, a: "" }), CodecError).found,
    15,
  );
});
