/**
 * The check of a value before anything is encoded: what a codec cannot carry
 * as it is, is refused by name and path, so that nothing is silently changed
 * on the way.
 *
 * @module
 */
import { CodecError, type CodecErrorKind } from "./errors.ts";
import { describeKind, describePlace } from "./_describe.ts";
import type { ResolvedLimits } from "./limits.ts";

/** What a format carries beside plain objects, arrays, strings, booleans, null and finite numbers. */
export interface ValueRules {
  /** Name of the codec, for errors. */
  readonly codec: string;
  /** NaN and the infinities. */
  readonly nonFinite: boolean;
  /** `undefined`, `bigint` to 64 bits, `Date`, `Uint8Array`. */
  readonly extended: boolean;
  /** Strings with lone surrogates. */
  readonly loneSurrogates: boolean;
}

/** Why a value is refused; the path is put together on the way out. */
interface Refusal {
  readonly kind: CodecErrorKind;
  readonly what: string;
  readonly limit?: keyof ResolvedLimits;
  readonly found?: number;
  readonly path: (string | number)[];
}

/** From this length on the built-in check beats a loop. */
const LONG_STRING = 12;
/** Places for keys that were checked, and the length up to which one is kept. */
const KNOWN_KEYS = 64, LONGEST_KNOWN_KEY = 32;
const MIN_INT64 = -(2n ** 63n), MAX_UINT64 = 2n ** 64n - 1n;
const getTime = Date.prototype.getTime;
const { getPrototypeOf, getOwnPropertyNames, getOwnPropertySymbols } = Object;
const objectPrototype: unknown = Object.prototype;
const arrayPrototype: unknown = Array.prototype;

/** Checks values against the rules of a format and the limits. */
export class ValueChecker {
  readonly #rules: ValueRules;
  readonly #limits: ResolvedLimits;
  /** Keys that were good before: messages have the same few again and again. */
  readonly #known: string[] = new Array(KNOWN_KEYS).fill("");
  #nodes = 0;
  #text = 0;

  /**
   * @param rules what the format carries
   * @param limits the budgets
   */
  constructor(rules: ValueRules, limits: ResolvedLimits) {
    this.#rules = rules;
    this.#limits = limits;
  }

  /**
   * Checks one value.
   *
   * @returns characters and bytes in its strings and binary data
   * @throws {CodecError} for a value that would not arrive as it is
   */
  check(value: unknown): number {
    this.#nodes = 1;
    this.#text = 0;
    const refusal = this.#value(value, 0) ?? this.#textInAll();
    if (refusal !== undefined) throw this.#error(refusal, value);
    return this.#text;
  }

