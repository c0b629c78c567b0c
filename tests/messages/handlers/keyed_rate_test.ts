import { assert, assertEquals } from "@std/assert";
import {
  KeyedRate,
  MAX_KEYS,
} from "../../../lib/messages/handlers/keyed_rate.ts";

const PURE = { permissions: "none" } as const;

/** Returns how many of `times` calls of a key are accepted. */
function accepted(rates: KeyedRate, key: string, now: number, times: number) {
  let count = 0;
  for (let i = 0; i < times; i++) if (rates.take(key, now) === 0) count++;
  return count;
}

Deno.test(
  "KeyedRate.take() allows a burst, then the rate of each key",
  PURE,
  () => {
    const rates = new KeyedRate(10, 3);
    assertEquals(accepted(rates, "a", 1000, 9), 3);
    assertEquals(accepted(rates, "b", 1000, 9), 3);
    assertEquals(accepted(rates, "a", 1099, 9), 0);
    assertEquals(accepted(rates, "a", 1100, 9), 1);
    assertEquals(accepted(rates, "a", 9000, 9), 3);
  },
);

Deno.test(
  "KeyedRate.take() returns the time until the key has a token",
  PURE,
  () => {
    const rates = new KeyedRate(4, 1);
    assertEquals(rates.take("a", 0), 0);
    assertEquals(rates.take("a", 0), 250);
    assertEquals(rates.take("a", 100), 150);
    assertEquals(rates.take("a", 250), 0);
  },
);

Deno.test("KeyedRate drops buckets that are full again", PURE, () => {
  const rates = new KeyedRate(10, 1);
  for (let i = 0; i < 20 * MAX_KEYS; i++) {
    assertEquals(rates.take(`key ${i}`, i), 0); // a new key each ms
  }
  assert(rates.size <= 150, `${rates.size}`); // those of the last 100 ms
});

Deno.test(
  "KeyedRate never keeps more than 10,000 buckets, and the rest share one",
  PURE,
  () => {
    const rates = new KeyedRate(1, 2);
    let passed = 0;
    for (let i = 0; i < 3 * MAX_KEYS; i++) {
      if (rates.take(`key ${i}`, 0) === 0) passed++;
    }
    assertEquals([rates.size, passed], [MAX_KEYS + 1, MAX_KEYS + 2]);
  },
);

Deno.test(
  "KeyedRate keeps the bucket of a busy key while others are invented",
  PURE,
  () => {
    const rates = new KeyedRate(1, 2);
    let passed = 0;
    for (let i = 0; i < 3 * MAX_KEYS; i++) {
      if (rates.take("busy", i / 100) === 0) passed++;
      rates.take(`key ${i}`, i / 100);
    }
    assertEquals(passed, 2); // in 300 ms
  },
);

Deno.test(
  "KeyedRate lets long keys share one bucket, and keeps none of them",
  PURE,
  () => {
    const rates = new KeyedRate(1, 2);
    const keys = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(257));
    const passed = keys.filter((key) => rates.take(key, 0) === 0);
    assertEquals([passed.length, rates.size], [2, 1]);
    assertEquals(rates.take("x".repeat(256), 0), 0);
    assertEquals(rates.size, 2);
  },
);

Deno.test(
  "KeyedRate keeps keys apart from the shared bucket",
  PURE,
  () => {
    const rates = new KeyedRate(1, 1);
    assertEquals(rates.take("x".repeat(300), 0), 0);
    for (const key of ["others", "Symbol(others)", ""]) {
      assertEquals(rates.take(key, 0), 0);
    }
  },
);
