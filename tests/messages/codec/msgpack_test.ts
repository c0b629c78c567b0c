import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { hex, toHex } from "./hex.ts";
import { CARRIED, nested } from "./values.ts";

const PURE = { permissions: "none" } as const;
const codec = msgpack();

function arrives(value: unknown): unknown {
  return codec.decode(codec.encode(value));
}

Deno.test(
  "msgpack() encodes and decodes values of all kinds exactly",
  PURE,
  () => {
    const codec = msgpack({ maxKeys: 65_536 }); // of the longest map
    for (const value of CARRIED) {
      assertEquals(codec.decode(codec.encode(value)), value);
    }
  },
);

Deno.test("msgpack() decodes -0 as 0, the only exception", PURE, () => {
  assert(Object.is(arrives(-0), 0));
});

Deno.test(
  "msgpack() keeps the type of numbers and bigints up to 2^53",
  PURE,
  () => {
    for (let bit = 30; bit <= 53; bit++) {
      for (
        const number of [2 ** bit - 1, 2 ** bit, -(2 ** bit), 1 - 2 ** bit]
      ) {
        assertStrictEquals(arrives(number), number);
        assertStrictEquals(arrives(BigInt(number)), BigInt(number));
      }
    }
  },
);

Deno.test(
  "msgpack() always decodes plain objects, and no key sets a prototype",
  PURE,
  () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    assertStrictEquals(Object.getPrototypeOf(arrives(bare)), Object.prototype);
    const value = { constructor: 1, prototype: 2, toString: 3, then: 4 };
    assertEquals(arrives(value), value);
    assertThrows(
      () => codec.decode(hex("81a95f5f70726f746f5f5f80")),
      CodecError,
      "the key '__proto__' is not allowed (at byte 1)",
    );
  },
);

Deno.test(
  "msgpack() decodes binary data as plain, separate Uint8Arrays",
  PURE,
  () => {
    for (const length of [3, 10_000]) {
      const buffer = new Uint8Array(length + 20).fill(7);
      const sent = codec.encode([buffer.subarray(5, 5 + length)]);
      const decoded = codec.decode(sent);
      assert(Array.isArray(decoded) && decoded[0] instanceof Uint8Array);
      assertStrictEquals(decoded[0].constructor, Uint8Array);
      assertStrictEquals(decoded[0].buffer.byteLength, length);
      sent.fill(0);
      assertEquals(decoded[0], new Uint8Array(length).fill(7));
    }
  },
);

Deno.test(
  "msgpack({ binary: 'borrow' }) decodes views of the body",
  PURE,
  () => {
    const borrowing = msgpack({ binary: "borrow" });
    const sent = borrowing.encode([new Uint8Array(3).fill(7)]);
    const decoded = borrowing.decode(sent);
    assert(Array.isArray(decoded) && decoded[0] instanceof Uint8Array);
    assertStrictEquals(decoded[0].buffer, sent.buffer);
    assertEquals(Object.keys(sent).includes("dataView"), false);
  },
);

Deno.test("msgpack() never sends memory outside the value", PURE, () => {
  const target = new Uint8Array(8192).fill(0x53);
  const views = [
    ...[Float64Array, Float32Array, Uint16Array, Uint32Array, Int8Array].map(
      (View) => new View(5),
    ),
    new DataView(new ArrayBuffer(40)),
    new BigInt64Array(5),
  ];
  for (const view of views) {
    assertThrows(() => codec.encode({ a: [view] }), CodecError, "at a[0]");
    assertThrows(() => codec.encodeInto(view, target, 0), CodecError);
  }
  assertEquals(target.every((byte) => byte === 0x53), true);
});

Deno.test(
  "msgpack({ int64 }) sets the type of decoded 64-bit integers",
  PURE,
  () => {
    const body = codec.encode([1n, -1n, 2n ** 53n, -(2n ** 60n)]);
    assertEquals(msgpack({ int64: "auto" }).decode(body), [
      1,
      -1,
      2 ** 53,
      -(2n ** 60n),
    ]);
    const numbers = msgpack({ int64: "number" });
    assertEquals(
      numbers.decode(codec.encode([1n, -7n, 2n ** 53n - 1n, -(2n ** 53n)])),
      [1, -7, 2 ** 53 - 1, -(2 ** 53)],
    );
    const error = assertThrows(() => numbers.decode(body), CodecError);
    assertEquals([error.code, error.offset], ["range", 19]);
  },
);

Deno.test(
  "msgpack() keeps a byte order mark in strings of any length",
  PURE,
  () => {
    for (const length of [1, 60, 61, 62, 63, 64, 65, 300, 70_000]) {
      const text = `\ufeff${"x".repeat(length)}`;
      assertStrictEquals(arrives(text), text);
      assertEquals(arrives({ [text]: [text, `\ufeff${text}`, "end"] }), {
        [text]: [text, `\ufeff${text}`, "end"],
      });
    }
  },
);

