/**
 * Finds new keys, and objects whose keys have a new order.
 *
 * V8 interns every key, and keeps a hidden class for each sequence of keys.
 * Objects with the same keys in the same order share it. A hidden class is a chain
 * of steps, one for each key.
 *
 * @module
 */
import { newKeyBytes, STRING } from "./held_bytes.ts";

/** Number of keys that a key in a new order counts as. */
const NEW_ORDER = 2;
/** The step of a key of which no record is kept. */
const UNKNOWN = 0;
/** Initial number of slots of a hash table; a power of two. */
const FEW_SLOTS = 256;
/** Maximum number of slots. A table grows when a quarter of them is used. */
const MAX_SLOTS = 1 << 18;
const SLOTS_PER_ENTRY = 4;
const FEW_ENTRIES = FEW_SLOTS / SLOTS_PER_ENTRY;
/**
 * Number of slots that a search tries. Only keys that were chosen to collide
 * need more; they count as new each time, and the search stays short.
 */
const PROBES = 32;
/** Number of steps after another one that are kept; V8 keeps 1,536. */
const MOST_FOLLOWING = 1024;
/** Number of an object's first keys whose order matters. */
const LONGEST_SEQUENCE = 128;
/** Time of interning a key of this length or less: 1. */
const SHORT_KEY = 12;
/** The time for a longer key. */
const LONG = 1.5;
/** The time for an array index in a hash table. */
const INDEX_KEY = 0.75;
/** Least index that is expected in a hash table. */
const LARGE_INDEX = 1 << 16;
const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/** Returns the time for an array index, as {@linkcode KeyTable.interning} has it. */
export function indexKeyTime(index: number): number {
  return index < LARGE_INDEX ? 0 : INDEX_KEY;
}

/** Table of the keys and hidden classes of a body. */
export class KeyTable {
  /** Bytes that the engine holds for new hidden classes. */
  held = 0;
  /** Number of different keys. An object with a new hidden class adds to it. */
  keys = 0;
  /** Time for interning the different keys; 1 for each short one. */
  interning = 0;
  /**
   * The last known step. Steps up to the maximum depth are beginnings: the step
   * before the first key of an object is the object's depth.
   */
  steps: number;

  readonly #maxDepth: number;
  readonly #fastKeys: number;
  readonly #slowObject: number;
  #bytes = EMPTY;
  #keyCount = 0;
  /** Numbers of keys by hash; 0 is a free slot. */
  #keySlots = new Int32Array(FEW_SLOTS);
  #keyStart = new Int32Array(FEW_ENTRIES);
  #keyEnd = new Int32Array(FEW_ENTRIES);
  /** Steps by hash; 0 is a free slot. */
  #stepSlots = new Int32Array(0);
  #stepBefore = new Int32Array(0);
  #stepKey = new Int32Array(0);
  #stepStart = new Int32Array(0);
  #stepLength = new Int32Array(0);
  #stepPosition = new Int32Array(0);
  /** For each step, the number of steps that follow it. */
  #followers = new Int32Array(0);
  /** For each step, the one that followed it last. */
  #following = new Int32Array(0);

  /**
   * @param maxDepth maximum nesting of objects
   * @param fastKeys number of an object's first keys that have a hidden class
   * @param slowObject number of keys that take as long as an object with a new
   * hidden class
   */
  constructor(maxDepth: number, fastKeys: number, slowObject: number) {
    this.#maxDepth = maxDepth;
    this.#fastKeys = fastKeys;
    this.#slowObject = slowObject;
    this.steps = maxDepth;
    this.#setStepSlots(FEW_SLOTS);
  }

  /** Begins a body. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.held = 0;
    this.keys = this.interning = 0;
    if (this.#keyCount === 0) return;
    this.#keyCount = 0;
    this.steps = this.#maxDepth;
    this.#followers[0] = 0;
    this.#following.fill(0, 0, this.#maxDepth + 1);
    if (this.#keySlots.length > FEW_SLOTS) this.#setKeySlots(FEW_SLOTS);
    else this.#keySlots.fill(0);
    if (this.#stepSlots.length > FEW_SLOTS) this.#setStepSlots(FEW_SLOTS);
    else this.#stepSlots.fill(0);
  }

  /** Releases the body. */
  end(): void {
    this.#bytes = EMPTY;
  }

