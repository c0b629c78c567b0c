import { assert, assertEquals } from "@std/assert";
import { sameValue } from "../../../lib/testing/same_value.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { MsgpackReader } from "../../../lib/messages/codec/msgpack_reader.ts";
import { makeBody, randomFrom } from "../../fuzz/codec_inputs.ts";
import { hex } from "./hex.ts";
import { CARRIED } from "./values.ts";

const PURE = { permissions: "none" } as const;
const codec = msgpack();

Deno.test("read() returns every value that the format carries", PURE, () => {
  const reader = new MsgpackReader("bigint", false);
  for (const value of CARRIED) {
    assert(sameValue(reader.read(codec.encode(value)), value));
  }
});

Deno.test("read() agrees with msgpackr on altered bodies", PURE, () => {
  const random = randomFrom(20_260_103);
  const real = [
    { a: [1, 1.5, -7, 70_000, 2 ** 40, 1n, -5n], at: new Date(-1500) },
    { far: new Date(-8e15), near: new Date(1.5e12 + 1), text: "é€".repeat(40) },
    { data: new Uint8Array(40), gone: undefined, 7: { 8: "x" }, e: [{}, []] },
  ].map((value) => codec.encode(value));
  for (const int64 of ["bigint", "auto", "number"] as const) {
    const own = msgpack({ int64 });
    const reader = new MsgpackReader(int64, false);
    let values = 0;
    for (let input = 0; input < 10_000; input++) {
      const body = makeBody(random, real, false);
      let expected;
      try {
        expected = own.decode(body);
      } catch (error) {
        assert(error instanceof CodecError);
        continue;
      }
      values++;
      assert(sameValue(reader.read(body), expected), `${body}`);
    }
    assert(values > 500, `${values}`);
  }
});

Deno.test("read() reads forms that our encoder does not write", PURE, () => {
  const reader = new MsgpackReader("bigint", false);
  const forms: Record<string, unknown> = {
    "cc07": 7,
    "cd0007": 7,
    "d007": 7,
    "d1fff9": -7,
    "d2fffffff9": -7,
    "ca3fc00000": 1.5,
    "d90161": "a",
    "da000161": "a",
    "db0000000161": "a",
    "dc000107": [7],
    "dd0000000107": [7],
    "de0001a16107": { a: 7 },
    "df00000001a16107": { a: 7 },
    "c5000107": Uint8Array.of(7),
    "c60000000107": Uint8Array.of(7),
    "c704ff00000001": new Date(1000),
    "c80004ff00000001": new Date(1000),
    "d7ff1dcd650100000001": new Date(2 ** 32 * 1000 + 1000 + 125),
  };
  for (const [form, value] of Object.entries(forms)) {
    assert(sameValue(reader.read(hex(form)), value), form);
    assert(sameValue(codec.decode(hex(form)), value), form);
  }
});

Deno.test("read() returns 64-bit integers as it is asked to", PURE, () => {
  const forms = ["cf0000000000000007", "d3fffffffffffffff9"];
  forms.push("cf0020000000000000", "d3ffe0000000000000"); // 2^53
  forms.push("cf0020000000000001", "d3ffdfffffffffffff");
  const all = [7n, -7n, 2n ** 53n, -(2n ** 53n)];
  const inexact = [2n ** 53n + 1n, -(2n ** 53n) - 1n];
  const read = (int64: "bigint" | "number" | "auto") =>
    forms.map((form) => new MsgpackReader(int64, false).read(hex(form)));
  assertEquals(read("bigint"), [...all, ...inexact]);
  assertEquals(read("auto"), [...all.map(Number), ...inexact]);
  assertEquals(read("number"), [...all, ...inexact].map(Number));
});

Deno.test("read() borrows binary data only if it is asked to", PURE, () => {
  const body = hex("c40107");
  const copied = new MsgpackReader("bigint", false).read(body);
  const borrowed = new MsgpackReader("bigint", true).read(body);
  body[2] = 8;
  assertEquals([copied, borrowed], [Uint8Array.of(7), Uint8Array.of(8)]);
});
