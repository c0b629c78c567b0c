import { Encoder } from "@msgpack/msgpack";
import { assertEquals } from "@std/assert";
import * as put from "../../../lib/messages/codec/msgpack_tokens.ts";
import { toHex } from "./hex.ts";
import { NUMBERS } from "./values.ts";

const PURE = { permissions: "none" } as const;
const STALE = 0x53;
const other = new Encoder({ useBigInt64: true });

/** Returns the bytes that a function writes; checks that no others change. */
function written(
  write: (bytes: Uint8Array, at: number) => number,
): string {
  const bytes = new Uint8Array(400).fill(STALE);
  const end = write(bytes, 7);
  assertEquals(bytes.subarray(0, 7), new Uint8Array(7).fill(STALE));
  assertEquals(bytes.subarray(end), new Uint8Array(400 - end).fill(STALE));
  return toHex(bytes.subarray(7, end));
}

Deno.test(
  "putNumber() writes the same bytes as @msgpack/msgpack, up to 32 bits",
  PURE,
  () => {
    for (const number of NUMBERS) {
      const short = !Number.isInteger(number) ||
        (number >= -(2 ** 31) && number < 2 ** 32);
      const expected = short
        ? toHex(other.encode(number))
        : `cb${
          toHex(new Uint8Array(Float64Array.of(number).buffer).reverse())
        }`;
      assertEquals(
        written((bytes, at) => put.putNumber(bytes, at, number)),
        expected,
      );
    }
  },
);

Deno.test("putBigint() writes int64, or uint64 beyond it", PURE, () => {
  const cases: [bigint, string][] = [
    [0n, "d30000000000000000"],
    [-1n, "d3ffffffffffffffff"],
    [-(2n ** 63n), "d38000000000000000"],
    [2n ** 63n - 1n, "d37fffffffffffffff"],
    [2n ** 63n, "cf8000000000000000"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(
      written((bytes, at) => put.putBigint(bytes, at, value)),
      expected,
    );
  }
});

Deno.test("put…Header() writes the shortest header", PURE, () => {
  const cases: [keyof typeof HEADERS, number, string][] = [
    ["string", 0, "a0"],
    ["string", 31, "bf"],
    ["string", 32, "d920"],
    ["string", 255, "d9ff"],
    ["string", 256, "da0100"],
    ["string", 65_535, "daffff"],
    ["string", 65_536, "db00010000"],
    ["binary", 0, "c400"],
    ["binary", 255, "c4ff"],
    ["binary", 256, "c50100"],
    ["binary", 65_536, "c600010000"],
    ["array", 15, "9f"],
    ["array", 16, "dc0010"],
    ["array", 65_536, "dd00010000"],
    ["map", 0, "80"],
    ["map", 15, "8f"],
    ["map", 16, "de0010"],
    ["map", 2 ** 31, "df80000000"],
  ];
  for (const [kind, length, expected] of cases) {
    assertEquals(
      written((bytes, at) => HEADERS[kind](bytes, at, length)),
      expected,
    );
  }
});

const HEADERS = {
  string: put.putStringHeader,
  binary: put.putBinaryHeader,
  array: put.putArrayHeader,
  map: put.putMapHeader,
};

Deno.test("putUtf8() writes UTF-8 and rejects lone surrogates", PURE, () => {
  const points = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000]
    .concat(0x10ffff, 0xfeff);
  const characters = points.map((point) => String.fromCodePoint(point));
  for (const first of characters) {
    for (const second of characters) {
      const text = `${first}a${second}${first}`;
      assertEquals(
        written((bytes, at) => put.putUtf8(bytes, at, text)),
        toHex(new TextEncoder().encode(text)),
      );
    }
  }
  for (const unit of ["\ud800", "\udbff", "\udc00", "\udfff"]) {
    for (const text of [unit, `a${unit}`, `${unit}a`, `é${unit}\ud800`]) {
      assertEquals(
        put.putUtf8(new Uint8Array(40), 0, text),
        put.ILL_FORMED,
        JSON.stringify(text),
      );
    }
  }
});
