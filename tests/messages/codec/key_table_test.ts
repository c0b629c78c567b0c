import { assert, assertEquals } from "@std/assert";
import { KeyTable } from "../../../lib/messages/codec/key_table.ts";

const PURE = { permissions: "none" } as const;
const SLOW_OBJECT = 5;
const NEW_ORDER = 2;
const utf8 = new TextEncoder();

/** Adds objects, given by their keys; returns the table. */
function tableOf(...objects: readonly (readonly string[])[]): KeyTable {
  const table = new KeyTable(8, 17, SLOW_OBJECT);
  fill(table, objects);
  return table;
}

function fill(
  table: KeyTable,
  objects: readonly (readonly string[])[],
  depth = 1,
): void {
  table.begin(utf8.encode(objects.flat().join("")));
  let at = 0;
  for (const keys of objects) {
    const known = table.steps;
    let step = depth;
    for (const key of keys) {
      const { length } = utf8.encode(key);
      const guess = table.guess(step, at, length);
      step = guess === 0 ? table.search(step, known, at, at + length) : guess;
      at += length;
    }
  }
  table.end();
}

Deno.test("search() counts each key and each new sequence once", PURE, () => {
  assertEquals(tableOf([]).keys, 0);
  assertEquals(tableOf(["a", "bc", ""]).keys, 3 + SLOW_OBJECT);
  assertEquals(tableOf(["a", "b"], ["a", "b"]).keys, 2 + SLOW_OBJECT);
  assertEquals(
    tableOf(["a", "b"], ["b", "a"]).keys,
    2 + 2 * SLOW_OBJECT + 2 * NEW_ORDER,
  );
  assertEquals(
    tableOf(["a", "b"], ["a", "c"], ["a", "b", "d"], ["a", "c"]).keys,
    4 + 3 * SLOW_OBJECT,
  );
  assertEquals(tableOf(["ab", "c"], ["a", "bc"]).keys, 4 + 2 * SLOW_OBJECT);
});

Deno.test("search() charges new sequences only", PURE, () => {
  const once = tableOf(["a", "b"]).held;
  assert(once > 0);
  assertEquals(tableOf(["a", "b"], ["a", "b"], ["a"]).held, once);
  assert(tableOf(["a", "b"], ["b"]).held > once);
  assert(
    tableOf(["a", "b"], ["b", "a"]).held > tableOf(["a", "b"], ["b"]).held,
  );
});

Deno.test("begin() forgets the keys of the body before", PURE, () => {
  const table = tableOf(["a", "b"]);
  const { keys, held } = table;
  const many = Array.from({ length: 5000 }, (_, index) => [`k${index}`, "x"]);
  fill(table, many);
  // The order of "x" after each of the 1,024 keys that are kept is new.
  assertEquals(table.keys, 5001 + 5000 * SLOW_OBJECT + 1023 * NEW_ORDER);
  fill(table, [["a", "b"]], 3);
  assertEquals([table.keys, table.held], [keys, held]);
});

Deno.test("search() keeps its counts while its tables grow", PURE, () => {
  const objects = Array.from({ length: 900 }, (_, index) => [`k${index}`, "x"]);
  const { keys } = tableOf(...objects);
  assertEquals(keys, 901 + 900 * SLOW_OBJECT + 899 * NEW_ORDER);
  assertEquals(tableOf(...objects, ...objects).keys, keys);
});

Deno.test(
  "search() counts sequences that the engine does not keep",
  PURE,
  () => {
    const objects = Array.from({ length: 2000 }, (_, index) => [`k${index}`]);
    const twice = tableOf(...objects, ...objects);
    // From the 1,025th on, each object has a hash table of its own.
    assertEquals(
      twice.keys,
      2000 + 2000 * SLOW_OBJECT + 976 * (SLOW_OBJECT + NEW_ORDER),
    );
  },
);

Deno.test("search() counts keys for which it has no room", PURE, () => {
  const objects = Array.from({ length: 70_000 }, (_, index) => [`k${index}`]);
  assertEquals(tableOf(...objects).keys, 70_000 * (1 + SLOW_OBJECT));
});
