/**
 * Replaces values of extensions with tags.
 *
 * @module
 */
import type { ResolvedCodecLimits } from "../codec_limits.ts";
import { describePlace } from "../describe_value.ts";
import { CodecError } from "../errors.ts";
import { BINARY, BOXED, MOST_PER_KEY, SLOT } from "../held_bytes.ts";
import {
  exceeded,
  hiddenKey,
  refuse,
  toCodecError,
  type ValueRefusal,
} from "../refusal.ts";
import type { ExtensionParts, PrimitiveType } from "./extension.ts";
import type { ExtensionTable } from "./extension_table.ts";
import {
  escaped,
  heldBeside,
  TAG_KEY,
  TAG_NODES,
  TAG_OBJECTS,
  tagOf,
} from "./tag.ts";

const { getPrototypeOf, getOwnPropertyNames, getOwnPropertySymbols } = Object;
const objectPrototype: unknown = Object.prototype;
const arrayPrototype: unknown = Array.prototype;
const PROTO = "__proto__";
/** Upper bound of the bytes of a number or a string's header. */
const MOST_PER_NODE = SLOT + BOXED + SLOT;
/** Upper bound of the bytes of a key or object. */
const MOST_PER_OBJECT = MOST_PER_KEY + BINARY;

/** Walk through one value that is to be encoded. */
export class ValueTagger {
  readonly #table: ExtensionTable;
  readonly #limits: ResolvedCodecLimits;
  /** Keys from the root to the current value. */
  readonly #path: (string | number)[] = [];
  /** Number of these keys; a shorter array would be allocated again. */
  #size = 0;
  /** Objects from the root to the current value. */
  readonly #parents: object[] = [];
  /** For each of these objects, the length of its path. */
  readonly #depths: number[] = [];
  #nodes = 1;
  #objects = 0;
  #held = 0;

  /**
   * @param table the extensions
   * @param limits the limits of a message
   */
  constructor(table: ExtensionTable, limits: ResolvedCodecLimits) {
    this.#table = table;
    this.#limits = limits;
  }

  /** Heap bytes that the values of extensions hold beside their payloads. */
  get held(): number {
    return this.#held;
  }

  /** Upper bound of the heap bytes of all values, without text. */
  get most(): number {
    return MOST_PER_NODE * this.#nodes + MOST_PER_OBJECT * this.#objects +
      this.#held;
  }

  /**
   * Returns the value with tags; the value itself if it contains no values of
   * extensions. Values that the codec rejects remain.
   *
   * @throws {CodecError} if a limit is exceeded or an extension fails
   */
  tag(value: unknown): unknown {
    switch (typeof value) {
      case "object":
        return value === null ? value : this.#object(value);
      case "bigint":
        return this.#primitive(value, "bigint");
      case "number":
        return this.#primitive(value, "number");
      case "undefined":
        return this.#primitive(value, "undefined");
      default:
        return value;
    }
  }

