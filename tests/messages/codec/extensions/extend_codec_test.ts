import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CodecError } from "../../../../lib/messages/codec/errors.ts";
import {
  bigints,
  errors,
  extendCodec,
  extension,
  jsonValues,
  largeBigints,
  maps,
  msgpackValues,
  sets,
  typedArrays,
  undefineds,
  urls,
} from "../../../../lib/messages/codec/extensions/mod.ts";
import { json } from "../../../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../../../lib/messages/codec/msgpack.ts";
import { checkCodec } from "../../../../lib/testing/check_codec.ts";
import { sameValue } from "../../../../lib/testing/same_value.ts";
import { fromHex, toHex } from "../../../../lib/messages/support/hex.ts";
import { CARRIED, JSON_CARRIED } from "../values.ts";
import { Money, money, VECTORS } from "./extended_values.ts";

const PURE = { permissions: "none" } as const;
const utf8 = new TextEncoder();
const fullJson = extendCodec(json(), jsonValues);
const fullMsgpack = extendCodec(msgpack(), msgpackValues);

function decodeText(codec: MessageCodec, text: string): unknown {
  return codec.decode(utf8.encode(text));
}

function failure(act: () => unknown): CodecError {
  return assertThrows(act, CodecError);
}

/** Compares values; errors have different stacks. */
function assertSame(actual: unknown, expected: unknown): void {
  if (!(expected instanceof Error)) assertEquals(actual, expected);
  else {
    assertInstanceOf(actual, expected.constructor as typeof Error);
    assertEquals(actual.message, expected.message);
    assertEquals(actual.cause, expected.cause);
  }
}

Deno.test("extendCodec() writes and reads the vectors", PURE, () => {
  for (const [extensions, value, text, packed] of VECTORS) {
    const texts = extendCodec(json(), extensions);
    assertEquals(new TextDecoder().decode(texts.encode(value)), text);
    assertSame(texts.decode(utf8.encode(text)), value);
    const bytes = fromHex(packed);
    const codec = extendCodec(msgpack(), extensions);
    assertSame(codec.decode(bytes), value);
    if (extensions.length < 2 || !packed.endsWith("3d")) {
      assertEquals(toHex(codec.encode(value)), packed, text);
    }
    for (let end = 0; end < bytes.length; end++) {
      failure(() => codec.decode(bytes.subarray(0, end)));
    }
  }
});

Deno.test("an extended codec carries what its codec carries", PURE, () => {
  const cases = [
    [json(), fullJson, JSON_CARRIED],
    [msgpack(), fullMsgpack, CARRIED],
  ] as const;
  for (const [plain, codec, values] of cases) {
    for (const value of values) {
      if (plain.encode(value).length > 5000) continue; // takes long
      assert(sameValue(codec.decode(codec.encode(value)), value));
    }
  }
  assertEquals(fullJson.encode(undefined).length, 0);
});

Deno.test("an extended codec keeps the contract of codecs", async () => {
  for (const codec of [fullJson, fullMsgpack]) {
    await checkCodec(codec, {
      values: [
        null,
        { $: 1 },
        { $: new Map([[{}, new Set([1n << 70n])]]) },
        [undefined, NaN, -0, new Date(5), Int8Array.of(-1), new Uint8Array(3)],
        new URL("a:b"),
      ],
      refused: [() => {}, Symbol(), /x/, new WeakMap(), new Money(1, "EUR")],
      equal: (actual, expected) => {
        assertEquals(actual, expected);
        return true;
      },
    });
  }
});

Deno.test("values keep their order, class and sign", PURE, () => {
  for (const codec of [fullJson, fullMsgpack]) {
    const value = new Map<unknown, unknown>([["b", -0], ["a", [NaN]]]);
    const result = codec.decode(codec.encode(value));
    assertInstanceOf(result, Map);
    assertEquals([...result.keys()], ["b", "a"]);
    assert(Object.is(result.get("b"), -0));
    const error = new TypeError("m", { cause: new Error("inner") });
    error.name = "Custom";
    const again = codec.decode(codec.encode(error));
    assertInstanceOf(again, TypeError);
    assertEquals(again.name, "Custom");
    assertEquals(again.stack, "Custom: m");
    assertEquals(Object.keys(again), []);
    assertInstanceOf(again.cause, Error);
    assertEquals(again.cause.message, "inner");
    assert(!Object.hasOwn(again.cause, "cause"));
  }
});

