import { assert, assertEquals, assertThrows } from "@std/assert";
import { sameValue } from "../../../lib/testing/same_value.ts";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { MsgpackReader } from "../../../lib/messages/codec/msgpack_reader.ts";
import { MsgpackScanner } from "../../../lib/messages/codec/msgpack_scanner.ts";
import {
  SmallBodyReader,
  UNREAD,
} from "../../../lib/messages/codec/small_body_reader.ts";
import { makeBody, randomFrom } from "../../fuzz/codec_inputs.ts";
import { hex } from "./hex.ts";
import { CARRIED } from "./values.ts";

const PURE = { permissions: "none" } as const;
const LIMITS = resolveCodecLimits({});
const codec = msgpack();

/** Reads a body several times, so that the order of its keys becomes known. */
function readOften(reader: SmallBodyReader, body: Uint8Array): unknown {
  for (let time = 0; time < 6; time++) reader.read(body);
  return reader.read(body);
}

/** Requires the charge and the value of the scan and the general reader. */
function requireAgreement(
  reader: SmallBodyReader,
  scanner: MsgpackScanner,
  body: Uint8Array,
): boolean {
  if (!reader.supports(body.length)) return false;
  const value = reader.read(body);
  if (value === UNREAD) return false;
  const { held } = reader;
  assert(scanner.scan(body), `${body}`);
  assertEquals(held, scanner.held, `${body}`);
  const expected = new MsgpackReader("bigint", false).read(body);
  assert(sameValue(value, expected), `${body}`);
  return true;
}

Deno.test(
  "read() reads every small value that the format carries",
  PURE,
  () => {
    const reader = new SmallBodyReader(LIMITS, true, false);
    const scanner = new MsgpackScanner(LIMITS, false);
    const unread = [];
    for (const value of CARRIED) {
      const body = codec.encode(value);
      if (!reader.supports(body.length)) continue;
      for (let time = 0; time < 4; time++) {
        if (requireAgreement(reader, scanner, body)) continue;
        unread.push(value);
        break;
      }
    }
    // Only index keys, empty keys, the longest timestamps, deep nesting, and
    // strings of over 255 bytes or with a byte order mark need the scan.
    for (const value of unread) {
      const text = JSON.stringify(value);
      assert(
        value instanceof Date || /"\d+":|"":|\[{17}|\ufeff/.test(text),
        text,
      );
    }
    assert(unread.length < 30, `${unread.length}`);
  },
);

Deno.test("read() agrees with the scan on altered bodies", PURE, () => {
  const random = randomFrom(20_261_130);
  const real = [
    { a: [1, 1.5, -7, 70_000, 2 ** 31, 1n, -5n], at: new Date(1500), b: {} },
    { near: new Date(1.5e12 + 1), text: "é€".repeat(9), t: "x".repeat(60) },
    { data: new Uint8Array(40), gone: undefined, e: [{}, [], { a: -200 }] },
    { id: 1, name: "ä", tags: ["x", "yy"], at: { city: "L", zip: "1100" } },
    { id: 2, name: "b", tags: [], at: { city: "L", zip: "1100", no: 7 } },
  ].map((value) => codec.encode(value));
  const reader = new SmallBodyReader(LIMITS, true, false);
  const scanner = new MsgpackScanner(LIMITS, false);
  let values = 0;
  for (let input = 0; input < 10_000; input++) {
    if (requireAgreement(reader, scanner, makeBody(random, real, false))) {
      values++;
    }
  }
  assert(values > 500, `${values}`);
});

Deno.test(
  "objects of known keys agree with the scan, cut anywhere",
  PURE,
  () => {
    const reader = new SmallBodyReader(LIMITS, true, false);
    const scanner = new MsgpackScanner(LIMITS, false);
    const value = { id: 7, name: "a b", at: { x: 1, y: [{ x: 2, y: [] }] } };
    const body = codec.encode(value);
    assert(sameValue(readOften(reader, body), value));
    assert(requireAgreement(reader, scanner, body));
    for (let end = 0; end < body.length; end++) {
      assertEquals(reader.read(body.subarray(0, end)), UNREAD);
      assertThrows(() => codec.decode(body.subarray(0, end)), CodecError);
    }
    for (let at = 0; at < body.length; at++) {
      for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const altered = body.slice();
        altered[at]! ^= bit;
        requireAgreement(reader, scanner, altered);
      }
    }
    // Earlier bodies leave no trace.
    assert(sameValue(reader.read(body), value));
  },
);

Deno.test("objects with the same first keys keep their own keys", PURE, () => {
  const reader = new SmallBodyReader(LIMITS, true, false);
  const values = [
    { id: 1, a: 2 },
    { id: 1, a: 2, b: 3 },
    { id: 1, b: 2 },
    { id: { id: { id: 1, b: [{ id: 2, a: 1 }] } } },
    { b: 1, id: 2 },
  ];
  for (let round = 0; round < 10; round++) {
    for (const value of values) {
      const read = reader.read(codec.encode(value));
      assertEquals(JSON.stringify(read), JSON.stringify(value));
    }
  }
});

