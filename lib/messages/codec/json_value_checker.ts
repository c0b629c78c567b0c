/**
 * Checks a value before it is written as JSON. A value that JSON would silently
 * change is rejected with an error that names the value and its path.
 *
 * @module
 */
import {
  describeKind,
  describePrimitive,
  type Hints,
} from "./describe_value.ts";
import {
  hiddenKey,
  over,
  refuse,
  toCodecError,
  type ValueRefusal,
  within,
} from "./refusal.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

const BIGINT = "send a string, or use msgpack()";
const BASE64 = "send its bytes as a base64 string";
const STRINGS = "send an array of strings";

/** Suggested replacements for values that JSON cannot represent. */
const JSON_HINTS: Hints = {
  number: "send null or a string",
  undefined: "omit the key, or send null",
  bigint: BIGINT,
  BigInt: BIGINT,
  Date: "send date.toISOString(), or use msgpack()",
  Uint8Array: "send bytes.toBase64(), or use msgpack()",
  ArrayBuffer: BASE64,
  SharedArrayBuffer: BASE64,
  DataView: BASE64,
  Blob: BASE64,
  File: BASE64,
  BigInt64Array: STRINGS,
  BigUint64Array: STRINGS,
  bytes: "send its bytes as a base64 string, or a plain array",
};

const getPrototypeOf = Object.getPrototypeOf;
const getOwnPropertyNames = Object.getOwnPropertyNames;
const getOwnPropertySymbols = Object.getOwnPropertySymbols;
const objectPrototype: unknown = Object.prototype;
const arrayPrototype: unknown = Array.prototype;

/** Number of things that a value contains. */
export interface ValueSize {
  /** Number of values and keys. */
  readonly nodes: number;
  /** Number of keys, plus 1 for each object or array. */
  readonly keys: number;
  /** Number of characters in strings and keys. */
  readonly text: number;
}

/** Checker of values that are to be written as JSON. */
export class JsonValueChecker {
  readonly #limits: ResolvedCodecLimits;
  #nodes = 0;
  #text = 0;
  #keys = 0;
  #busy = false;

  /** @param limits the limits of a message */
  constructor(limits: ResolvedCodecLimits) {
    this.#limits = limits;
  }

  /**
   * Checks one value.
   *
   * @returns what the value contains
   * @throws {CodecError} if the value would not arrive unchanged
   */
  check(value: unknown): ValueSize {
    // A getter of the value may encode another value during the walk.
    if (this.#busy) return new JsonValueChecker(this.#limits).check(value);
    this.#busy = true;
    this.#nodes = 1;
    this.#text = 0;
    this.#keys = 0;
    try {
      const refusal = this.#value(value, 0);
      if (refusal === undefined) {
        return { nodes: this.#nodes, keys: this.#keys, text: this.#text };
      }
      throw toCodecError(refusal, "json", this.#limits, value);
    } finally {
      this.#busy = false;
    }
  }

  #value(value: unknown, depth: number): ValueRefusal | undefined {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return Number.isFinite(value)
          ? undefined
          : refuse(describePrimitive(value, JSON_HINTS));
      case "boolean":
        return undefined;
      case "object":
        return value === null ? undefined : this.#object(value, depth + 1);
      default:
        return refuse(describePrimitive(value, JSON_HINTS));
    }
  }

  #string(text: string): ValueRefusal | undefined {
    return (this.#text += text.length) <= this.#limits.maxBytes
      ? undefined
      : over("maxBytes", this.#text);
  }

  #object(value: object, depth: number): ValueRefusal | undefined {
    const prototype = getPrototypeOf(value);
    const isArray = prototype === arrayPrototype && Array.isArray(value);
    if (!isArray && prototype !== objectPrototype && prototype !== null) {
      return refuse(describeKind(value, JSON_HINTS));
    }
    if (depth > this.#limits.maxDepth) return over("maxDepth", depth);
    this.#keys++;
    return isArray
      ? this.#array(value, depth)
      : this.#record(value as Record<string, unknown>, depth); // a plain object
  }

  #record(
    object: Record<string, unknown>,
    depth: number,
  ): ValueRefusal | undefined {
    let count = 0;
    for (const key in object) {
      count++;
      const refusal = this.#key(key) ?? this.#value(object[key], depth);
      if (refusal !== undefined) return within(key, refusal);
    }
    this.#keys += count;
    if ((this.#nodes += count * 2) > this.#limits.maxNodes) {
      return over("maxNodes", this.#nodes);
    }
    if (getOwnPropertyNames(object).length !== count) return hiddenKey(object);
    const symbol = getOwnPropertySymbols(object)[0]; // destructuring takes longer
    if (symbol === undefined) return undefined;
    return refuse(`the symbol key ${String(symbol)}`);
  }

  #key(key: string): ValueRefusal | undefined {
    if (key !== "__proto__") return this.#string(key);
    return refuse("the key '__proto__'", "key");
  }

  #array(array: readonly unknown[], depth: number): ValueRefusal | undefined {
    const { length } = array;
    if ((this.#nodes += length) > this.#limits.maxNodes) {
      return over("maxNodes", this.#nodes);
    }
    for (let index = 0; index < length; index++) {
      const item = array[index];
      const refusal = item === undefined && !(index in array)
        ? refuse("a hole in an array (send null)")
        : this.#value(item, depth);
      if (refusal !== undefined) return within(index, refusal);
    }
    return undefined;
  }
}