Deno.test("an object in two places arrives as two copies", PURE, () => {
  const one = new Set([1]);
  const [a, b] = fullJson.decode(fullJson.encode([one, one])) as unknown[];
  assertEquals(a, b);
  assert(a !== b);
});

Deno.test("encode() rejects cycles through values of extensions", PURE, () => {
  const map = new Map<string, unknown>();
  map.set("self", { map });
  for (const codec of [fullJson, fullMsgpack]) {
    const error = failure(() => codec.encode({ root: [map] }));
    assertEquals(error.code, "cycle");
    assertEquals(error.path, ["root", 0, 1, "map"]);
    const array: unknown[] = [new Set()];
    array.push(array);
    assertEquals(failure(() => codec.encode(array)).code, "cycle");
  }
  const endless = extension({
    name: "endless",
    type: Money,
    encode: () => [new Money(0, "")],
    decode: () => new Money(0, ""),
  });
  const error = failure(() =>
    extendCodec(json(), [endless]).encode(new Money(0, ""))
  );
  assertEquals([error.code, error.limit], ["too-large", "maxDepth"]);
});

Deno.test("encode() rejects other values by their path", PURE, () => {
  const cases: readonly [unknown, readonly (string | number)[], string][] = [
    [{ a: new Map([["k", () => {}]]) }, ["a", 1], "a function at a[1]"],
    [[{ $: new Set([/x/]) }], [0, "$", 0], "a RegExp"],
    [{ $: Symbol() }, ["$"], "a symbol"],
    [
      [new Set(), Object.defineProperty({ s: new Set() }, "h", { value: 1 })],
      [1],
      "the non-enumerable property 'h'",
    ],
    [{ [Symbol("s")]: 1, s: new Set() }, [], "the symbol key Symbol(s)"],
    [[new Set(), JSON.parse('{"__proto__":1}')], [1, "__proto__"], "__proto__"],
    // deno-lint-ignore no-sparse-arrays -- holes are rejected
    [[new Set(), , 1], [1], "a hole in an array"],
    [new (class extends Map {})(), [], "plain object"],
  ];
  for (const codec of [fullJson, fullMsgpack]) {
    for (const [value, path, text] of cases) {
      const error = failure(() => codec.encode(value));
      assertEquals(error.path, path);
      assert(error.message.includes(text), error.message);
    }
  }
});

Deno.test(
  "a function of an extension that throws is a CodecError",
  PURE,
  () => {
    const cause = new Error("the program's");
    const broken = extension<Money>({
      name: "money",
      type: Money,
      encode() {
        throw cause;
      },
      decode() {
        throw cause;
      },
    });
    for (const plain of [json(), msgpack()]) {
      const codec = extendCodec(plain, [broken, maps]);
      const sent = failure(() =>
        codec.encode({ cart: [new Map([[1, new Money(1, "")]])] })
      );
      assertEquals([sent.code, sent.path], ["extension", ["cart", 0, 1]]);
      assertStrictEquals(sent.cause, cause);
      const body = extendCodec(plain, [money, maps]).encode({
        cart: [new Map([[1, new Money(1, "")]])],
      });
      const received = failure(() => codec.decode(body));
      assertEquals([received.code, received.path], ["extension", [
        "cart",
        0,
        1,
      ]]);
      assertStrictEquals(received.cause, cause);
      assertEquals(
        received.message,
        `Cannot decode as ${plain.name}-map-money: the function decode() of the extension "money" threw an error at cart[0][1]`,
      );
    }
  },
);

Deno.test("held() must return a number of bytes", PURE, () => {
  for (const held of [NaN, -1, "5", undefined]) {
    const wrong = extension({
      name: "money",
      type: Money,
      encode: ({ cents }) => cents,
      decode: () => new Money(0, ""),
      held: () => held as number,
    });
    const codec = extendCodec(json(), [wrong]);
    const sent = failure(() => codec.encode([new Money(1, "")]));
    assertEquals([sent.code, sent.path], ["extension", [0]]);
    assertInstanceOf(sent.cause, RangeError);
    const received = failure(() => decodeText(codec, '[{"$":["money",1]}]'));
    assertEquals([received.code, received.path], ["extension", [0]]);
    assertInstanceOf(received.cause, RangeError);
  }
});

