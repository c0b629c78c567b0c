import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { MsgpackEncoder } from "../../../lib/messages/codec/msgpack_encoder.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { hex, toHex } from "./hex.ts";
import { CARRIED, MSGPACK_REFUSED, nested } from "./values.ts";

const PURE = { permissions: "none" } as const;
/** Fills used buffers: it must never be sent. */
const STALE = 0x53;
const room = new Uint8Array(16 * 1024);
const codec = msgpack({ maxKeys: 65_536 }); // of the longest map

function encoder(limits = {}): MsgpackEncoder {
  return new MsgpackEncoder(resolveCodecLimits(limits));
}

/** Encodes into a used buffer, then decodes. */
function arrives(value: unknown, one = encoder()): unknown {
  const target = room.fill(STALE);
  const end = one.encodeInto(value, target, 0);
  return codec.decode(typeof end === "number" ? target.slice(0, end) : end);
}

function refused(value: unknown, limits = {}): CodecError {
  return assertThrows(
    () => encoder(limits).encodeInto(value, room, 0),
    CodecError,
  );
}

Deno.test(
  "encodeInto() writes every value that the format carries",
  PURE,
  () => {
    for (const value of CARRIED) assertEquals(arrives(value), value);
  },
);

Deno.test("encodeInto() rejects values by name and path", PURE, () => {
  for (const [value, name] of MSGPACK_REFUSED) {
    assertStringIncludes(refused(value).message, name);
    const error = refused({ items: [1, { "a b": value }] });
    assertStringIncludes(error.message, ` at items[1]["a b"]`);
    assertEquals(error.path?.slice(0, 3), ["items", 1, "a b"]);
  }
});

Deno.test(
  "encodeInto() reports the path of holes, keys and symbols",
  PURE,
  () => {
    // deno-lint-ignore no-sparse-arrays -- the hole is the case
    assertEquals(refused({ list: [0, , 2] }).path, ["list", 1]);
    assertEquals(refused([JSON.parse('{"a":1,"__proto__":{}}')]).code, "key");
    assertEquals(refused([{ [Symbol.iterator]: 1 }]).path, [0]);
    assertEquals(refused([{ ok: 1, "k\ud800": 2 }]).path, [0, "k\ud800"]);
  },
);

Deno.test(
  "encodeInto() reports a cycle with its shortest path",
  PURE,
  () => {
    const loop: { name: string; items: unknown[] } = { name: "a", items: [] };
    loop.items.push({ owner: loop });
    const error = refused({ root: [loop] });
    assertEquals(error.code, "cycle");
    assertEquals(error.path, ["root", 0, "items", 0, "owner"]);
    const self: unknown[] = [];
    self.push(self);
    assertEquals(
      refused(self).message,
      "Cannot encode a cycle as msgpack: an object contains itself at [0]",
    );
  },
);

Deno.test(
  "encodeInto() accepts shared objects and limits exponential ones",
  PURE,
  () => {
    const shared = { a: 1 };
    assertEquals(arrives([shared, shared]), [shared, shared]);
    let value: unknown = [];
    for (let level = 0; level < 60; level++) value = [value, value];
    assertEquals(refused(value).limit, "maxNodes");
  },
);

Deno.test("encodeInto() enforces the limits of scan()", PURE, () => {
  assertEquals(arrives(nested(64)), nested(64));
  const deep = refused(nested(65));
  assertEquals([deep.code, deep.limit, deep.allowed, deep.found], [
    "too-large",
    "maxDepth",
    64,
    65,
  ]);
  assertEquals(refused(nested(100_000)).limit, "maxDepth");
  assertEquals(arrives([1, 2, 3], encoder({ maxNodes: 4 })), [1, 2, 3]);
  assertEquals(refused({ a: 1, b: 2 }, { maxNodes: 4 }).found, 5);
  assertEquals(refused(["abc", "de"], { maxBytes: 4 }).limit, "maxBytes");
  assertEquals(refused([new Uint8Array(5)], { maxBytes: 4 }).path, [0]);
});

Deno.test("encodeInto() counts bytes, not characters", PURE, () => {
  for (
    const length of [1, 31, 32, 48, 49, 85, 86, 255, 256, 1000, 65_535, 65_536]
  ) {
    for (const unit of ["x", "é", "€", "\u{1f600}"]) {
      const text = unit.repeat(length);
      const bytes = new TextEncoder().encode(text).length;
      for (const value of [text, { [text]: 1 }]) {
        const exact = encoder({ maxBytes: bytes });
        assertEquals(arrives(value, exact), value);
        if (bytes === 1) continue;
        const error = refused(value, { maxBytes: bytes - 1 });
        assertEquals(error.limit, "maxBytes");
        assert(error.found! >= bytes && error.found! <= bytes + 4);
      }
    }
  }
});

Deno.test(
  "encodeInto() neither walks a huge sparse array nor allocates for it",
  PURE,
  () => {
    assertEquals(refused(new Array(2 ** 32 - 1)).limit, "maxNodes");
    const sparse: unknown[] = [1];
    sparse[999_000] = 2;
    assertEquals(refused(sparse).path, [1]);
  },
);

