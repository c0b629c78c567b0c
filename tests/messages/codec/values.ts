/**
 * Values that the codecs carry, and values that they reject.
 *
 * @module
 */

/** A class of the program. */
export class Account {
  balance = 1;
}

/** Numbers at the boundaries of the format's integers. */
export const NUMBERS: readonly number[] = [
  ...[0, 1, 31, 32, 33, 63, 64, 127, 128, 255, 256, 65_535, 65_536],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1],
  ...[2 ** 53 - 1, 2 ** 53, 2 ** 60, 2 ** 64, 2 ** 70],
].flatMap((number) => [number, -number, -number - 1]).concat(
  [0.1, -0.5, 1.5, 1e300, 5e-324, Number.MAX_VALUE, Math.PI, Math.fround(0.1)],
);

/** Strings with lengths at the boundaries of headers and of msgpackr's code paths. */
export const STRINGS: readonly string[] = [
  ...[0, 1, 2, 3, 15, 16, 31, 32, 63, 64, 65, 140, 255, 256, 4096],
  ...[65_535, 65_536, 70_000],
].flatMap((length) => [
  "x".repeat(length),
  "é".repeat(length),
  `\ufeff${"\u{1f600}".repeat(length)}`,
]);

/** Times at the boundaries of the format's timestamps. */
export const DATES: readonly Date[] = [
  ...[0, 1, 999, 1000, 1001, 2 ** 32 * 1000 - 1, 2 ** 32 * 1000],
  ...[2 ** 34 * 1000, 1.7e12 + 123, 8.64e15 - 1, 8.64e15],
].flatMap((time) => [new Date(time), new Date(-time)]);

/** Values that JSON carries. */
export const JSON_CARRIED: readonly unknown[] = [
  null,
  true,
  false,
  ...NUMBERS,
  ...STRINGS,
  "\ud800",
  "\ufffd",
  { "\udc00": "\ud83d" },
  undefined,
  [],
  {},
  [[], {}, [[{}]]],
  { then: 1, constructor: { prototype: 1 }, toJSON: "a", hasOwnProperty: 0 },
  { "": 0, "a b": [1], "é": null, __proto: 1 },
  Object.fromEntries(STRINGS.slice(0, 20).map((key, index) => [key, index])),
  Array.from({ length: 2_000 }, (_, index) => index),
  Object.fromEntries(
    Array.from({ length: 1_800 }, (_, index) => [`k${index}`, index]),
  ),
  nested(64),
];

/** Values that MessagePack carries. */
export const CARRIED: readonly unknown[] = [
  null,
  true,
  false,
  NaN,
  Infinity,
  -Infinity,
  undefined,
  ...NUMBERS,
  ...STRINGS,
  ...DATES,
  ...[0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n],
  2n ** 64n - 1n,
  ...[0, 1, 255, 256, 65_535, 65_536, 100_000].map((length) =>
    Uint8Array.from({ length }, (_, index) => index)
  ),
  [],
  {},
  [undefined, null, [undefined]],
  { a: undefined, b: { c: undefined } },
  [[], {}, [[{}]]],
  { then: 1, constructor: { prototype: 1 }, toJSON: "a", hasOwnProperty: 0 },
  { "": 0, "a b": [1], "é": null, __proto: 1 },
  { at: new Date(1.5e12), big: 7n, data: Uint8Array.of(1, 2, 3) },
  Object.fromEntries(STRINGS.slice(0, 20).map((key, index) => [key, index])),
  ...[15, 16, 65_535, 65_536].map((length) =>
    Array.from({ length }, (_, index) => index)
  ),
  ...[15, 16, 65_535, 65_536].map((length) =>
    Object.fromEntries(
      Array.from({ length }, (_, index) => [`k${index}`, index]),
    )
  ),
  nested(64),
];

/** Values that neither codec carries, and their names in errors. */
export const REFUSED_BY_NAME: readonly (readonly [unknown, string])[] = [
  [() => {}, "a function"],
  [Account, "a function"],
  [Symbol("s"), "a symbol"],
  [new Map([[1, 2]]), "a Map"],
  [new Set([1]), "a Set"],
  [new WeakMap(), "a WeakMap"],
  [new Account(), "an Account"],
  [new (class extends Array {})(), "plain object"],
  [new (class extends Date {})(0), "plain object"],
  [Object.create({ inherited: 1 }), "inherits from another object"],
  [new Error("e"), "an Error"],
  [/x/, "a RegExp"],
  [Promise.resolve(), "a Promise"],
  [new ArrayBuffer(8), "an ArrayBuffer"],
  [new DataView(new ArrayBuffer(8)), "a DataView"],
  [Float64Array.of(1, 2, 3), "a Float64Array"],
  [Int8Array.of(1), "an Int8Array"],
  [Uint16Array.of(1), "a Uint16Array"],
  [new BigInt64Array(1), "a BigInt64Array"],
  [new Uint8ClampedArray(2), "a Uint8ClampedArray"],
  [Object("boxed"), "a String"],
  [Object(1), "a Number"],
  [Object(true), "a Boolean"],
  [Object(1n), "a BigInt"],
  [new URL("http://127.0.0.1/"), "a URL"],
  // deno-lint-ignore no-sparse-arrays -- the hole is the case
  [[1, , 2], "a hole"],
  [new Array(3), "a hole"],
  [JSON.parse('{"__proto__":1}'), "the key '__proto__'"],
  [{ [Symbol("key")]: 1 }, "the symbol key Symbol(key)"],
  [
    Object.defineProperty({}, "hidden", { value: 1 }),
    "the non-enumerable property 'hidden'",
  ],
  [{ toJSON: () => 1 }, "a function"],
];

/** Values that only msgpack() rejects. */
const MSGPACK_ONLY: readonly (readonly [unknown, string])[] = [
  [new Date(NaN), "an invalid Date"],
  [2n ** 64n, "a bigint beyond 64 bits"],
  [-(2n ** 63n) - 1n, "a bigint beyond 64 bits"],
  ["a\ud800b", "a string with a lone surrogate"],
  ["\udc00".repeat(100), "a string with a lone surrogate"],
  [{ "\ud800": 1 }, "a string with a lone surrogate"],
];

/** Values that only json() rejects. */
const JSON_ONLY: readonly (readonly [unknown, string])[] = [
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [-Infinity, "-Infinity"],
  [1n, "a bigint"],
  [new Date(0), "a Date"],
  [new Uint8Array(1), "a Uint8Array"],
  [[undefined], "undefined"],
  [{ a: undefined }, "undefined"],
];

/** All values that msgpack() rejects, with names. */
export const MSGPACK_REFUSED = [...REFUSED_BY_NAME, ...MSGPACK_ONLY];
/** All values that json() rejects, with names. */
export const JSON_REFUSED_BY_NAME = [...REFUSED_BY_NAME, ...JSON_ONLY];
/** All values that msgpack() rejects. */
export const REFUSED: readonly unknown[] = MSGPACK_REFUSED.map(([value]) =>
  value
);
/** All values that json() rejects. */
export const JSON_REFUSED: readonly unknown[] = JSON_REFUSED_BY_NAME.map((
  [value],
) => value);

/** Returns arrays nested to a number of levels. */
export function nested(levels: number): unknown[] {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}
