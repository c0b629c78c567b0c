/**
 * Extensions for `Map` and `Set`.
 *
 * @module
 */
import { type CodecExtension, ValueExtension } from "./extension.ts";
import { checkHashes } from "./key_hashes.ts";

/** Bytes of a collection without entries. */
const EMPTY = 72;
/** Bytes of room for an entry, with half a bucket. */
const MAP_ENTRY = 28, SET_ENTRY = 20;
/** Entries that an empty collection has room for. */
const LEAST = 4;

const { forEach: forEachEntry } = Map.prototype;
const { forEach: forEachItem } = Set.prototype;

/**
 * Extension for `Map`, named `map`. The keys and values may be anything that the
 * codec or its extensions carry.
 *
 * The payload is an array of keys and values in turn, in the order of the map.
 * `decode()` rejects a key that occurs twice, and numbers, bigints and digits as
 * keys that were chosen so that a `Map` with them is slow.
 *
 * @category Values
 */
export const maps: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "map",
  prototypes: [/* @__PURE__ */ prototypeOf(Map)],
  encode(value) {
    const payload: unknown[] = [];
    // Fails if the value only inherits from `Map.prototype`.
    forEachEntry.call(
      value as Map<unknown, unknown>,
      (item, key) => payload.push(key, item),
    );
    return payload;
  },
  decode(payload) {
    const items = arrayOf(payload);
    if (items.length % 2 !== 0) {
      throw new TypeError("the payload has an odd length");
    }
    checkHashes(items, 2);
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < items.length; index += 2) {
      map.set(items[index], items[index + 1]);
    }
    requireUnique(map.size, items.length / 2);
    return map;
  },
  held: (payload) => EMPTY + MAP_ENTRY * capacityFor(lengthOf(payload) / 2),
});

/**
 * Extension for `Set`, named `set`. The items may be anything that the codec or
 * its extensions carry.
 *
 * The payload is an array of the items in their order. `decode()` rejects the same
 * payloads as for {@linkcode maps}.
 *
 * @category Values
 */
export const sets: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "set",
  prototypes: [/* @__PURE__ */ prototypeOf(Set)],
  encode(value) {
    const payload: unknown[] = [];
    forEachItem.call(value as Set<unknown>, (item) => payload.push(item));
    return payload;
  },
  decode(payload) {
    const items = arrayOf(payload);
    checkHashes(items, 1);
    const set = new Set<unknown>();
    for (const item of items) set.add(item);
    requireUnique(set.size, items.length);
    return set;
  },
  held: (payload) => EMPTY + SET_ENTRY * capacityFor(lengthOf(payload)),
});

function prototypeOf(type: { readonly prototype: object }): object {
  return type.prototype;
}

function arrayOf(payload: unknown): readonly unknown[] {
  if (Array.isArray(payload)) return payload;
  throw new TypeError("the payload is not an array");
}

function lengthOf(payload: unknown): number {
  return Array.isArray(payload) ? payload.length : 0;
}

function requireUnique(size: number, count: number): void {
  if (size === count) return;
  throw new TypeError(`${count - size} of ${count} keys occur twice`);
}

/** Returns the number of entries that V8 makes room for: a power of two. */
function capacityFor(count: number): number {
  return Math.max(LEAST, 2 ** Math.ceil(Math.log2(count)));
}