Deno.test(
  "encodeInto() of 512 levels near the end of the stack returns bytes or throws",
  PURE,
  () => {
    const value = nested(512);
    const deep = msgpack({ maxDepth: 512 });
    const expected = hex("91".repeat(511) + "90");
    const errors: unknown[] = [];
    let fitted = false;
    // Descends to the end of the stack, and tries again on the way back.
    const descend = (level: number): void => {
      try {
        descend(level + 1);
      } catch (error) {
        errors.push(error); // at the very end there is no space for a CodecError
      }
      if (fitted || level % 20 !== 0) return;
      try {
        assertEquals(deep.encode(value), expected);
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
    assertEquals(deep.encode(value), expected);
  },
);

Deno.test("encodeInto() sends no old content of the buffer", PURE, () => {
  class Long extends Uint8Array {
    override get length(): number {
      return 40;
    }
    override get byteLength(): number {
      return 40;
    }
  }
  const shadowed = Uint8Array.of(1, 2);
  for (const name of ["length", "byteLength"]) {
    Object.defineProperty(shadowed, name, { value: 40 });
  }
  assertEquals(arrives(new Long([1, 2])), Uint8Array.of(1, 2));
  assertEquals(arrives(shadowed), Uint8Array.of(1, 2));
  const others = [
    new Float64Array(5),
    new Uint16Array(20),
    new BigInt64Array(5),
    new DataView(new ArrayBuffer(40)),
  ];
  for (const other of others) {
    Object.setPrototypeOf(other, Uint8Array.prototype);
    assertThrows(() => arrives(other), CodecError, "Cannot encode a");
  }
  const resizable = new ArrayBuffer(40, { maxByteLength: 80 });
  const tracking = new Uint8Array(resizable);
  resizable.resize(3);
  assertEquals(arrives(tracking), new Uint8Array(3));
  const detached = new Uint8Array(40);
  detached.buffer.transfer();
  assertThrows(() => codec.encode(detached), CodecError);
});

Deno.test("encodeInto() reads each property once", PURE, () => {
  const others: unknown[] = [
    new Float64Array(5),
    new DataView(new ArrayBuffer(40)),
    () => {},
    new Map(),
    "\ud800",
    nested(100),
    { toJSON: () => "called" },
  ];
  for (const other of others) {
    let reads = 0;
    const value = {
      get a(): unknown {
        return reads++ === 0 ? "first" : other;
      },
    };
    assertEquals(arrives([value]), [{ a: "first" }]);
    assertEquals(reads, 1);
    const second = Object.defineProperty([0], 0, {
      get: () => reads++ === 1 ? 1 : other,
    });
    assertEquals(arrives(second), [1]);
  }
});

Deno.test(
  "encodeInto() of a changing value writes a value or throws a CodecError",
  PURE,
  () => {
    const shrinking: unknown[] = [1, 2, 3];
    Object.defineProperty(shrinking, 0, {
      get: () => {
        shrinking.length = 1;
        return 1;
      },
      configurable: false,
    });
    assertThrows(() => arrives(shrinking), CodecError, "a hole in an array");
    const losing: Record<string, unknown> = {
      get a() {
        delete losing["b"];
        return 1;
      },
      b: 2,
    };
    assertThrows(() => arrives(losing), CodecError, "changes while it is read");
    const lying = new Proxy({ a: 1, b: 2 }, { ownKeys: () => ["a"] });
    assertEquals(arrives(lying), { a: 1 });
    let asked = 0;
    const fickle = new Proxy({ a: 1, b: 2 }, {
      ownKeys: () => asked++ === 0 ? ["a"] : ["a", "b"],
    });
    assertThrows(() => arrives(fickle), CodecError);
    const endless: unknown[] = [];
    Object.defineProperty(endless, 0, {
      get: () => (endless.push(1), 0),
      enumerable: true,
    });
    assertEquals(arrives(endless), [0]);
  },
);

Deno.test(
  "encodeInto() is not misled by forged classes",
  PURE,
  () => {
    for (const constructor of [Object, Map, Set, Date, Uint8Array, undefined]) {
      const named = Object.assign([1, 2], { constructor });
      assertEquals(arrives(named), [1, 2]);
      assertEquals(arrives({ constructor: null, a: 1 }), {
        constructor: null,
        a: 1,
      });
    }
    const symbolic = Object.assign([1], { [Symbol("s")]: 1, name: 2 });
    assertEquals(arrives(symbolic), [1]);
    assertThrows(() => arrives(Object.create(Uint8Array.prototype)));
    assertThrows(() => arrives(Object.create(Date.prototype)), TypeError);
    const disguised = Object.setPrototypeOf(new Map(), Object.prototype);
    assertEquals(arrives(disguised), {}); // it has no own properties
    const date = Object.assign(new Date(5), { getTime: () => NaN });
    assertEquals(arrives(date), new Date(5));
    const tagged = { [Symbol.toStringTag]: "Uint8Array" };
    assertStringIncludes(refused(tagged).message, "Symbol.toStringTag");
    class Tagged {
      get [Symbol.toStringTag]() {
        return "Uint8Array";
      }
    }
    assertStringIncludes(refused(new Tagged()).message, "a Tagged");
  },
);

Deno.test("encodeInto() never calls methods of a value", PURE, () => {
  const called = () => {
    throw new Error("called");
  };
  const bytes = Object.assign(Uint8Array.of(1, 2), {
    toJSON: called,
    slice: called,
    subarray: called,
    [Symbol.iterator]: called,
  });
  const list = Object.assign([1], {
    toJSON: called,
    [Symbol.iterator]: called,
  });
  const date = Object.assign(new Date(1), {
    toJSON: called,
    valueOf: called,
    getMilliseconds: called,
  });
  assertEquals(arrives([bytes, list, date]), [
    Uint8Array.of(1, 2),
    [1],
    new Date(1),
  ]);
});

Deno.test(
  "encodeInto() fills the target to the last byte or returns the body",
  PURE,
  () => {
    const values = [
      null,
      7,
      -1e300,
      "x".repeat(20),
      "é".repeat(31),
      "€".repeat(60),
      "x".repeat(5000),
      "é".repeat(40_000),
      new Date(1.5e12 + 1),
      { a: [1, { b: new Uint8Array(300) }], c: "text".repeat(10) },
    ];
    for (const value of values) {
      const body = codec.encode(value);
      for (const slack of [-1, 0, 1, 14, 15, 16, 100]) {
        for (const offset of [0, 1, 5, 8]) {
          if (body.length + slack < 0) continue;
          const buffer = new Uint8Array(offset + body.length + slack + 9)
            .fill(STALE);
          const target = buffer.subarray(0, -9);
          const end = encoder().encodeInto(value, target, offset);
          const placed = typeof end === "number"
            ? target.subarray(offset, end)
            : end;
          assertEquals(toHex(placed), toHex(body));
          assertEquals(typeof end === "number", slack >= 0);
          const around = [...buffer.subarray(0, offset), ...buffer.slice(-9)];
          assert(around.every((byte) => byte === STALE));
        }
      }
    }
  },
);

Deno.test("encodeInto() keeps no large buffer", PURE, () => {
  const target = new Uint8Array(64);
  const one = encoder();
  const body = one.encodeInto(new Uint8Array(8 * 1024 * 1024), target, 0);
  assert(typeof body !== "number");
  assertEquals(body.length, 8 * 1024 * 1024 + 5);
  const next = one.encodeInto(new Uint8Array(100), target, 0);
  assert(typeof next !== "number" && next.buffer.byteLength <= 4 * 1024 * 1024);
});

Deno.test(
  "encodeInto() can be called, and can throw, inside a value's getter",
  PURE,
  () => {
    const one = encoder({ maxBytes: 30_000 });
    const inner = { text: "é".repeat(9000), list: [1, 2] };
    const expected = toHex(codec.encode(inner));
    const value = (fail: boolean) => ({
      before: "b".repeat(100),
      get inner() {
        for (const size of [10, 40_000]) {
          const end = one.encodeInto(inner, new Uint8Array(size), 0);
          if (typeof end !== "number") assertEquals(toHex(end), expected);
        }
        assertThrows(() => one.encodeInto([() => {}], room.slice(), 0));
        if (fail) throw new RangeError("mine");
        return 1;
      },
      after: "a".repeat(100),
    });
    const sent = {
      before: "b".repeat(100),
      inner: 1,
      after: "a".repeat(100),
    };
    for (let round = 0; round < 3; round++) {
      assertEquals(arrives(value(false), one), sent);
      assertThrows(() => arrives(value(true), one), RangeError, "mine");
      const end = one.encodeInto(value(false), new Uint8Array(8), 0);
      assert(typeof end !== "number");
      assertEquals(codec.decode(end), sent);
    }
  },
);

Deno.test("encodeInto() writes timestamps to the millisecond", PURE, () => {
  const cases: [number, string][] = [
    [0, "d6ff00000000"],
    [1, "d7ff003d090000000000"],
    [999, "d7ffee2e1f0000000000"],
    [1000, "d6ff00000001"],
    [-1, "c70cff3b8b87c0ffffffffffffffff"],
    [-1000, "c70cff00000000ffffffffffffffff"],
    [-1001, "c70cff3b8b87c0fffffffffffffffe"],
    [2 ** 32 * 1000 - 1, "d7ffee2e1f00ffffffff"],
    [2 ** 32 * 1000, "c70cff000000000000000100000000"],
    [8.64e15, "c70cff00000000000007dba8218000"],
    [-8.64e15, "c70cff00000000fffff82457de8000"],
  ];
  for (const [time, bytes] of cases) {
    assertEquals(toHex(codec.encode(new Date(time))), bytes);
    assertEquals(arrives(new Date(time)), new Date(time));
  }
  for (let time = 1.6e12; time < 1.6e12 + 3000; time++) {
    assertStrictEquals((arrives(new Date(time)) as Date).getTime(), time); // a Date was encoded
    assertStrictEquals((arrives(new Date(-time)) as Date).getTime(), -time); // a Date was encoded
  }
});
