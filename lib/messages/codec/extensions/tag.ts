/**
 * The form in which values of extensions are sent.
 *
 * A value of an extension is a plain object with the only key `$`, whose value is
 * an array of the extension's name and the payload. A plain object of the program
 * with the only key `$` is sent with its value in an array of one.
 *
 * @module
 */
import { ARRAY, OBJECT, SLOT } from "../held_bytes.ts";
import type { ExtensionParts } from "./extension.ts";

/** The only key of a tag. */
export const TAG_KEY = "$";
/** The byte that every MessagePack body with a tag contains. */
export const TAG_BYTE = 0x24;

/** Object that a value is sent as. */
export type Tag = Readonly<Record<typeof TAG_KEY, readonly unknown[]>>;

/** Number of keys and values of a tag, except for the payload. */
export const TAG_NODES = 4;
/** Number of objects, arrays and keys of a tag. */
export const TAG_OBJECTS = 3;
/** Heap bytes that codecs charge for a tag. It does not outlive the decoding. */
const TAG_BYTES = OBJECT + ARRAY + 2 * SLOT;

/**
 * Returns the heap bytes of a value beside its tag and payload.
 *
 * @throws {RangeError} if the extension returns no number of bytes
 */
export function heldBeside(
  { held }: ExtensionParts,
  payload: unknown,
): number {
  if (held === undefined) return 0;
  const bytes = held(payload);
  if (typeof bytes === "number" && bytes >= 0) {
    return Math.max(0, bytes - TAG_BYTES);
  }
  throw new RangeError(`held() returned ${bytes}; expected a number of bytes`);
}

/** Returns the tag of a value of an extension. */
export function tagOf(name: string, payload: unknown): Tag {
  return { [TAG_KEY]: [name, payload] };
}

/** Returns the tag of a plain object whose only key is `$`. */
export function escaped(value: unknown): Tag {
  return { [TAG_KEY]: [value] };
}

/**
 * Returns a path without the keys of tags.
 *
 * @param root the tagged value
 */
export function withoutTags(
  root: unknown,
  path: readonly (string | number)[],
): (string | number)[] {
  const result: (string | number)[] = [];
  let value = root;
  for (let index = 0; index < path.length; index++) {
    const key = path[index]!; // the index is below the length
    const items = itemsOf(value);
    if (items === undefined) {
      result.push(key);
      value = memberOf(value, key);
      continue;
    }
    // The keys are `$` and the index of the payload or of the escaped value.
    if (items.length === 1) result.push(TAG_KEY);
    index++;
    value = items[items.length - 1];
  }
  return result;
}

/** Returns the items of a tag; `undefined` for other values. */
function itemsOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const keys = Object.keys(value);
  if (keys.length !== 1 || keys[0] !== TAG_KEY) return undefined;
  const items = memberOf(value, TAG_KEY);
  return Array.isArray(items) ? items : undefined;
}

function memberOf(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null
    ? Reflect.get(value, key)
    : undefined;
}