  /**
   * Returns the step that probably follows, if its key matches.
   *
   * Most objects have the keys of the previous object at their depth.
   *
   * @returns the step, or 0 if {@linkcode search} must find it
   */
  guess(step: number, start: number, length: number): number {
    const next = this.#following[step]!;
    if (this.#stepLength[next] !== length) return 0;
    const bytes = this.#bytes;
    const from = this.#stepStart[next]!;
    for (let index = 0; index < length; index++) {
      if (bytes[start + index] !== bytes[from + index]) return 0;
    }
    return next;
  }

  /**
   * Returns the step that a key makes; adds it if necessary.
   *
   * @param step the step of the object's previous key, or the object's depth
   * @param known the last step that was known before the object
   */
  search(step: number, known: number, start: number, end: number): number {
    const { keys } = this;
    const key = this.#findKey(start, end);
    if (step === UNKNOWN) {
      this.held += newKeyBytes(1, false);
      return UNKNOWN;
    }
    const position = step <= this.#maxDepth ? 0 : this.#stepPosition[step]!;
    if (position === LONGEST_SEQUENCE) return step;
    const { steps } = this;
    const next = this.#findStep(step, key, position);
    if (next === UNKNOWN || this.steps !== steps) {
      this.#charge(step <= known, this.keys !== keys, position);
    }
    this.#following[step] = next;
    return next;
  }

  #isKey(key: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    let at = this.#keyStart[key]!;
    if (this.#keyEnd[key]! - at !== end - start) return false;
    for (let index = start; index < end; index++) {
      if (bytes[index] !== bytes[at++]) return false;
    }
    return true;
  }

  /** Returns the number of a key; 0 if it is new and there is no room. */
  #findKey(start: number, end: number): number {
    const slots = this.#keySlots;
    let slot = this.#hashKey(start, end) & (slots.length - 1);
    for (let probe = 0; probe < PROBES; probe++) {
      const key = slots[slot]!;
      if (key === 0) break;
      if (this.#isKey(key, start, end)) return key;
      slot = (slot + 1) & (slots.length - 1);
    }
    const isFull = this.#keyCount + 1 === this.#keyStart.length;
    if (isFull && slots.length < MAX_SLOTS) {
      this.#setKeySlots(slots.length * 4);
      return this.#findKey(start, end);
    }
    this.keys++;
    this.interning += end - start > SHORT_KEY ? LONG : 1;
    this.held += STRING + end - start & -8;
    if (isFull || slots[slot] !== 0) return 0;
    const key = ++this.#keyCount;
    slots[slot] = key;
    this.#keyStart[key] = start;
    this.#keyEnd[key] = end;
    return key;
  }

  #findStep(step: number, key: number, position: number): number {
    const before = step <= this.#maxDepth ? 0 : step;
    const slots = this.#stepSlots;
    let slot = hashStep(before, key) & (slots.length - 1);
    for (let probe = 0; probe < PROBES && key !== 0; probe++) {
      const found = slots[slot]!;
      if (found === 0) break;
      if (this.#stepBefore[found] === before && this.#stepKey[found] === key) {
        return found;
      }
      slot = (slot + 1) & (slots.length - 1);
    }
    const isFull = this.steps + 1 === this.#stepKey.length;
    if (isFull && slots.length < MAX_SLOTS) {
      this.#setStepSlots(slots.length * 4);
      return this.#findStep(step, key, position);
    }
    if (isFull || key === 0 || slots[slot] !== 0) return UNKNOWN;
    if (this.#followers[before]! >= MOST_FOLLOWING) return UNKNOWN;
    this.#followers[before]!++;
    const next = ++this.steps;
    slots[slot] = next;
    this.#stepBefore[next] = before;
    this.#stepKey[next] = key;
    this.#stepStart[next] = this.#keyStart[key]!;
    this.#stepLength[next] = this.#keyEnd[key]! - this.#keyStart[key]!;
    this.#stepPosition[next] = position + 1;
    this.#followers[next] = 0;
    this.#following[next] = 0;
    return next;
  }

  /**
   * Charges a new step.
   *
   * @param isFirst whether the object's earlier steps were known before it
   */
  #charge(isFirst: boolean, isNewKey: boolean, position: number): void {
    if (isFirst) this.keys += this.#slowObject;
    if (!isNewKey) this.keys += NEW_ORDER;
    if (position < this.#fastKeys) {
      this.held += newKeyBytes(position, isFirst);
    }
  }

  #hashKey(start: number, end: number): number {
    const bytes = this.#bytes;
    let hash = end - start;
    for (let at = start; at < end; at++) {
      hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    }
    return hash ^ hash >>> 15;
  }

  #setKeySlots(size: number): void {
    const slots = this.#keySlots = new Int32Array(size);
    this.#keyStart = resized(this.#keyStart, size / SLOTS_PER_ENTRY);
    this.#keyEnd = resized(this.#keyEnd, size / SLOTS_PER_ENTRY);
    for (let key = 1; key <= this.#keyCount; key++) {
      const hash = this.#hashKey(this.#keyStart[key]!, this.#keyEnd[key]!);
      slots[freeSlot(slots, hash)] = key;
    }
  }

  #setStepSlots(size: number): void {
    const slots = this.#stepSlots = new Int32Array(size);
    const entries = size / SLOTS_PER_ENTRY + this.#maxDepth + 1;
    this.#stepBefore = resized(this.#stepBefore, entries);
    this.#stepKey = resized(this.#stepKey, entries);
    this.#stepStart = resized(this.#stepStart, entries);
    this.#stepLength = resized(this.#stepLength, entries);
    this.#stepPosition = resized(this.#stepPosition, entries);
    this.#followers = resized(this.#followers, entries);
    this.#following = resized(this.#following, entries);
    this.#stepLength[UNKNOWN] = -1; // no key
    for (let step = this.#maxDepth + 1; step <= this.steps; step++) {
      const hash = hashStep(this.#stepBefore[step]!, this.#stepKey[step]!);
      slots[freeSlot(slots, hash)] = step;
    }
  }
}

function hashStep(before: number, key: number): number {
  const hash = Math.imul(before ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
  return hash ^ hash >>> 15;
}

function freeSlot(slots: Int32Array, hash: number): number {
  let slot = hash & (slots.length - 1);
  while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
  return slot;
}

function resized(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(array.subarray(0, length));
  return copy;
}
