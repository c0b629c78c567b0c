import { assertEquals, assertThrows } from "@std/assert";
import {
  checkHashes,
  hashOf,
} from "../../../../lib/messages/codec/extensions/key_hashes.ts";

const PURE = { permissions: "none" } as const;

function keys(
  count: number,
  make: (index: number) => unknown,
  isKey: (key: unknown) => boolean = () => true,
): unknown[] {
  const found: unknown[] = [];
  for (let index = 0; found.length < count; index++) {
    const key = make(index);
    if (isKey(key)) found.push(key);
  }
  return found;
}

Deno.test("checkHashes() accepts keys that programs use", PURE, () => {
  const makes: readonly ((index: number) => unknown)[] = [
    (index) => index,
    (index) => -index,
    (index) => index * 1000,
    (index) => index * 65_536,
    (index) => index / 10,
    (index) => 1.8e12 + index * 60_000,
    (index) => 2 ** 40 + index,
    (index) => BigInt(index),
    (index) => BigInt(index) << 22n,
    (index) => (1n << 80n) + BigInt(index),
    (index) => `${index}`,
    (index) => `${index * 1000}`,
    (index) => `${20_260_000 + index}`,
    (index) => `word${index}`,
    (index) => `${2 ** 40 + 4096 * index}`,
    () => ({}),
    (index) => [null, index, `${index}`, BigInt(index), index + 0.5][index % 5],
  ];
  for (const make of makes) {
    for (const count of [0, 65, 129, 1500]) {
      checkHashes(keys(count, make), 1);
    }
  }
});

Deno.test("checkHashes() rejects keys whose hashes collide", PURE, () => {
  const collide = (key: unknown) => (hashOf(key)! & 255) === 7;
  const makes: readonly ((index: number) => unknown)[] = [
    (index) => index,
    (index) => -index,
    (index) => index + 0.5,
    (index) => 2 ** 33 + index,
    (index) => BigInt(index),
    (index) => -BigInt(index),
    (index) => String(index),
  ];
  for (const make of makes) {
    const payload = keys(200, make, collide);
    assertThrows(() => checkHashes(payload, 1), RangeError, "128 keys collide");
    checkHashes(payload.slice(0, 64), 1);
    assertThrows(
      () => checkHashes(payload.flatMap((key) => [key, null]), 2),
      RangeError,
    );
    checkHashes(payload.flatMap((key) => [null, key]), 2);
  }
  // The high digits of a bigint do not count.
  const equal = keys(100, (index) => (BigInt(index) << 64n) + 5n);
  assertThrows(() => checkHashes(equal, 1), RangeError);
  // These collide only while the table is small.
  const early = keys(128, (index) => index, (key) => (hashOf(key)! & 63) === 7);
  const late = keys(8000, (index) => 1e6 + index);
  assertThrows(() => checkHashes([...early, ...late], 1), RangeError, "128");
});

Deno.test("hashOf() returns the hashes of V8", PURE, () => {
  // A `Map` with 4,096 keys that collide by these hashes took 40 to 140 ms in
  // Deno 2.9, and one with other keys less than 2 ms.
  assertEquals(
    [0, 1, -1, 0.5, 2 ** 31, NaN, 0n, 1n, -1n, 1n << 64n, "7", "16777217"]
      .map(hashOf),
    [
      ...[178506403, 316017654, 1029045272, 812997866, 914388901, 891552255],
      ...[720020139, 357654460, 357654460, 720020139, 7, 1],
    ],
  );
  for (const key of [null, undefined, true, {}, "x", "01", "4294967295"]) {
    assertEquals(hashOf(key), undefined);
  }
});
