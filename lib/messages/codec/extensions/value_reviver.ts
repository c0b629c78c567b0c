/**
 * Replaces tags in decoded messages with values of extensions.
 *
 * @module
 */
import { describePlace } from "../describe_value.ts";
import { CodecError } from "../errors.ts";
import { printable, printableName } from "../../support/printable.ts";
import { exceeded } from "../refusal.ts";
import type { ExtensionParts } from "./extension.ts";
import type { ExtensionTable } from "./extension_table.ts";
import { heldBeside, TAG_KEY } from "./tag.ts";

const { getPrototypeOf } = Object;
const objectPrototype: unknown = Object.prototype;

/** Walk through one value that was decoded. */
export class ValueReviver {
  readonly #table: ExtensionTable;
  readonly #maxDepth: number;
  readonly #allowed: number;
  /** Keys from the root to the current value; those of tags are left out. */
  readonly #path: (string | number)[] = [];
  /** Number of these keys; a shorter array would be allocated again. */
  #size = 0;
  #held: number;
  #depth = 0;

  /**
   * @param table the extensions
   * @param maxDepth the maximum nesting of tagged values
   * @param allowed the maximum number of heap bytes
   * @param held heap bytes that the tagged value holds
   */
  constructor(
    table: ExtensionTable,
    maxDepth: number,
    allowed: number,
    held: number,
  ) {
    this.#table = table;
    this.#maxDepth = maxDepth;
    this.#allowed = allowed;
    this.#held = held;
  }

  /** Heap bytes that the value holds. */
  get held(): number {
    return this.#held;
  }

  /**
   * Returns the value without tags. Objects and arrays are changed in place.
   *
   * @throws {CodecError} if a tag is not valid, or its extension fails
   */
  revive(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (++this.#depth > this.#maxDepth) {
      throw exceeded(`decode as ${this.#table.codec}`, {
        limit: "maxDepth",
        allowed: this.#maxDepth,
        found: this.#depth,
      });
    }
    let result: unknown = value;
    if (Array.isArray(value)) this.#array(value);
    else {
      const prototype = getPrototypeOf(value);
      if (prototype === objectPrototype || prototype === null) {
        result = this.#record(value as Record<string, unknown>); // a plain object
      }
    }
    this.#depth--;
    return result;
  }

  #array(array: unknown[]): void {
    const path = this.#path;
    const depth = this.#size++;
    for (let index = 0; index < array.length; index++) {
      const value = array[index];
      if (typeof value !== "object" || value === null) continue;
      path[depth] = index;
      const revived = this.revive(value);
      if (revived !== value) array[index] = revived;
    }
    this.#size = depth;
  }

  #record(object: Record<string, unknown>): unknown {
    if (Object.hasOwn(object, TAG_KEY) && Object.keys(object).length === 1) {
      return this.#tag(object[TAG_KEY]);
    }
    const path = this.#path;
    const depth = this.#size++;
    for (const key in object) {
      const value = object[key];
      if (typeof value !== "object" || value === null) continue;
      path[depth] = key;
      const revived = this.revive(value);
      if (revived !== value) object[key] = revived;
    }
    this.#size = depth;
    return object;
  }

  #tag(items: unknown): unknown {
    if (!Array.isArray(items) || items.length < 1 || items.length > 2) {
      throw this.#error(
        "an object with the only key '$' does not contain an array of one or two items",
      );
    }
    if (items.length === 1) return this.#escaped(items[0]);
    const [name, payload] = items;
    const extension = typeof name === "string"
      ? this.#table.byName.get(name)
      : undefined;
    if (extension === undefined) throw this.#unknown(name);
    this.#depth++; // of the array in the tag
    const revived = this.revive(payload);
    this.#depth--;
    this.#charge(extension, revived);
    try {
      return extension.decode(revived);
    } catch (cause) {
      throw this.#error(
        `the function decode() of the extension "${extension.name}" threw an error`,
        cause,
      );
    }
  }

  /** Returns an object whose only key is `$`. */
  #escaped(value: unknown): Record<string, unknown> {
    const path = this.#path;
    const depth = this.#size++;
    path[depth] = TAG_KEY;
    const revived = this.revive(value);
    this.#size = depth;
    return { [TAG_KEY]: revived };
  }

  /** Charges a value before it is created. */
  #charge(extension: ExtensionParts, payload: unknown): void {
    let held: number;
    try {
      held = heldBeside(extension, payload);
    } catch (cause) {
      throw this.#error(
        `the function held() of the extension "${extension.name}" threw an error`,
        cause,
      );
    }
    this.#held += held;
    if (this.#held <= this.#allowed) return;
    throw exceeded(`decode as ${this.#table.codec}`, {
      limit: "maxHeld",
      allowed: this.#allowed,
      found: this.#held,
      path: this.#keys(),
    }, this.#place());
  }

  #unknown(name: unknown): CodecError {
    const text = typeof name === "string"
      ? `"${printable(name)}"`
      : "without a name";
    const names = [...this.#table.byName.keys()].map((known) => `"${known}"`);
    return this.#error(
      `the extension ${text} is not allowed; expected ${names.join(" or ")}`,
    );
  }

  #keys(): (string | number)[] {
    return this.#path.slice(0, this.#size);
  }

  /** Returns the place of the current value; the keys are those of a peer. */
  #place(): string {
    return printableName(describePlace(this.#keys()));
  }

  #error(what: string, cause?: unknown): CodecError {
    return new CodecError(
      `Cannot decode as ${this.#table.codec}: ${what}${this.#place()}`,
      { code: "extension", path: this.#keys(), cause },
    );
  }
}
