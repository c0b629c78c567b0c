/**
 * The rules of a key table, without hashes and without places in the body.
 *
 * @module
 */
import { newKeyBytes, STRING } from "../../../lib/messages/codec/held_bytes.ts";

/** Number of keys that a key in a new order counts as. */
const NEW_ORDER = 2;
const utf8 = new TextEncoder();

/** A model of `KeyTable`. */
export class KeyModel {
  held = 0;
  keys = 0;
  /** Time for the different keys and large indices, as in README.md. */
  interning = 0;
  /** Numbers of the beginnings and of the known steps. */
  steps: number;
  readonly #maxDepth: number;
  readonly #fastKeys: number;
  readonly #slowObject: number;
  readonly #readsIntegers: boolean;
  readonly #keys = new Set<string>();
  readonly #next = new Map<string, number>();
  readonly #position = new Map<number, number>();
  readonly #followers = new Map<number, number>();

  constructor(
    maxDepth: number,
    fastKeys: number,
    slowObject: number,
    readsIntegers = false,
  ) {
    this.#readsIntegers = readsIntegers;
    this.steps = this.#maxDepth = maxDepth;
    this.#fastKeys = fastKeys;
    this.#slowObject = slowObject;
  }

  /** Adds an array index. */
  addIndex(index: number): void {
    if (index >= 65_536) this.interning += 0.75;
  }

  /** Adds an object. */
  add(keys: readonly string[], depth: number): void {
    const known = this.steps;
    let step = depth;
    for (const key of keys) step = this.step(step, known, key);
  }

  /**
   * Adds a key of an object; returns its step.
   *
   * @param step the step of the previous key, or the object's depth
   * @param known the number of steps before the object
   */
  step(step: number, known: number, key: string): number {
    const isNew = !this.#keys.has(key);
    if (isNew) {
      this.#keys.add(key);
      this.keys++;
      const isInteger = /^[1-9].{9,15}$/.test(key) && this.#readsIntegers;
      this.interning += isInteger ? 2 : utf8.encode(key).length > 12 ? 1.5 : 1;
      this.held += STRING + utf8.encode(key).length & -8;
    }
    if (step === 0) {
      this.held += newKeyBytes(1, false);
      return 0;
    }
    const position = this.#position.get(step) ?? 0;
    if (position === 128) return step;
    const before = step <= this.#maxDepth ? 0 : step;
    const found = this.#next.get(`${before} ${key}`);
    if (found !== undefined) return found;
    if (step <= known) this.keys += this.#slowObject;
    if (!isNew) this.keys += NEW_ORDER;
    if (position < this.#fastKeys) {
      this.held += newKeyBytes(position, step <= known);
    }
    const followers = this.#followers.get(before) ?? 0;
    if (followers === 1024) return 0;
    this.#followers.set(before, followers + 1);
    this.#next.set(`${before} ${key}`, ++this.steps);
    this.#position.set(this.steps, position + 1);
    return this.steps;
  }
}
