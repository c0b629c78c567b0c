/**
 * A program can use msgpackr itself, even the same bundle. Neither affects the
 * other, even if one is called during a call of the other.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
// @ts-types="npm:msgpackr@2.1.3"
import * as bundle from "msgpackr/index-no-eval";
// @ts-types="npm:msgpackr@2.1.3"
import * as plain from "msgpackr/pack";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { toHex } from "./hex.ts";

const PURE = { permissions: "none" } as const;
const codec = msgpack();
const OURS = { id: 7, text: "ours ".repeat(40), tags: ["a", "b"] };
const THEIRS = { who: "host", text: "theirs ".repeat(40), n: [1, 2, 3] };
const EXPECTED = toHex(codec.encode(OURS));

/** Encodes and decodes with the codec, in place and in a new buffer. */
function useOurs(size = 8192): void {
  const target = new Uint8Array(size);
  const end = codec.encodeInto(OURS, target, 3);
  const body = typeof end === "number" ? target.subarray(3, end) : end;
  assertEquals(toHex(body), EXPECTED);
  assertEquals(toHex(codec.encode(OURS)), EXPECTED);
  assertEquals(codec.decode(body), OURS);
  assertThrows(() => codec.encode({ a: OURS, bad: () => {} }));
  assertThrows(() => codec.decode(body.subarray(1)));
}

const HOSTS = { "msgpackr/pack": plain, "the same bundle": bundle };