  #value(value: unknown, depth: number): Refusal | undefined {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        if (this.#rules.nonFinite || Number.isFinite(value)) return undefined;
        return refuse(`${value}`);
      case "boolean":
        return undefined;
      case "object":
        if (value === null) return undefined;
        return this.#object(value, depth);
      case "undefined":
        return this.#rules.extended ? undefined : refuse("undefined");
      case "bigint":
        return this.#bigint(value);
      default:
        return refuse(`a ${typeof value}`);
    }
  }

  #string(text: string): Refusal | undefined {
    if ((this.#text += text.length) > this.#limits.maxBytes) {
      return over("maxBytes", this.#text);
    }
    if (isWellFormed(text) || this.#rules.loneSurrogates) return undefined;
    return refuse("a string with a lone surrogate (see String.toWellFormed)");
  }

  /** Known keys are counted, and only here compared. */
  #textInAll(): Refusal | undefined {
    return this.#text <= this.#limits.maxBytes
      ? undefined
      : over("maxBytes", this.#text);
  }

  #bigint(value: bigint): Refusal | undefined {
    if (!this.#rules.extended) return refuse("a bigint");
    if (value >= MIN_INT64 && value <= MAX_UINT64) return undefined;
    return refuse("a bigint beyond 64 bits");
  }

  #object(value: object, depth: number): Refusal | undefined {
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) {
      return depth === this.#limits.maxDepth
        ? over("maxDepth", depth + 1)
        : this.#record(value as Record<string, unknown>, depth + 1); // a plain object
    }
    if (prototype === arrayPrototype && Array.isArray(value)) {
      return depth === this.#limits.maxDepth
        ? over("maxDepth", depth + 1)
        : this.#array(value, depth + 1);
    }
    return this.#leaf(value, prototype);
  }

  #record(
    object: Record<string, unknown>,
    depth: number,
  ): Refusal | undefined {
    let count = 0;
    for (const key in object) {
      const place = (count++ + key.length * 8) % KNOWN_KEYS;
      if (this.#known[place] === key) this.#text += key.length;
      else {
        const refusal = this.#key(key);
        if (refusal !== undefined) return within(key, refusal);
        if (key.length <= LONGEST_KNOWN_KEY) this.#known[place] = key;
      }
      const refusal = this.#value(object[key], depth);
      if (refusal !== undefined) return within(key, refusal);
    }
    if ((this.#nodes += count * 2) > this.#limits.maxNodes) {
      return over("maxNodes", this.#nodes);
    }
    if (getOwnPropertyNames(object).length !== count) return hiddenKey(object);
    const [symbol] = getOwnPropertySymbols(object);
    if (symbol === undefined) return undefined;
    return refuse(`the symbol key ${String(symbol)}`);
  }

  #key(key: string): Refusal | undefined {
    if (key !== "__proto__") return this.#string(key);
    return refuse("the key '__proto__'", "key");
  }

  #array(array: readonly unknown[], depth: number): Refusal | undefined {
    const { length } = array;
    if ((this.#nodes += length) > this.#limits.maxNodes) {
      return over("maxNodes", this.#nodes);
    }
    for (let index = 0; index < length; index++) {
      const item = array[index];
      const refusal = item === undefined && !(index in array)
        ? refuse("a hole in an array (null and undefined are carried)")
        : this.#value(item, depth);
      if (refusal !== undefined) return within(index, refusal);
    }
    return undefined;
  }

  #leaf(value: object, prototype: unknown): Refusal | undefined {
    if (!this.#rules.extended) return refuse(describeKind(value));
    if (ArrayBuffer.isView(value) && value instanceof Uint8Array) {
      if ((this.#text += value.byteLength) <= this.#limits.maxBytes) {
        return undefined;
      }
      return over("maxBytes", this.#text);
    }
    if (prototype !== Date.prototype) return refuse(describeKind(value));
    return Number.isNaN(getTime.call(value))
      ? refuse("an invalid Date")
      : undefined;
  }

  #error(refusal: Refusal, root: unknown): CodecError {
    const { codec } = this.#rules;
    const { kind, what, limit, found, path } = refusal;
    if (limit === undefined) {
      return new CodecError(
        `Cannot encode ${what}${describePlace(path)} as ${codec}`,
        { kind, path },
      );
    }
    const cycle = limit === "maxDepth" ? findCycle(root, path) : undefined;
    if (cycle !== undefined) {
      return new CodecError(
        `Cannot encode a cycle as ${codec}: an object contains itself${
          describePlace(cycle)
        }`,
        { kind: "cycle", path: cycle },
      );
    }
    const allowed = this.#limits[limit];
    return new CodecError(
      `Cannot encode as ${codec}: '${limit}' allows ${allowed}, found ${found}${
        describePlace(path)
      }`,
      { kind, path, limit, allowed, found },
    );
  }
}

function refuse(what: string, kind: CodecErrorKind = "unsupported"): Refusal {
  return { kind, what, path: [] };
}

function within(key: string | number, refusal: Refusal): Refusal {
  refusal.path.unshift(key);
  return refusal;
}

function over(limit: keyof ResolvedLimits, found: number): Refusal {
  return { kind: "limit", what: limit, limit, found, path: [] };
}

function isWellFormed(text: string): boolean {
  const { length } = text;
  if (length >= LONG_STRING) return text.isWellFormed();
  for (let index = 0; index < length; index++) {
    if ((text.charCodeAt(index) & 0xf800) === 0xd800) {
      return text.isWellFormed();
    }
  }
  return true;
}

/** Own keys and enumerable ones differ: names the key that makes the difference. */
function hiddenKey(object: object): Refusal {
  const hidden = getOwnPropertyNames(object).find((key) =>
    !Object.prototype.propertyIsEnumerable.call(object, key)
  );
  if (hidden !== undefined) {
    return refuse(`the non-enumerable property '${hidden}'`);
  }
  const inherited: string[] = [];
  for (const key in object) {
    if (!Object.hasOwn(object, key)) inherited.push(key);
  }
  return refuse(`the inherited property '${inherited[0]}'`);
}

/** Follows the path that was too deep; returns the shortest path to an object inside itself. */
function findCycle(
  root: unknown,
  path: readonly (string | number)[],
): (string | number)[] | undefined {
  const seen = new Set<unknown>([root]);
  let value = root;
  for (const [index, key] of path.entries()) {
    value = (value as Record<string | number, unknown>)[key]; // each step was an object
    if (seen.has(value)) return path.slice(0, index + 1);
    seen.add(value);
  }
  return undefined;
}