Deno.test("values of any type fit into objects of known keys", PURE, () => {
  const reader = new SmallBodyReader(LIMITS, true, false);
  readOften(reader, codec.encode({ v: 1, w: 2 }));
  for (const v of [1, "s", 1.5, null, undefined, [1], { x: 1 }, 2 ** 40, 3n]) {
    const object = { v, w: v };
    const read = reader.read(codec.encode(object));
    assert(sameValue(read, object));
    assert(!Object.is(read, reader.read(codec.encode(object))));
  }
});

Deno.test("the last of equal keys counts, as in other decoders", PURE, () => {
  const reader = new SmallBodyReader(LIMITS, true, false);
  const body = hex("82a16101a16102");
  for (let time = 0; time < 6; time++) {
    assertEquals(reader.read(body), { a: 2 });
  }
});

Deno.test("keys of any number and order are read", PURE, () => {
  const reader = new SmallBodyReader(LIMITS, true, false);
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 1500; key++) {
      const object = { [`k${key}`]: key, [`second${key % 20}`]: 1, end: null };
      assertEquals(reader.read(codec.encode(object)), object);
      assertEquals(reader.read(codec.encode(object)), object);
    }
  }
});

Deno.test("bodies that need the scan are not read", PURE, () => {
  const reader = new SmallBodyReader(LIMITS, true, false);
  const bodies: Record<string, string> = {
    "index key": "81a13700",
    "empty key": "81a000",
    "__proto__": "81a95f5f70726f746f5f5fc0",
    "number as a key": "810100",
    "malformed UTF-8": "a2c328",
    "malformed UTF-8 in a key": "81a2c32800",
    "the lowest byte that is not ASCII": "a180",
    "the lowest byte that is not ASCII, at the end": "a36162" + "80",
    "the lowest byte that is not ASCII in a key": "81a1" + "8000",
    "byte order mark": "a4efbbbf61",
    "0xc1": "c1",
    "another extension": "d40100",
    "extension 0 with another payload": "d40001",
    "nanoseconds of 10^9": "d7ffee6b280000000000",
    "trailing byte": "0000",
    "empty body": "",
  };
  for (const [name, text] of Object.entries(bodies)) {
    assertEquals(reader.read(hex(text)), UNREAD, name);
  }
  assertEquals(reader.read(codec.encode({ a: 1 })), { a: 1 });
});

Deno.test(
  "the longest small body is charged as the scan charges it",
  PURE,
  () => {
    const reader = new SmallBodyReader(LIMITS, true, false);
    const scanner = new MsgpackScanner(LIMITS, false);
    const value = (pad: number) => [
      ...[{ price: 1, sku: "a" }, "x".repeat(200), "y".repeat(200)],
      "z".repeat(pad),
    ];
    const pad = 512 - codec.encode(value(100)).length + 100;
    for (let time = 0; time < 6; time++) reader.read(codec.encode(value(pad)));
    assert(requireAgreement(reader, scanner, codec.encode(value(pad))));
    assert(!reader.supports(codec.encode(value(pad + 1)).length));
  },
);

Deno.test("64-bit integers are read only as bigints", PURE, () => {
  const body = codec.encode([5n]);
  assertEquals(new SmallBodyReader(LIMITS, true, false).read(body), [5n]);
  assertEquals(new SmallBodyReader(LIMITS, false, false).read(body), UNREAD);
});

Deno.test("binary data is copied, or borrowed if wanted", PURE, () => {
  const body = codec.encode([Uint8Array.of(1, 2)]);
  for (const borrow of [false, true]) {
    const reader = new SmallBodyReader(LIMITS, true, borrow);
    const [data] = reader.read(body) as [Uint8Array]; // the body is an array of bytes
    assertEquals(data, Uint8Array.of(1, 2));
    assertEquals(data.buffer === body.buffer, borrow);
  }
});

Deno.test("limits hold exactly for small bodies", PURE, () => {
  const nested = [[[1]]];
  assertEquals(msgpack({ maxDepth: 3 }).decode(codec.encode(nested)), nested);
  assertThrows(
    () => msgpack({ maxDepth: 2 }).decode(codec.encode(nested)),
    CodecError,
    "'maxDepth' allows 2",
  );
  const few = msgpack({ maxNodes: 3, maxBytes: 4 });
  assertEquals(few.decode(codec.encode(["ab", "cd"])), ["ab", "cd"]);
  assertThrows(() => few.decode(codec.encode([1, 2, 3])), CodecError);
  assertThrows(() => few.decode(codec.encode("abcde")), CodecError);
  const budget = { maxHeld: 1000, held: 0 };
  const body = codec.encode({ a: "text" });
  codec.decode(body, budget);
  const { held } = budget;
  assertEquals(codec.decode(body, { maxHeld: held, held: 0 }), { a: "text" });
  assertThrows(
    () => codec.decode(body, { maxHeld: held - 1, held: 0 }),
    CodecError,
    "'maxHeld' allows",
  );
});