Deno.test("decode() rejects tags that are not valid", PURE, () => {
  const bad: readonly string[] = [
    ...["1", "{}", "[]", '["map",[],1]', "[5,[]]", '["nope",1]', "[null,1]"],
    ...['["__proto__",1]', '["constructor",1]', '["map",5]', '["map",[1]]'],
    ...['["map",[1,2,1,3]]', '["set",[1,1]]', '["set",{}]', '["url","a"]'],
    ...['["url",1]', '["error",{}]', '["error",{"type":"Error"}]'],
    ...['["error",{"type":"Map","message":""}]', '["error",null]'],
    ...['["error",{"type":"toString","message":""}]', '["date","1"]'],
    ...['["error",{"type":"Error","message":"","stack":"x"}]'],
    ...['["date",0.5]', '["date",8640000000000001]', '["bigint","1"]'],
    ...['["bigint","0x"]', '["bigint","0x01"]', '["bigint","-0x0"]'],
    ...['["bigint","0xA"]', '["undefined",1]', '["number","1"]'],
    ...['["bytes","*"]', '["bytes",1]', '["typed",["Int8Array",[]]]'],
    ...['["typed",["Uint8Array",{"$":["bytes",""]}]]', '["typed",[]]'],
    ...['["typed",["Int16Array",{"$":["bytes","AA=="]}]]'],
    ...['["typed",["DataView",{"$":["bytes",""]}]]'],
  ];
  for (const items of bad) {
    for (const key of ["$", "\\u0024"]) {
      const error = failure(() =>
        decodeText(fullJson, `{"a":[0,{"${key}":${items}}]}`)
      );
      assertEquals(error.code, "extension", items);
      assertEquals(error.path, ["a", 1], items);
    }
  }
});

Deno.test(
  "errors of decode() quote no text of a peer but names and keys",
  PURE,
  () => {
    const secret = failure(() =>
      decodeText(fullJson, '[{"$":["url","secret"]}]')
    );
    assert(!`${secret.message}${secret.cause}`.includes("secret"));
    const shown = failure(() =>
      decodeText(fullJson, '{"\\u202e":{"$":["\\u001b",1]}}')
    );
    assertEquals(shown.message.match(/\p{C}/u), null);
  },
);

Deno.test("a message cannot change a prototype", PURE, () => {
  const keys = Reflect.ownKeys(Object.prototype).length;
  for (
    const text of [
      '{"__proto__":{"$":["map",[]]}}',
      '{"$":["error",{"type":"Error","message":"","__proto__":{}}]}',
      '{"$":[{"__proto__":{"x":1}}]}',
    ]
  ) {
    assertEquals(failure(() => decodeText(fullJson, text)).code, "key");
  }
  const map = decodeText(fullJson, '{"$":["map",["__proto__",{"x":1}]]}');
  assertInstanceOf(map, Map);
  assertEquals([...map], [["__proto__", { x: 1 }]]);
  assertStrictEquals(Object.getPrototypeOf(map), Map.prototype);
  assertEquals(fullJson.decode(fullJson.encode(map)), map);
  assertEquals(Reflect.ownKeys(Object.prototype).length, keys);
});

Deno.test("no function runs before the whole message is checked", PURE, () => {
  let runs = 0;
  const counted = extension({
    name: "money",
    type: Money,
    encode: ({ cents }) => cents,
    decode() {
      runs++;
      return new Money(0, "");
    },
  });
  const limits = { maxDepth: 8, maxNodes: 40, maxBytes: 100 };
  const tag = '{"$":["money",1]}';
  const codec = extendCodec(json(limits), [counted]);
  for (
    const rest of [
      "[".repeat(9) + "]".repeat(9),
      `"${"x".repeat(101)}"`,
      Array(50).fill(0).join(),
      '{"__proto__":1}',
      "1e999",
      "}",
    ]
  ) {
    failure(() => decodeText(codec, `[${tag},${rest}]`));
  }
  assertEquals(runs, 0);
  decodeText(codec, `[${tag}]`);
  assertEquals(runs, 1);
});

