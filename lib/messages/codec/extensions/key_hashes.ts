/**
 * Finds keys of maps and sets whose hashes collide.
 *
 * V8 hashes numbers, bigints, and strings that are array indices without a seed,
 * so a peer can choose keys with the same hash. A `Map` with n of them takes time
 * in proportion to n². The hashes of other strings have a seed, and those of
 * objects are random.
 *
 * Sources: `ComputeUnseededHash` and `ComputeLongHash` in V8's `src/utils/utils.h`,
 * `OrderedHashTable` in `src/objects/ordered-hash-table.h`.
 *
 * @module
 */
import { isIndex } from "../index_keys.ts";

/** Number of keys whose collisions cost little. */
const FEW = 64;
/** Number of keys for each bucket of V8's hash tables. */
const KEYS_PER_BUCKET = 2;
/** Comparisons for each key that cost little; two are usual. */
const FEW_COMPARISONS = 32;
/** The bits of a string's index that are its hash. */
const INDEX_BITS = 0xff_ffff;
const HASH_BITS = 0x3fff_ffff;
const LOW_64_BITS = 64;
const number = /* @__PURE__ */ new DataView(new ArrayBuffer(8));

/**
 * Checks the keys of a `Map` or `Set` before they are added.
 *
 * @param payload the keys, and other values between them
 * @param step distance of two keys in the payload
 * @throws {RangeError} if many keys have the same hashes
 */
export function checkHashes(payload: readonly unknown[], step: 1 | 2): void {
  if (payload.length <= FEW * step) return;
  const hashes: number[] = [];
  for (let index = 0; index < payload.length; index += step) {
    const hash = hashOf(payload[index]);
    if (hash !== undefined) hashes.push(hash);
  }
  if (hashes.length <= FEW) return;
  // A table grows with its keys, and has collisions of its own at each size.
  let buckets = FEW / KEYS_PER_BUCKET;
  for (;;) {
    checkBuckets(hashes, buckets);
    if (buckets * KEYS_PER_BUCKET >= hashes.length) return;
    buckets *= 2;
  }
}

/** Counts the comparisons that a table of one size makes. */
function checkBuckets(hashes: readonly number[], buckets: number): void {
  const count = Math.min(hashes.length, buckets * KEYS_PER_BUCKET);
  const chains = new Uint32Array(buckets);
  let comparisons = 0;
  for (let index = 0; index < count; index++) {
    comparisons += chains[hashes[index]! & buckets - 1]!++; // the index is below the length
  }
  if (comparisons <= FEW_COMPARISONS * count) return;
  throw new RangeError(
    `the hashes of ${count} keys collide, so that adding them would take too long`,
  );
}

/** Returns the hash of a key that V8 hashes without a seed. */
export function hashOf(key: unknown): number | undefined {
  switch (typeof key) {
    case "number":
      return key === (key | 0) ? intHash(key | 0) : doubleHash(key);
    case "bigint":
      return bigintHash(key);
    case "string":
      return isIndex(key) ? Number(key) & INDEX_BITS : undefined;
    default:
      return undefined;
  }
}

function intHash(key: number): number {
  let hash = ~key + (key << 15) | 0;
  hash ^= hash >>> 12;
  hash = hash + (hash << 2) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2057);
  hash ^= hash >>> 16;
  return hash & HASH_BITS;
}

function doubleHash(key: number): number {
  number.setFloat64(0, key);
  return longHash(number.getUint32(0), number.getUint32(4));
}

function bigintHash(key: bigint): number {
  const magnitude = key < 0n ? -key : key;
  number.setBigUint64(0, BigInt.asUintN(LOW_64_BITS, magnitude));
  return longHash(number.getUint32(0), number.getUint32(4));
}

/** Returns the hash of a 64-bit integer in two halves. */
function longHash(high: number, low: number): number {
  // hash = ~hash + (hash << 18)
  let sum = (~low >>> 0) + (low << 18 >>> 0);
  high = ~high + (high << 18 | low >>> 14) + carry(sum) >>> 0;
  low = sum >>> 0;
  // hash ^= hash >>> 31
  low = (low ^ (high << 1 | low >>> 31)) >>> 0;
  high = (high ^ high >>> 31) >>> 0;
  // hash *= 21
  sum = low * 21;
  high = Math.imul(high, 21) + Math.floor(sum / 2 ** 32) >>> 0;
  low = sum >>> 0;
  // hash ^= hash >>> 11
  low = (low ^ (high << 21 | low >>> 11)) >>> 0;
  high = (high ^ high >>> 11) >>> 0;
  // hash += hash << 6
  sum = low + (low << 6 >>> 0);
  high = high + (high << 6 | low >>> 26) + carry(sum) >>> 0;
  low = sum >>> 0;
  // hash ^= hash >>> 22
  return (low ^ (high << 10 | low >>> 22)) & HASH_BITS;
}

function carry(sum: number): number {
  return sum > 0xffff_ffff ? 1 : 0;
}
