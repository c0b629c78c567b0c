/**
 * Vectors of the format, and a second implementation in both directions.
 *
 * @module
 */
import { decode, encode } from "@msgpack/msgpack";
import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { toHex } from "./hex.ts";
import { GROUPS, REFUSED_VECTORS } from "./vectors.ts";

const PURE = { permissions: "none" } as const;
const codec = msgpack();

for (const { name, cases } of GROUPS) {
  Deno.test(`msgpack() writes and reads ${name}`, PURE, () => {
    for (const { value, forms, int64, also } of cases) {
      if (forms[0] !== undefined) {
        assertEquals(toHex(codec.encode(value)), toHex(forms[0]));
      }
      for (const form of [...forms, ...also]) {
        assertEquals(codec.decode(form), value, toHex(form));
      }
      for (const form of int64) {
        assertEquals(codec.decode(form), BigInt(Number(value)));
        assertEquals(msgpack({ int64: "auto" }).decode(form), value);
      }
    }
  });

  Deno.test(
    `msgpack() rejects ${name} truncated anywhere or with a trailing byte`,
    PURE,
    () => {
      for (const { forms } of cases) {
        for (const form of forms.filter(({ length }) => length < 400)) {
          for (let end = 0; end < form.length; end++) {
            const error = assertThrows(
              () => codec.decode(form.subarray(0, end)),
              CodecError,
            );
            assertEquals(error.code, "truncated", toHex(form));
          }
          const longer = Uint8Array.of(...form, 0xc0);
          assertEquals(
            assertThrows(() => codec.decode(longer), CodecError).code,
            "trailing",
          );
        }
      }
    },
  );
}

Deno.test("msgpack() rejects every invalid vector", PURE, () => {
  for (const { what, code, body } of REFUSED_VECTORS) {
    assertEquals(
      assertThrows(() => codec.decode(body), CodecError).code,
      code,
      what,
    );
  }
});

/** Values that @msgpack/msgpack also supports. */
const shared = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.string({ unit: "grapheme", maxLength: 50 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.date({
        noInvalidDate: true,
        min: new Date(0),
        max: new Date(2 ** 34 * 1000 - 1),
      }),
    ),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: "grapheme", maxLength: 40 }).filter((key) =>
        key !== "__proto__"
      ),
      tie("value"),
      { maxKeys: 20 },
    ),
  ),
})).value;

Deno.test("@msgpack/msgpack decodes bodies of msgpack()", PURE, () => {
  fc.assert(
    fc.property(shared, (value) => {
      assertEquals(normal(decode(codec.encode(value))), normal(value));
    }),
    { numRuns: 500 },
  );
});

Deno.test("msgpack() decodes bodies of @msgpack/msgpack", PURE, () => {
  const forOthers = msgpack({ int64: "auto" });
  fc.assert(
    fc.property(shared, (value) => {
      assertEquals(normal(forOthers.decode(encode(value))), normal(value));
    }),
    { numRuns: 500 },
  );
});

Deno.test(
  "64-bit integers of @msgpack/msgpack become bigint, auto or number",
  PURE,
  () => {
    const body = encode([2 ** 32, -(2 ** 40), 2 ** 53 - 1]);
    assertEquals(codec.decode(body), [2n ** 32n, -(2n ** 40n), 2n ** 53n - 1n]);
    for (const int64 of ["auto", "number"] as const) {
      assertEquals(msgpack({ int64 }).decode(body), [
        2 ** 32,
        -(2 ** 40),
        2 ** 53 - 1,
      ]);
    }
    assertEquals(decode(codec.encode([1n, 2n ** 63n]), { useBigInt64: true }), [
      1n,
      2n ** 63n,
    ]);
  },
);

/** Removes -0 and null prototypes, which neither implementation preserves. */
function normal(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, normal(part)]),
  );
}