Deno.test("limits apply to payloads and to what functions create", PURE, () => {
  let runs = 0;
  const large = extension({
    name: "money",
    type: Money,
    encode: ({ cents }) => cents,
    decode() {
      runs++;
      return new Money(0, "");
    },
    held: (payload) => Number(payload),
  });
  const codec = extendCodec(msgpack({ maxHeld: 100_000 }), [large]);
  const body = codec.encode([1, 2].map((cents) => new Money(cents, "")));
  const plain = { held: 0 };
  codec.decode(body, plain);
  runs = 0;
  const budget = { held: 0 };
  codec.decode(codec.encode([new Money(5120, ""), 2]), budget);
  assertEquals(runs, 1);
  assert(budget.held >= 5120, `${budget.held}`);
  const error = failure(() => codec.encode(new Money(200_000, "")));
  assertEquals([error.code, error.limit], ["too-large", "maxHeld"]);
  const sender = extendCodec(msgpack(), [
    extension({
      name: "money",
      type: Money,
      encode: ({ cents }) => cents,
      decode: () => new Money(0, ""),
    }),
  ]);
  runs = 0;
  const refused = failure(() =>
    codec.decode(sender.encode(new Money(1e6, "")))
  );
  assertEquals([refused.code, refused.limit], ["too-large", "maxHeld"]);
  failure(() =>
    codec.decode(sender.encode(new Money(5000, "")), { maxHeld: 4000, held: 0 })
  );
  assertEquals(runs, 0);
});

Deno.test("a codec accepts the bodies that it sends", PURE, () => {
  const values: readonly unknown[] = [
    Array.from({ length: 300 }, () => new Map()),
    Array.from({ length: 300 }, () => new Set()),
    Array.from({ length: 300 }, (_, id) => new URL(`https://a.example/${id}`)),
    Array.from({ length: 300 }, (_, id) => new Error(`no article ${id}`)),
    new Map(Array.from({ length: 500 }, (_, id) => [id, `article ${id}`])),
    new Map(Array.from({ length: 500 }, (_, id) => [`${id * 7}`, id])),
    new Map(Array.from({ length: 500 }, (_, id) => [1.8e12 + id * 1000, id])),
    new Set(Array.from({ length: 500 }, (_, id) => BigInt(id) << 22n)),
    new Set(Array.from({ length: 500 }, (_, id) => id / 10)),
  ];
  for (const codec of [fullJson, fullMsgpack]) {
    for (const value of values) {
      const body = codec.encode(value);
      const budget = { held: 0 };
      const again = codec.encode(codec.decode(body, budget));
      assertEquals(toHex(again) === toHex(body), true);
      assert(budget.held > body.length);
    }
  }
  const error = failure(() =>
    fullMsgpack.encode(Array.from({ length: 99 }, () => new Error()))
  );
  assertEquals([error.code, error.limit], ["too-large", "maxHeld"]);
});

Deno.test(
  "the name of an extended codec depends on its extensions",
  PURE,
  () => {
    assertEquals(extendCodec(json(), [sets, maps]).name, "json-map-set");
    assertEquals(extendCodec(json(), [maps, sets]).name, "json-map-set");
    assertEquals(extendCodec(msgpack(), [money]).name, "msgpack-money");
    // `printf bigint-bytes-date-error-map-number-set-typed-undefined-url | sha256sum`
    assertEquals(fullJson.name, "json--5a9aab92b64c");
    assertEquals(fullMsgpack.name, "msgpack--5dddf135f138");
    const long = { ...json(), name: "x".repeat(19) };
    assertThrows(
      () => extendCodec(long as MessageCodec, jsonValues),
      TypeError,
      "at most 18",
    );
  },
);

Deno.test(
  "extendCodec() rejects extensions that do not fit together",
  PURE,
  () => {
    const other = extension({
      name: "coins",
      type: Money,
      encode: () => 0,
      decode: () => new Money(0, ""),
    });
    const cases: readonly [readonly unknown[], string][] = [
      [[], "at least one extension"],
      [[maps, maps], 'two extensions named "map"'],
      [[bigints, largeBigints], 'two extensions named "bigint"'],
      [[money, other], '"money" and "coins": both carry the same values'],
      [[{ name: "map" }], "expected a result of extension()"],
      [[undefined], "expected a result of extension()"],
    ];
    for (const [extensions, message] of cases) {
      assertThrows(
        () => extendCodec(json(), extensions as [typeof maps]),
        TypeError,
        message,
      );
    }
  },
);