Deno.test("encodeInto() writes the same bytes at every alignment", PURE, () => {
  const value = { id: 7, tags: ["a", "b"], text: "x".repeat(100) };
  const expected = codec.encode(value);
  for (let offset = 0; offset < 24; offset++) {
    const target = new Uint8Array(8192).fill(0xee);
    const end = codec.encodeInto(value, target, offset);
    assertEquals(end, offset + expected.length);
    assertEquals(target.subarray(offset, offset + expected.length), expected);
    assertEquals(target.subarray(0, offset), new Uint8Array(offset).fill(0xee));
  }
});

Deno.test(
  "encodeInto() writes messages end to end despite growth and rejected values",
  PURE,
  () => {
    const target = new Uint8Array(600_000);
    const bodies: Uint8Array[] = [];
    let at = 3;
    for (let round = 0; round < 60; round++) {
      const value = {
        round,
        text: "é".repeat(round * round * 3),
        list: [round],
      };
      assertThrows(
        () => codec.encodeInto([value, () => {}], target, at),
        CodecError,
      );
      const end = codec.encodeInto(value, target, at);
      assert(typeof end === "number");
      bodies.push(codec.encode(value));
      at = end;
    }
    const joined = bodies.flatMap((body) => [...body]);
    assertEquals(target.subarray(3, at), Uint8Array.from(joined));
  },
);

Deno.test(
  "encodeInto() stays inside a target that is part of a buffer",
  PURE,
  () => {
    const buffer = new Uint8Array(20_000).fill(0xaa);
    for (const length of [2000, 5000, 12_000]) {
      const value = "y".repeat(length);
      const target = buffer.subarray(4001, 9001);
      const end = codec.encodeInto(value, target, 0);
      assertEquals(typeof end, length < 5000 ? "number" : "object");
      assertEquals(
        buffer.subarray(0, 4001).every((byte) => byte === 0xaa),
        true,
      );
      assertEquals(buffer.subarray(9001).every((byte) => byte === 0xaa), true);
    }
  },
);

Deno.test(
  "encode() reports the error that the value's own code threw",
  PURE,
  () => {
    const cause = new RangeError("mine");
    const value = {
      get bad(): unknown {
        throw cause;
      },
    };
    const error = assertThrows(
      () => codec.encode(value),
      CodecError,
      "reading the value threw",
    );
    assertStrictEquals(error.cause, cause);
    assertEquals(arrives([1]), [1]);
  },
);

Deno.test(
  "encode() can be called by a value that is being encoded",
  PURE,
  () => {
    const inner = { a: "x".repeat(200), b: [1, 2, 3] };
    const expected = codec.encode(inner);
    const seen: Uint8Array[] = [];
    const target = new Uint8Array(8192);
    const value = {
      before: "b".repeat(100),
      get inner() {
        seen.push(codec.encode(inner));
        const other = new Uint8Array(4096);
        const end = codec.encodeInto(inner, other, 3);
        assert(typeof end === "number");
        seen.push(other.slice(3, end));
        return 1;
      },
      after: "a".repeat(100),
    };
    const end = codec.encodeInto(value, target, 0);
    assert(typeof end === "number");
    assertEquals(codec.decode(target.subarray(0, end)), {
      before: value.before,
      inner: 1,
      after: value.after,
    });
    for (const body of seen) assertEquals(toHex(body), toHex(expected));
  },
);

Deno.test(
  "limits apply in both directions and count bytes, not characters",
  PURE,
  () => {
    const small = msgpack({ maxDepth: 2, maxNodes: 5, maxBytes: 8 });
    const cases: [unknown, string][] = [
      [nested(3), "maxDepth"],
      [[1, 2, 3, 4, 5], "maxNodes"],
      ["123456789", "maxBytes"],
      ["éééé!", "maxBytes"],
    ];
    for (const [value, limit] of cases) {
      assertEquals(
        assertThrows(() => small.encode(value), CodecError).limit,
        limit,
      );
      assertEquals(
        assertThrows(
          () => small.encodeInto(value, new Uint8Array(9000), 0),
          CodecError,
        ).limit,
        limit,
      );
      assertEquals(
        assertThrows(() => small.decode(codec.encode(value)), CodecError).limit,
        limit,
      );
    }
    for (const value of [nested(2), [1, 2, 3, 4], "éééé", "12345678"]) {
      assertEquals(small.decode(small.encode(value)), value);
    }
  },
);

Deno.test(
  "decode() of a peer's thenable returns data that can be awaited",
  PURE,
  async () => {
    // msgpackr alone decodes this as a native function, and awaiting it never ends.
    const hostile = hex(
      "81a47468656e d46500 93b05f5f6c6f6f6b75704765747465725f5fc0c0",
    );
    assertEquals(
      assertThrows(() => codec.decode(hostile), CodecError).code,
      "extension",
    );
    const data = await Promise.resolve(
      codec.decode(codec.encode({ then: "data" })),
    );
    assertEquals(data, { then: "data" });
  },
);

