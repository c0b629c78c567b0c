/**
 * Remembers the orders in which objects have their keys.
 *
 * Most objects have the same keys as an earlier one, in the same order. A reader
 * that knows the order compares the bytes of each key with the expected ones,
 * and copies a prepared object at the end. Decoding each key and adding it to an
 * object takes about twice as long.
 *
 * @module
 */

/** Maximum number of remembered keys. If there are more, all are forgotten. */
const MOST_KEYS = 1024;
/** Maximum size in bytes of a remembered key, with its header. */
const LONGEST_KEY = 64;
/** Binary logarithm of the number of lists of first keys. */
const FIRST_BITS = 8;
/** Maximum number of keys that are remembered after the same keys. */
const MOST_FOLLOWING = 8;
/** Number of notes about keys that were met once; a power of two. */
const NOTES = 1024;

/** A key in an object, after certain other keys. */
export class OrderedKey {
  /** The key with its header, as in a body. */
  readonly token: Uint8Array;
  /** Heap bytes that the key may hold. */
  readonly held: number;
  /** The keys before it, and the key. */
  readonly keys: readonly string[];
  /** A hash of the keys. */
  readonly hash: number;
  /** The keys that followed it in earlier objects. */
  readonly following: OrderedKey[] = [];
  #model: Record<string, unknown> | undefined;

  constructor(
    token: Uint8Array,
    held: number,
    keys: readonly string[],
    hash: number,
  ) {
    this.token = token;
    this.held = held;
    this.keys = keys;
    this.hash = hash;
  }

  /** Returns a new object with these keys. Their values must be set. */
  create(): Record<string, unknown> {
    return { ...(this.#model ??= modelOf(this.keys)) };
  }
}

/** Memory of limited size for the orders of keys. */
export class KeyOrders {
  readonly #first: OrderedKey[][] = Array.from(
    { length: 1 << FIRST_BITS },
    () => [],
  );
  readonly #notes = new Int32Array(NOTES);
  #count = 0;

  /**
   * Finds the key at an offset.
   *
   * @param before the key before it, or undefined for an object's first key
   * @returns the key, or undefined if it is not remembered after `before`
   */
  find(
    before: OrderedKey | undefined,
    bytes: Uint8Array,
    start: number,
  ): OrderedKey | undefined {
    const list = before === undefined
      ? this.#first[listOf(bytes, start)]!
      : before.following;
    for (let index = 0; index < list.length; index++) {
      const key = list[index]!;
      const { token } = key;
      let at = 0;
      while (at < token.length && bytes[start + at] === token[at]) at++;
      if (at === token.length) return key;
    }
    return undefined;
  }

  /**
   * Remembers a key, if it was met before in the same order.
   *
   * Keys that occur once, such as ids, are not remembered, and long keys neither:
   * no session is charged for this memory, so it must be small.
   *
   * @param before the key before it, or undefined for an object's first key
   * @param key the text of the key
   * @param held heap bytes that the key may hold
   */
  learn(
    before: OrderedKey | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    key: string,
    held: number,
  ): void {
    if (end - start > LONGEST_KEY) return;
    const hash = hashOf(before?.hash ?? 0, bytes, start, end);
    const note = hash & NOTES - 1;
    if (this.#notes[note] !== hash) {
      this.#notes[note] = hash;
      return;
    }
    const list = before?.following ?? this.#first[listOf(bytes, start)]!;
    if (list.length === MOST_FOLLOWING) return;
    if (this.#count === MOST_KEYS) return this.#forget();
    this.#count++;
    const keys = before === undefined ? [] : before.keys.slice();
    keys.push(interned(key));
    list.push(new OrderedKey(bytes.slice(start, end), held, keys, hash));
  }

  #forget(): void {
    for (const list of this.#first) list.length = 0;
    this.#count = 0;
  }
}

/** Returns the list of a first key, by its first bytes. */
function listOf(bytes: Uint8Array, start: number): number {
  const text = Math.imul(
    bytes[start]! << 16 | bytes[start + 1]! << 8 | bytes[start + 2]!,
    0x9e3779b1,
  );
  return text >>> 32 - FIRST_BITS;
}

/** Computes FNV-1a with 32 bits over a key's bytes, after other keys. */
function hashOf(
  before: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let hash = before ^ 0x811c9dc5;
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  }
  return hash ^ hash >>> 15;
}

/** Returns the engine's own copy of a key; it is faster. */
function interned(key: string): string {
  for (const own in { [key]: 0 }) return own;
  return key;
}

/**
 * Makes an object to be copied. Numbers and objects are stored in turn in each
 * property, so that V8 keeps one hidden class for values of any type.
 */
function modelOf(keys: readonly string[]): Record<string, unknown> {
  const model: Record<string, unknown> = {};
  for (const key of keys) model[key] = 0;
  for (const key of keys) model[key] = null;
  return model;
}
