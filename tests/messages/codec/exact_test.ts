import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { resolveLimits } from "../../../lib/messages/codec/limits.ts";
import { ValueChecker } from "../../../lib/messages/codec/_exact.ts";
import {
  CARRIED,
  JSON_CARRIED,
  JSON_REFUSED_BY_NAME,
  MSGPACK_REFUSED,
  nested,
} from "./values.ts";

const PURE = { permissions: "none" } as const;
const MSGPACK = {
  codec: "msgpack",
  nonFinite: true,
  extended: true,
  loneSurrogates: false,
};
const JSON_RULES = {
  codec: "json",
  nonFinite: false,
  extended: false,
  loneSurrogates: true,
};

function checker(limits = {}, rules = MSGPACK): ValueChecker {
  return new ValueChecker(rules, resolveLimits(limits));
}

function refused(value: unknown, limits = {}, rules = MSGPACK): CodecError {
  return assertThrows(() => checker(limits, rules).check(value), CodecError);
}

Deno.test("check() passes what the format carries", PURE, () => {
  for (const value of CARRIED) checker().check(value);
  for (const value of JSON_CARRIED.filter((value) => value !== undefined)) {
    checker({}, JSON_RULES).check(value);
  }
});

Deno.test("check() refuses by name, at the top and by path", PURE, () => {
  const sets = [[MSGPACK_REFUSED, MSGPACK], [
    JSON_REFUSED_BY_NAME,
    JSON_RULES,
  ]] as const;
  for (const [set, rules] of sets) {
    for (const [value, name] of set) {
      assertStringIncludes(refused(value, {}, rules).message, name);
      const error = refused({ items: [1, { "a b": value }] }, {}, rules);
      assertStringIncludes(error.message, ` at items[1]["a b"]`);
      assertEquals(error.path?.slice(0, 3), ["items", 1, "a b"]);
    }
  }
});

Deno.test(
  "check() names the hole, the key and the symbol where they are",
  PURE,
  () => {
    // deno-lint-ignore no-sparse-arrays -- the hole is the case
    assertEquals(refused({ list: [0, , 2] }).path, ["list", 1]);
    assertEquals(refused([JSON.parse('{"a":1,"__proto__":{}}')]).kind, "key");
    assertEquals(refused([{ [Symbol.iterator]: 1 }]).path, [0]);
  },
);

Deno.test("check() calls a cycle a cycle, by its shortest path", PURE, () => {
  const loop: { name: string; items: unknown[] } = { name: "a", items: [] };
  loop.items.push({ owner: loop });
  const error = refused({ root: [loop] });
  assertEquals(error.kind, "cycle");
  assertEquals(error.path, ["root", 0, "items", 0, "owner"]);
  const self: unknown[] = [];
  self.push(self);
  assertEquals(
    refused(self).message,
    "Cannot encode a cycle as msgpack: an object contains itself at [0]",
  );
});

Deno.test(
  "check() passes what is shared, and stops where it explodes",
  PURE,
  () => {
    const shared = { a: 1 };
    checker().check([shared, shared]);
    let value: unknown = [];
    for (let level = 0; level < 60; level++) value = [value, value];
    assertEquals(refused(value).limit, "maxNodes");
  },
);

Deno.test("check() holds the limits that the scan holds", PURE, () => {
  checker().check(nested(64));
  const deep = refused(nested(65));
  assertEquals([deep.kind, deep.limit, deep.allowed, deep.found], [
    "limit",
    "maxDepth",
    64,
    65,
  ]);
  assertEquals(refused(nested(100_000)).limit, "maxDepth");
  checker({ maxNodes: 4 }).check([1, 2, 3]);
  assertEquals(refused({ a: 1, b: 2 }, { maxNodes: 4 }).found, 5);
  assertEquals(refused(new Array(2 ** 32 - 1)).limit, "maxNodes");
  assertEquals(refused(["abc", "de"], { maxBytes: 4 }).limit, "maxBytes");
  assertEquals(refused([new Uint8Array(5)], { maxBytes: 4 }).path, [0]);
});

Deno.test("check() counts characters and bytes", PURE, () => {
  assertEquals(checker().check({ ab: ["cde", new Uint8Array(4)] }), 9);
});

Deno.test(
  "check() takes plain objects with and without a prototype, and getters",
  PURE,
  () => {
    checker().check(Object.assign(Object.create(null), { a: 1 }));
    checker().check({
      get total() {
        return 1;
      },
    });
    assertThrows(
      () =>
        checker().check({
          get total() {
            throw new RangeError("mine");
          },
        }),
      RangeError,
      "mine",
    );
  },
);

Deno.test("check() sees through disguises", PURE, () => {
  const named = Object.assign([1], { constructor: Object });
  checker().check(named);
  assertStringIncludes(
    refused(Object.create(Uint8Array.prototype)).message,
    "a",
  );
  const date = Object.create(Date.prototype);
  assertThrows(() => checker().check(date));
  const disguised = Object.setPrototypeOf(new Map(), Object.prototype);
  checker().check(disguised); // no own properties: it is {} to every codec
  const tagged = { [Symbol.toStringTag]: "Map" };
  assertStringIncludes(refused(tagged).message, "Symbol.toStringTag");
});

Deno.test(
  "check() counts keys that it knows, and looks at each one's place anew",
  PURE,
  () => {
    const one = checker({ maxBytes: 8 });
    for (let round = 0; round < 3; round++) {
      one.check({ abcd: 1, efgh: 2 });
      const error = assertThrows(
        () => one.check({ abcd: { abcd: { abcd: 1 } } }),
        CodecError,
      );
      assertEquals([error.limit, error.found], ["maxBytes", 12]);
    }
    for (let length = 1; length < 200; length++) {
      const key = "k".repeat(length);
      checker().check({ [key]: 1 });
      assertEquals(
        refused({ [key]: 1, [`${key}\ud800`]: 2 }).kind,
        "unsupported",
      );
    }
    const same = checker();
    same.check({ "abcdefghi": 1 });
    assertEquals(
      assertThrows(() => same.check(JSON.parse('{"__proto__":1}')), CodecError)
        .kind,
      "key",
    );
  },
);