for (const [name, host] of Object.entries(HOSTS)) {
  Deno.test(`a host that uses ${name} keeps its results`, PURE, () => {
    const packr = new host.Packr({ useRecords: false });
    const expected = toHex(packr.pack(THEIRS).slice());
    const kept: Uint8Array[] = [];
    for (let round = 0; round < 200; round++) {
      useOurs(round % 3 === 0 ? 64 : 8192);
      kept.push(packr.pack(THEIRS));
      useOurs();
    }
    for (const result of kept) assertEquals(toHex(result), expected);
    assertEquals(packr.unpack(kept[0]!), THEIRS);
  });

  Deno.test(
    `a host that uses ${name} with its own buffer keeps it`,
    PURE,
    () => {
      const packr = new host.Packr({ useRecords: false });
      const expected = toHex(packr.pack(THEIRS).slice());
      // A buffer of the kind that msgpackr itself creates.
      const own = packr.pack("y".repeat(9000));
      packr.useBuffer(own);
      const first = packr.pack(THEIRS, host.REUSE_BUFFER_MODE);
      const marks = {
        start: Reflect.get(first, "start"),
        end: Reflect.get(first, "end"),
      };
      const position = packr.position;
      useOurs();
      assert(first === own, "the host wrote into its buffer");
      assertEquals({
        start: Reflect.get(own, "start"),
        end: Reflect.get(own, "end"),
      }, marks);
      assertEquals(packr.position, position);
      const second = packr.pack(THEIRS, host.REUSE_BUFFER_MODE);
      assert(second === own, "the host continues to write into it");
      assertEquals(toHex(own.subarray(marks.start, marks.end)), expected);
      assertEquals(
        toHex(own.subarray(Reflect.get(own, "start"), Reflect.get(own, "end"))),
        expected,
      );
    },
  );

  Deno.test(
    `a host that rewinds ${name} keeps its last result while the codec encodes`,
    PURE,
    () => {
      const packr = new host.Packr({ useRecords: false });
      const result = packr.pack(THEIRS, host.RESET_BUFFER_MODE);
      const before = toHex(result);
      for (let round = 0; round < 20; round++) useOurs();
      assertEquals(toHex(result), before);
    },
  );

  Deno.test(
    `a host can encode with the codec inside a pack() of ${name}`,
    PURE,
    () => {
      const packr = new host.Packr({ useRecords: false });
      class Inside {
        toJSON(): unknown {
          useOurs();
          useOurs(64);
          return { done: true };
        }
      }
      const inside = new Inside();
      const message = {
        before: "b".repeat(300),
        inside,
        after: "a".repeat(300),
      };
      const result = packr.pack(message);
      useOurs();
      assertEquals(packr.unpack(result), {
        before: message.before,
        inside: { done: true },
        after: message.after,
      });
    },
  );

  Deno.test(`a host can use ${name} inside a value of the codec`, PURE, () => {
    const packr = new host.Packr({ useRecords: false });
    const expected = toHex(packr.pack(THEIRS).slice());
    const seen: string[] = [];
    const value = {
      before: "b".repeat(300),
      get inside() {
        seen.push(toHex(packr.pack(THEIRS)));
        seen.push(
          toHex(packr.pack({ big: "z".repeat(50_000) })).slice(0, 0) ||
            expected,
        );
        return 1;
      },
      after: "a".repeat(300),
    };
    const target = new Uint8Array(8192);
    const end = codec.encodeInto(value, target, 5);
    assert(typeof end === "number");
    assertEquals(codec.decode(target.subarray(5, end)), {
      before: value.before,
      inside: 1,
      after: value.after,
    });
    for (const result of seen) assertEquals(result, expected);
  });

  Deno.test(
    `a host's records, extensions and structures in ${name} do not affect the codec`,
    PURE,
    () => {
      class Money {
        constructor(readonly cents: number) {}
      }
      host.addExtension({
        Class: Money,
        type: 0x21,
        pack: (money: Money) => Uint8Array.of(money.cents),
        unpack: (data: Uint8Array) => new Money(data[0]!),
      });
      const structures: object[] = [];
      const packr = new host.Packr({ structures, useRecords: true });
      for (let round = 0; round < 20; round++) {
        const body = packr.pack({ round, price: new Money(round) });
        useOurs();
        assertEquals(packr.unpack(body), { round, price: new Money(round) });
        assertThrows(() => codec.encode(new Money(1)), Error, "a Money");
        assertThrows(() => codec.decode(body), Error);
      }
    },
  );

  Deno.test(
    `a failure inside ${name} does not affect the codec, nor the reverse`,
    PURE,
    () => {
      const packr = new host.Packr({ useRecords: false });
      const expected = toHex(packr.pack(THEIRS).slice());
      class Failing {
        toJSON(): unknown {
          useOurs();
          assertThrows(() => codec.encode({ a: OURS, bad: new Map() }));
          throw new RangeError("theirs");
        }
      }
      const failing = new Failing();
      const body = codec.encode(OURS);
      for (let round = 0; round < 5; round++) {
        assertThrows(
          () => packr.pack(["b".repeat(300), failing]),
          RangeError,
          "theirs",
        );
        useOurs();
        assertThrows(() => packr.unpack(Uint8Array.of(0x92, 1)), Error);
        assertEquals(codec.decode(body), OURS);
        assertThrows(() => codec.decode(body.subarray(0, -1)), Error);
        assertEquals(toHex(packr.pack(THEIRS)), expected);
        assertEquals(
          toHex(codec.encode({
            get a() {
              assertThrows(
                () => packr.pack(["b".repeat(300), failing]),
                RangeError,
              );
              return packr.unpack(packr.pack(OURS));
            },
          })),
          `81a161${EXPECTED}`,
        );
      }
    },
  );

  Deno.test(
    `a host can decode with the codec inside an extension of ${name}`,
    PURE,
    () => {
      class Nested {
        constructor(readonly value: unknown) {}
      }
      host.addExtension({
        Class: Nested,
        type: 0x22,
        pack: (nested: Nested) => codec.encode(nested.value),
        unpack: (data: Uint8Array) => new Nested(codec.decode(data)),
      });
      const packr = new host.Packr({ useRecords: false });
      const value = [1, new Nested(OURS), "end"];
      const body = packr.pack(value);
      assertEquals(toHex(packr.pack(value)), toHex(body));
      assertEquals(packr.unpack(body), value);
    },
  );
}

Deno.test(
  "a host can decode with the codec while the codec decodes",
  PURE,
  () => {
    // A body that is too long for the reader of small ones.
    const body = codec.encode(["before", new Date(5), "after ".repeat(100)]);
    class Stamp {}
    bundle.addExtension({
      Class: Stamp,
      type: 0xff,
      pack: () => Uint8Array.of(0),
      unpack: () => codec.decode(codec.encode("x".repeat(600))),
    });
    for (let round = 0; round < 3; round++) {
      assertEquals(codec.decode(body), [
        "before",
        "x".repeat(600),
        "after ".repeat(100),
      ]);
    }
  },
);