Deno.test("extension() checks its options", PURE, () => {
  const options = {
    name: "money",
    type: Money,
    encode: () => 0,
    decode: () => new Money(0, ""),
  };
  const cases: readonly [Record<string, unknown>, string][] = [
    [{ name: "Money" }, '"Money" is not a valid name'],
    [{ name: "" }, "not a valid name"],
    [{ name: "a".repeat(17) }, "1 to 16 characters"],
    [{ type: () => {} }, "expected a class"],
    [{ type: Money.prototype }, "expected a class"],
    [{ type: Object }, "every codec carries its instances"],
    [{ type: Array }, "every codec carries its instances"],
    [{ encode: 1 }, '"encode" of the extension "money"'],
    [{ decode: undefined }, '"decode" of the extension "money"'],
    [{ held: 1 }, '"held" of the extension "money"'],
    [{ helt: 1 }, 'Unknown option "helt"'],
  ];
  for (const [wrong, message] of cases) {
    assertThrows(
      () => extension({ ...options, ...wrong } as typeof options),
      TypeError,
      message,
    );
  }
});

Deno.test("URLs with long hosts are not parsed", PURE, () => {
  const host = "a.".repeat(126) + "a"; // 253 characters, as names in DNS
  const rest = "x".repeat(10_000);
  const carried = [
    `https://${host}:65534/${rest}?${rest}#${rest}`,
    `https://${rest}:${rest}@${host}/`,
    `file:///${rest}/`,
    `data:${rest}`,
    `a://${rest}/`,
  ];
  for (const text of carried) {
    const url = new URL(text);
    for (const codec of [fullJson, fullMsgpack]) {
      assertEquals(codec.decode(codec.encode(url)), url);
    }
  }
  const long = "\u00fc".repeat(260);
  const refused = [
    `https://${long}/`,
    `HTTP:${long}`,
    `  wss:\\\\${long}`,
    `ftp:/a@b@${long}?`,
    `h\tt\ntp:\r//${long}`,
    `\0file://${long}/`,
    `https://${"a.".repeat(130)}/`,
  ];
  for (const text of refused) {
    const tag = JSON.stringify({ $: ["url", text] });
    const { code, cause } = failure(() => decodeText(fullJson, tag));
    assertEquals([code, `${cause}`], [
      "extension",
      "TypeError: the host is too long",
    ]);
  }
  const sent = failure(() => fullJson.encode(new URL(refused.at(-1)!)));
  assertEquals(sent.code, "extension");
});

Deno.test("an extension needs the others for its payload", PURE, () => {
  const codec = extendCodec(json(), [typedArrays]);
  const error = failure(() => codec.encode([Int8Array.of(1)]));
  assertEquals([error.code, error.path], ["unsupported", [0, 1]]);
  const urlsOnly = extendCodec(json(), [urls, undefineds]);
  assertEquals(failure(() => urlsOnly.encode(new Map())).code, "unsupported");
});

Deno.test("values that only look like others are rejected", PURE, () => {
  const values: readonly unknown[] = [
    Object.create(Map.prototype),
    Object.create(Set.prototype),
    Object.create(URL.prototype),
    Object.create(Float64Array.prototype),
    Object.create(Date.prototype),
    Object.assign(new Error("e"), { code: "E" }),
    new Date(NaN),
  ];
  const codec = extendCodec(json(), jsonValues);
  for (const value of values) {
    const error = failure(() => codec.encode({ value }));
    assertEquals([error.code, error.path], ["extension", ["value"]]);
  }
  const array = Float64Array.of(1.5);
  for (const key of ["byteLength", "length", "buffer", "byteOffset"]) {
    Object.defineProperty(array, key, { value: 1000 });
  }
  assertEquals(codec.decode(codec.encode(array)), Float64Array.of(1.5));
  assertEquals(extendCodec(json(), [errors]).name, "json-error");
});