  #primitive(value: unknown, type: PrimitiveType): unknown {
    const extension = this.#table.byType.get(type);
    if (extension === undefined) return value;
    const { carries } = extension;
    return carries === undefined || carries(value)
      ? this.#value(extension, value)
      : value;
  }

  #object(value: object): unknown {
    const prototype = getPrototypeOf(value);
    this.#objects++;
    let result: unknown;
    if (prototype === objectPrototype || prototype === null) {
      this.#enter(value);
      result = this.#record(value as Record<string, unknown>); // a plain object
    } else if (prototype === arrayPrototype && Array.isArray(value)) {
      this.#enter(value);
      result = this.#array(value);
    } else {
      const extension = this.#table.byPrototype.get(prototype);
      if (extension === undefined) return value;
      this.#enter(value);
      result = this.#value(extension, value);
    }
    this.#parents.pop();
    this.#depths.pop();
    return result;
  }

  /** Returns the tag of a value. */
  #value(extension: ExtensionParts, value: unknown): unknown {
    const { name } = extension;
    let payload: unknown;
    try {
      payload = extension.encode(value);
      this.#held += heldBeside(extension, payload);
    } catch (cause) {
      throw new CodecError(
        `Cannot encode a value of the extension "${name}"${
          describePlace(this.#keys())
        } as ${this.#table.codec}: a function of the extension threw an error`,
        { code: "extension", path: this.#keys(), cause },
      );
    }
    this.#count(TAG_NODES);
    this.#objects += TAG_OBJECTS;
    return tagOf(name, this.tag(payload));
  }

  #record(object: Record<string, unknown>): unknown {
    let copy: Record<string, unknown> | undefined;
    let count = 0, last = "";
    const path = this.#path;
    const depth = this.#size++;
    for (const key in object) {
      path[depth] = key;
      if (key === PROTO) {
        throw this.#refused(refuse("the key '__proto__'", "key"));
      }
      count++;
      last = key;
      const value = object[key];
      const tagged = this.tag(value);
      if (copy !== undefined) copy[key] = tagged;
      else if (!Object.is(tagged, value)) {
        copy = copyUntil(object, key);
        copy[key] = tagged;
      }
    }
    this.#size = depth;
    this.#count(2 * count);
    this.#objects += count;
    const isTag = count === 1 && last === TAG_KEY;
    if (copy === undefined && !isTag) return object;
    // A copy has no hidden keys, so the codec would not reject it.
    if (getOwnPropertyNames(object).length !== count) {
      throw this.#refused(hiddenKey(object));
    }
    const symbol = getOwnPropertySymbols(object)[0];
    if (symbol !== undefined) {
      throw this.#refused(refuse(`the symbol key ${String(symbol)}`));
    }
    return isTag ? escaped((copy ?? object)[TAG_KEY]) : copy;
  }

  #array(array: readonly unknown[]): unknown {
    const { length } = array;
    this.#count(length);
    let copy: unknown[] | undefined;
    const path = this.#path;
    const depth = this.#size++;
    for (let index = 0; index < length; index++) {
      const item = array[index];
      path[depth] = index;
      if (item === undefined && !(index in array)) {
        throw this.#refused(refuse("a hole in an array (send null)"));
      }
      const tagged = this.tag(item);
      if (copy !== undefined) copy.push(tagged);
      else if (!Object.is(tagged, item)) {
        copy = [];
        for (let at = 0; at < index; at++) copy.push(array[at]);
        copy.push(tagged);
      }
    }
    this.#size = depth;
    return copy ?? array;
  }

  #keys(): (string | number)[] {
    return this.#path.slice(0, this.#size);
  }

  /** Enters an object, unless the nesting exceeds the limit. */
  #enter(value: object): void {
    this.#depths.push(this.#size);
    if (this.#parents.push(value) <= this.#limits.maxDepth) return;
    const path = this.#pathOfCycle();
    if (path === undefined) throw this.#over("maxDepth", this.#parents.length);
    throw new CodecError(
      `Cannot encode a cycle as ${this.#table.codec}: an object contains itself${
        describePlace(path)
      }`,
      { code: "cycle", path },
    );
  }

  /** Returns the path to an object that contains itself. */
  #pathOfCycle(): (string | number)[] | undefined {
    const seen = new Set<object>();
    for (const [index, parent] of this.#parents.entries()) {
      if (seen.has(parent)) return this.#path.slice(0, this.#depths[index]);
      seen.add(parent);
    }
    return undefined;
  }

  #count(nodes: number): void {
    this.#nodes += nodes;
    if (this.#nodes > this.#limits.maxNodes) {
      throw this.#over("maxNodes", this.#nodes);
    }
  }

  #over(limit: "maxDepth" | "maxNodes", found: number): CodecError {
    const allowed = this.#limits[limit];
    const path = this.#keys();
    return exceeded(
      `encode as ${this.#table.codec}`,
      { limit, allowed, found, path },
      describePlace(path),
    );
  }

  #refused(refusal: ValueRefusal): CodecError {
    refusal.path.push(...this.#keys());
    return toCodecError(refusal, this.#table.codec, this.#limits, undefined);
  }
}

/** Returns a copy of an object's properties before a key. */
function copyUntil(
  object: Record<string, unknown>,
  end: string,
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key in object) {
    if (key === end) break;
    copy[key] = object[key];
  }
  return copy;
}
