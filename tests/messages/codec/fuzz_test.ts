/**
 * Invariants under generated values and bytes. `tests/fuzz/codec_fuzz.ts` tries a
 * million inputs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { sameValue } from "../../../lib/testing/same_value.ts";
import { fuzzCodecs } from "../../fuzz/codec_fuzz.ts";
import { keyCosts } from "../../fuzz/key_costs.ts";
import { TIMES } from "../../times.ts";

const PURE = { permissions: "none" } as const;
const target = new Uint8Array(8192);

const INT64 = { min: -(2n ** 63n), max: 2n ** 64n - 1n };

/** Generates values of a format: leaves, and arrays and objects of them. */
function values(
  leaf: fc.Arbitrary<unknown>,
  key: fc.Arbitrary<string>,
): fc.Arbitrary<unknown> {
  const allowed = key.filter((name) => name !== "__proto__");
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthIdentifier: "value" },
      leaf,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(allowed, tie("value"), { maxKeys: 4 }),
    ),
  })).value;
}

const jsonLeaf = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);
const msgpackLeaf = fc.oneof(
  jsonLeaf,
  fc.double(),
  fc.bigInt(INT64),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 300 }),
  fc.constant(undefined),
);

function survives(codec: MessageCodec, value: unknown, offset: number): void {
  const body = codec.encode(value);
  const end = codec.encodeInto(value, target, offset);
  const placed = typeof end === "number" ? target.slice(offset, end) : end;
  assertEquals(placed, body);
  const decoded = codec.decode(body);
  assert(sameValue(decoded, value), "the value changed");
}

Deno.test("every MessagePack value arrives unchanged", PURE, () => {
  const codec = msgpack();
  fc.assert(
    fc.property(
      values(msgpackLeaf, fc.string({ unit: "grapheme", maxLength: 20 })),
      fc.nat(16),
      (value, offset) => survives(codec, value, offset),
    ),
    { numRuns: 1000 * TIMES },
  );
});

Deno.test("every JSON value arrives unchanged", PURE, () => {
  const codec = json();
  fc.assert(
    fc.property(
      values(jsonLeaf, fc.string({ unit: "binary", maxLength: 20 })),
      fc.nat(16),
      (value, offset) => survives(codec, value, offset),
    ),
    { numRuns: 1000 * TIMES },
  );
});

Deno.test("all bytes arrive unchanged", PURE, () => {
  const codec = bytes();
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 10_000 }),
      fc.nat(16),
      (value, offset) => survives(codec, value, offset),
    ),
    { numRuns: 200 * TIMES },
  );
});

Deno.test("any value arrives unchanged or is rejected", PURE, () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  let arrived = 0;
  for (const codec of [msgpack(), json()]) {
    fc.assert(
      fc.property(anything, (value) => {
        let body;
        try {
          body = codec.encode(value);
        } catch (error) {
          assert(error instanceof CodecError, `${error}`);
          return;
        }
        assert(sameValue(codec.decode(body), value), "the value changed");
        arrived++;
      }),
      { numRuns: 1000 * TIMES },
    );
  }
  assert(arrived > 333 * TIMES);
});

Deno.test("any bytes decode to a value or throw a CodecError", PURE, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
      for (const codec of [msgpack(), json(), bytes()]) {
        try {
          codec.decode(body);
        } catch (error) {
          assert(error instanceof CodecError, `${error}`);
        }
      }
    }),
    { numRuns: 2000 * TIMES },
  );
});

Deno.test(
  "altered and hostile bodies decode to plain data or throw a CodecError",
  PURE,
  () => {
    const { values, refused } = fuzzCodecs(20_260_101, 15_000);
    assert(values > 2_500);
    for (
      const code of [
        "truncated",
        "trailing",
        "malformed",
        "extension",
        "key",
        "too-large",
        "range",
      ]
    ) {
      assert((refused[code] ?? 0) > 12, `${code}: ${refused[code]}`);
    }
  },
);

Deno.test("keyCosts() measures each kind of key with both codecs", PURE, () => {
  const costs = keyCosts(1_000, 1);
  assertEquals(new Set(costs.map(({ codec }) => codec)).size, 2);
  assertEquals(new Set(costs.map(({ kind }) => kind)).size * 2, costs.length);
  assert(costs.every(({ time }) => time >= 0)); // not NaN
});