Deno.test(
  "decode() neither quotes nor stringifies a body with trailing bytes",
  PURE,
  () => {
    const body = codec.encode({
      secret: Array.from({ length: 50_000 }, () => "s3cr3t"),
    });
    const longer = new Uint8Array(body.length + 1);
    longer.set(body);
    const { stringify } = JSON;
    JSON.stringify = () => {
      throw new Error("called");
    };
    try {
      const error = assertThrows(() => codec.decode(longer), CodecError);
      assertEquals([error.code, error.cause], ["trailing", undefined]);
      assertEquals(
        /s3cr3t|secret/.test(`${error.message}${error.stack}`),
        false,
      );
    } finally {
      JSON.stringify = stringify;
    }
  },
);

Deno.test(
  "decode() and encodeInto() add no properties to their buffers",
  PURE,
  () => {
    for (const codec of [msgpack(), msgpack({ binary: "borrow" })]) {
      for (const value of ["x", `\ufeff${"x".repeat(100)}`, "y".repeat(9000)]) {
        const body = codec.encode(value);
        codec.decode(body);
        const target = new Uint8Array(64);
        codec.encodeInto(value, target, 3);
        for (const buffer of [body, target]) {
          assertEquals(Object.keys(buffer).length, buffer.length);
        }
      }
    }
  },
);

Deno.test("decode() of equal keys keeps the last value", PURE, () => {
  assertEquals(codec.decode(hex("83 a161 01 a162 02 a161 03")), { a: 3, b: 2 });
  assertEquals(codec.decode(hex("82 a161 01 d90161 03")), { a: 3 });
});

Deno.test("decode() rejects an empty body", PURE, () => {
  const error = assertThrows(() => codec.decode(new Uint8Array(0)), CodecError);
  assertEquals([error.code, error.offset], ["truncated", 0]);
});

Deno.test(
  "decode() is within a millisecond of timestamps that a Date cannot hold",
  PURE,
  () => {
    const cases: [string, number][] = [
      ["d7ff 000f423c 00000000", 0.249_999],
      ["d7ff ee6b27fc 00000000", 999.999_999],
      ["d7ff ee6b27ff ffffffff", 17_179_869_183_999.999],
      ["c70cff 3b9ac9ff ffffffffffffffff", -0.000_001],
      ["c70cff 00000001 ffffffffffffffff", -999.999_999],
      ["c8000cff 00000001 ffffffffffffffff", -999.999_999],
      ["c90000000cff 00000001 ffffffffffffffff", -999.999_999],
      ["c70cff 3b9ac9ff fffff82457de8000", -8.64e15 + 1000],
    ];
    for (const [form, time] of cases) {
      const date = codec.decode(hex(form));
      assert(date instanceof Date);
      assert(
        Math.abs(date.getTime() - time) <= 1,
        `${form}: ${date.getTime()}`,
      );
    }
  },
);

Deno.test(
  "decode() near the end of the stack returns a value or throws, and stays usable",
  PURE,
  () => {
    const deep = msgpack({ maxDepth: 512 });
    const body = deep.encode(nested(512));
    const errors: unknown[] = [];
    let fitted = false;
    const descend = (level: number): void => {
      try {
        descend(level + 1);
      } catch (error) {
        errors.push(error); // at the very end there is no space for a CodecError
      }
      if (fitted || level % 20 !== 0) return;
      try {
        deep.decode(body);
        fitted = true;
      } catch (error) {
        errors.push(error);
      }
    };
    descend(0);
    assert(fitted);
    assert(errors.some((error) => error instanceof CodecError));
    for (const error of errors) {
      assert(error instanceof CodecError || error instanceof RangeError);
    }
    assertEquals(deep.decode(body), nested(512));
  },
);

Deno.test(
  "decode() reads msgpackr's record ids as small integers",
  PURE,
  () => {
    assertEquals(codec.decode(hex("93 40 41 7f")), [64, 65, 127]);
  },
);

Deno.test("msgpack() rejects options out of range", PURE, () => {
  const bad: [object, string][] = [
    [
      { maxDepth: 0 },
      "'maxDepth' must be an integer from 1 to 512: current value is 0",
    ],
    [{ maxNodes: 1.5 }, "'maxNodes' must be"],
    [{ maxBytes: Infinity }, "'maxBytes' must be"],
    [
      { int64: "float" },
      `'int64' must be one of "bigint", "number", "auto": current value is float`,
    ],
    [{ binary: "view" }, "'binary' must be one of"],
  ];
  for (const [options, message] of bad) {
    assertThrows(() => msgpack(options), RangeError, message);
  }
});

Deno.test("two codecs share no state", PURE, () => {
  const other = msgpack({ int64: "number" });
  const first = codec.encode({ a: [1n] });
  assert(first.buffer !== other.encode({ a: [1n] }).buffer);
  assertEquals(other.decode(first), { a: [1] });
  assertEquals(codec.decode(first), { a: [1n] });
});
