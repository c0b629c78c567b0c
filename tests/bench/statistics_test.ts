import { assertEquals, assertThrows } from "@std/assert";
import {
  median,
  quantile,
  ratios,
  short,
  targetText,
  verdict,
} from "./statistics.ts";

const permissions = "none";

Deno.test("median() returns the middle of values", { permissions }, () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([]), NaN);
});

Deno.test("quantile() returns the value above a part of them", {
  permissions,
}, () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at);
  assertEquals(quantile(values, 0.99), 100);
  assertEquals(quantile(values, 0.5), 51);
  assertEquals(quantile([7], 1), 7);
});

Deno.test("ratios() pairs values of the same round", { permissions }, () => {
  assertEquals(ratios([2, 9], [1, 3]), [2, 3]);
  assertThrows(() => ratios([1], []), Error, "paired");
});

Deno.test("verdict() says by how much a target is missed", {
  permissions,
}, () => {
  assertEquals(verdict(1, undefined), "no target");
  assertEquals(verdict(2.2, { least: 2.2 }), "met");
  assertEquals(verdict(1.1, { least: 2.2 }), "missed by 50 %");
  assertEquals(verdict(3, { most: 3 }), "met");
  assertEquals(verdict(9, { most: 3 }), "missed by 200 %");
  assertThrows(() => verdict(NaN, { most: 3 }), Error, "not a result");
});

Deno.test("targetText() and short() format numbers", { permissions }, () => {
  assertEquals(targetText({ least: 2.2 }), "≥ 2.2");
  assertEquals(targetText({ most: 3 }), "≤ 3");
  assertEquals(targetText(undefined), "");
  assertEquals([123_456, 123.4, 12.34, 1.234, 0.1234].map(short), [
    "123,456",
    "123",
    "12.3",
    "1.23",
    "0.123",
  ]);
  assertEquals(short(0), "0");
});
