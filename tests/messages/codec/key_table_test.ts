import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import { KeyTable } from "../../../lib/messages/codec/key_table.ts";
import { KeyModel } from "./key_model.ts";

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
  depths: readonly number[] = [],
): void {
  table.begin(utf8.encode(objects.flat().join("")));
  let at = 0;
  for (const [index, keys] of objects.entries()) {
    const known = table.steps;
    let step = depths[index] ?? 1;
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
  // The last known step begins another sequence.
  assertEquals(
    tableOf(["a", "b"], ["a", "b", "c"]).keys,
    3 + 2 * SLOW_OBJECT,
  );
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
  fill(table, [["a", "b"]], [3]);
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
  // The last 1,000 are not in the table.
  const again = objects.slice(-1000);
  assertEquals(tableOf(...objects, ...again).keys, 71_000 * (1 + SLOW_OBJECT));
});

Deno.test("search() counts sequences for which it has no room", PURE, () => {
  const rest = Array.from({ length: 127 }, (_, index) => `x${index}`);
  const objects = Array.from(
    { length: 600 },
    (_, index) => [`k${index}`, ...rest],
  );
  const { keys } = tableOf(...objects);
  assertEquals(tableOf(...objects, objects[0]!).keys, keys);
  assertEquals(
    tableOf(...objects, objects[599]!).keys,
    keys + SLOW_OBJECT + NEW_ORDER,
  );
});

Deno.test("guess() finds the step that followed last", PURE, () => {
  const table = new KeyTable(8, 17, SLOW_OBJECT);
  const keys = Array.from({ length: 300 }, (_, index) => `k${index + 100}`);
  table.begin(utf8.encode(`${keys.join("")}k399k398a`));
  let last = 0;
  for (let at = 0; at < 1200; at += 4) {
    assertEquals(table.guess(1, at, 4), 0);
    last = table.search(1, table.steps, at, at + 4);
    assertEquals(table.guess(1, at, 4), last);
  }
  assertEquals(table.guess(1, 1200, 4), last);
  assertEquals(table.guess(1, 1204, 4), 0); // another key of this length
  assertEquals(table.guess(1, 1208, 1), 0);
  assertEquals(table.guess(last, 1200, 4), 0);
});

Deno.test(
  "search() counts as its rules say, in one body after another",
  PURE,
  () => {
    const table = new KeyTable(8, 17, SLOW_OBJECT);
    const random = seededRandom(9);
    const below = (count: number) => Math.floor(random() * count);
    for (let round = 0; round < 12; round++) {
      const variety = [3, 30, 3000][round % 3]!;
      const lengths = [3, 20, 140][below(3)]!;
      const objects: string[][] = [];
      for (let count = below(200); count > 0; count--) {
        const before = objects[below(objects.length)] ?? [];
        const begin = before.slice(0, below(before.length + 1));
        const more = Array.from(
          { length: below(lengths) },
          () => `${"k".repeat(below(20))}${below(variety)}`,
        );
        objects.push([...begin, ...more].slice(0, 160));
      }
      const model = new KeyModel(8, 17, SLOW_OBJECT);
      const depths = objects.map(() => 1 + below(8));
      for (const [index, keys] of objects.entries()) {
        model.add(keys, depths[index]!);
      }
      fill(table, objects, depths);
      assertEquals(
        [table.keys, table.held, table.steps],
        [model.keys, model.held, model.steps],
        `round ${round}`,
      );
    }
  },
);

Deno.test(
  "search() counts more followers of a step than are kept",
  PURE,
  () => {
    const objects = Array.from(
      { length: 1100 },
      (_, index) => ["a", `k${index}`, "x", "y"],
    );
    const model = new KeyModel(8, 17, SLOW_OBJECT);
    for (const keys of objects) model.add(keys, 1);
    const { keys, held } = tableOf(...objects);
    assertEquals([keys, held], [model.keys, model.held]);
  },
);

Deno.test("begin() makes room for the keys of the next body", PURE, () => {
  const table = new KeyTable(8, 17, SLOW_OBJECT);
  for (let round = 0; round < 70; round++) {
    // A table has room for 65,535 keys.
    fill(table, Array.from({ length: 1000 }, (_, i) => [`k${round}-${i}`]));
  }
  fill(table, [["a"], ["a"]]);
  assertEquals(table.keys, 1 + SLOW_OBJECT);
});
