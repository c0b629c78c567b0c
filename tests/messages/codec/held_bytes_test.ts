import { assert, assertEquals, assertThrows } from "@std/assert";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import {
  exactListBytes,
  tableBytes,
} from "../../../lib/messages/codec/held_bytes.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { PACKED, TEXTS } from "../../bench/codec_kinds.ts";

const PURE = { permissions: "none" } as const;
const MiB = 1024 * 1024;

function heldBy(codec: MessageCodec, body: Uint8Array): number {
  const budget = { held: -1 };
  codec.decode(body, budget);
  return budget.held;
}

function limitOf(act: () => unknown): string | undefined {
  const error = assertThrows(act, CodecError);
  assertEquals(error.code, "too-large");
  assert(error.found! > error.allowed!);
  return error.limit;
}

Deno.test(
  "exactListBytes() counts a table from nine times its capacity on",
  PURE,
  () => {
    for (
      const [count, capacity] of [[1, 4], [100, 256], [5_000, 8_192]] as const
    ) {
      const most = 9 * capacity - 1;
      assertEquals(exactListBytes(count, most - 1), 16 + 8 * most);
      assertEquals(exactListBytes(count, most), tableBytes(count));
    }
  },
);

Deno.test("decode() rejects bodies of nothing but costly values", PURE, () => {
  const refused = [
    "binary of 0",
    "binary of 1",
    "62 nested arrays",
    '62 nested {"999"}',
    '{"0"}',
  ];
  for (const kind of refused) {
    const body = PACKED[kind]!(50_000);
    assertEquals(limitOf(() => msgpack().decode(body)), "maxHeld", kind);
    // A few of them are accepted.
    msgpack().decode(PACKED[kind]!(50));
  }
  const body = TEXTS['{"34"}']!(50_000);
  assertEquals(limitOf(() => json().decode(body)), "maxHeld");
});

Deno.test("decode() rejects bodies with too many different keys", PURE, () => {
  for (const kind of ["a new key of 8 each", "one map, keys of 4"]) {
    const packed = PACKED[kind]!(50_000), text = TEXTS[kind]!(50_000);
    assertEquals(limitOf(() => msgpack().decode(packed)), "maxKeys", kind);
    assertEquals(limitOf(() => json().decode(text)), "maxKeys", kind);
    msgpack({ maxKeys: 100_000 }).decode(packed);
    json({ maxKeys: 100_000 }).decode(text);
  }
});

Deno.test("decode() accepts maps with ids and words as keys", PURE, () => {
  const ids = (length: number, id: (index: number) => string) =>
    Object.fromEntries(
      Array.from({ length }, (_, index) => [id(index), `value ${index}`]),
    );
  const values = [
    { 999: 1 },
    { 250: "a", 730: "b", 4_000_000_000: "c", name: "d" },
    { users: ids(20_000, (index) => String(index * 7)) },
    { orders: ids(20_000, (index) => String(index * 65_536)) },
    { words: ids(20_000, (index) => `word${index}`) },
    Array.from({ length: 1000 }, () => ({})),
    Array.from({ length: 1000 }, () => []),
    Array.from({ length: 1000 }, (_, index) => ({ [index]: `item ${index}` })),
  ];
  for (const value of values) {
    for (const codec of [msgpack(), json()]) {
      assertEquals(codec.decode(codec.encode(value)), value);
    }
  }
});

Deno.test("decode() limits the bytes held by one body", PURE, () => {
  const strings = Array.from({ length: 1000 }, () => "x".repeat(10_000));
  for (const make of [msgpack, json]) {
    const body = make().encode(strings);
    const held = heldBy(make(), body);
    assert(held > body.length && held < body.length * 1.1, `${held}`);
    const small = make({ maxHeld: 9 * MiB });
    assertEquals(limitOf(() => small.decode(body)), "maxHeld");
    assertEquals(limitOf(() => small.encode(strings)), "maxHeld");
    make({ maxHeld: held }).decode(body);
    assertEquals(
      limitOf(() => make({ maxHeld: held - 1 }).decode(body)),
      "maxHeld",
    );
  }
});

Deno.test("encode() rejects the values that decode() rejects", PURE, () => {
  const values = [
    Array.from({ length: 5000 }, () => new Uint8Array(0)),
    Array.from({ length: 5000 }, () => [[[[[[[[0]]]]]]]]),
    Array.from({ length: 5000 }, () => ({ 0: null })),
  ];
  for (const value of values) {
    assertEquals(limitOf(() => msgpack().encode(value)), "maxHeld");
    assertEquals(
      limitOf(() => msgpack().encodeInto(value, new Uint8Array(100_000), 7)),
      "maxHeld",
    );
  }
  const value = Array.from({ length: 5000 }, () => ({ 34: 1 }));
  assertEquals(limitOf(() => json().encode(value)), "maxHeld");
});

Deno.test("decode() applies a smaller budget and reports its use", PURE, () => {
  const value = { list: Array.from({ length: 100 }, (_, index) => [index]) };
  for (const codec of [msgpack(), json()]) {
    const body = codec.encode(value);
    const held = heldBy(codec, body);
    // Each of the 100 arrays holds 64 bytes.
    assert(held >= 6400 && held < 10_500, `${codec.name}: ${held}`);
    codec.decode(body, { maxHeld: held, held: 0 });
    const budget = { maxHeld: held - 1, held: 0 };
    assertEquals(limitOf(() => codec.decode(body, budget)), "maxHeld");
  }
  const body = new Uint8Array(1000);
  assert(heldBy(bytes(), body) >= 1000);
  const error = assertThrows(
    () => bytes().decode(body, { maxHeld: 999, held: 0 }),
    CodecError,
  );
  assertEquals(error.limit, "maxHeld");
});

Deno.test("decode() charges the whole body for borrowed data", PURE, () => {
  const body = msgpack().encode([new Uint8Array(1), "x".repeat(100_000)]);
  const copied = heldBy(msgpack(), body);
  const borrowed = heldBy(msgpack({ binary: "borrow" }), body);
  assertEquals(borrowed - copied, body.length);
});

Deno.test("decoded values hold no more than is charged", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-prompt",
      "--v8-flags=--expose-gc",
      new URL("../../bench/codec_heap.ts", import.meta.url).pathname,
      "100000",
      "1",
      "plain",
    ],
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stdout) + text.decode(stderr));
});
