/**
 * The entry points export exactly the names in `exports/names.txt`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  COMMITTED,
  committedNames,
  entryPoints,
  listExports,
} from "./exports/list.ts";

/** Most names of each entry point: a wider one is harder to learn. */
const MOST_NAMES: Readonly<Record<string, number>> = {
  ".": 70,
  "./browser": 25,
  "./json": 1,
  "./msgpack": 2,
  "./extensions": 18,
  "./transport": 40,
  "./dns": 2,
  "./balance": 10,
  "./framing": 35,
  "./framing/presets": 20,
  "./introspection": 17,
  "./observe": 30,
  "./health": 12,
  "./operations": 18,
  "./bus": 15,
  "./nats": 19,
  "./forward": 11,
  "./http": 4,
  "./otel": 4,
  "./node": 1,
  "./testing": 16,
  "./types": 146,
  "./cli": 5,
};

/** Names that two entry points have for two things, one on each layer. */
const SAME_NAME: Readonly<Record<string, string[]>> = {
  connect: [".", "./transport"],
  ConnectOptions: [".", "./transport"],
};

Deno.test("the exported names are the committed ones", async () => {
  const names = await listExports();
  if (names === Deno.readTextFileSync(COMMITTED)) return;
  throw new Error(
    `The exported names have changed. If that is meant, accept it with\n\n` +
      `  deno task --quiet exports > ${COMMITTED}\n\nThe new list:\n\n${names}`,
  );
});

Deno.test("each entry point has no more names than it may", () => {
  for (const [entry, most] of Object.entries(MOST_NAMES)) {
    const count = committedNames(entry).length;
    assert(count > 0 && count <= most, `"${entry}": ${count} of ${most} names`);
  }
  assertEquals(
    Object.keys(MOST_NAMES),
    entryPoints().map(([entry]) => entry),
  );
});

/** Entries for small bundles, which have names of other entries. */
const SMALL = ["./browser", "./json", "./msgpack"];

Deno.test("entries for small bundles have the same things as the main entry", async () => {
  const main: Record<string, unknown> = await import("@lengthwise/lengthwise");
  for (const entry of SMALL) {
    const specifier = `@lengthwise/lengthwise${entry.slice(1)}`;
    const small: Record<string, unknown> = await import(specifier);
    const other = Object.keys(small).filter((name) =>
      name in main && small[name] !== main[name]
    );
    assertEquals(other, entry === "./browser" ? ["createClient"] : []);
  }
});

Deno.test("each name has one address", () => {
  const addresses = new Map<string, string[]>();
  for (const [entry] of entryPoints()) {
    if (SMALL.includes(entry)) continue;
    for (const [, name] of committedNames(entry)) {
      addresses.set(name, [...addresses.get(name) ?? [], entry]);
    }
  }
  const twice = [...addresses].filter(([, entries]) => entries.length > 1);
  assertEquals(Object.fromEntries(twice), SAME_NAME);
});
