/**
 * Descriptions of values and their paths for error messages.
 *
 * @module
 */

/** Maximum length of a key in an error message. Messages may be logged. */
const MAX_KEY_LENGTH = 64;
const PLAIN_KEY = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

/** Suggested replacements for rejected values, by class or type. */
export type Hints = Readonly<Record<string, string>>;

/** Suggested replacements for any codec. */
const INSTEAD: Hints = {
  Map: "send Object.fromEntries(map) or [...map]",
  Set: "send it as an array: [...set]",
  ArrayBuffer: "send new Uint8Array(buffer)",
  SharedArrayBuffer: "send a copy of its bytes as a Uint8Array",
  DataView: "send its bytes as a Uint8Array",
  Blob: "send await blob.bytes()",
  File: "send await file.bytes()",
  bytes: "send its bytes as a Uint8Array, or a plain array",
  symbol: "send its description",
  Error: "send its name and message",
  RegExp: "send its source and flags",
  Promise: "await it first",
  String: "send its primitive value",
  Number: "send its primitive value",
  Boolean: "send its primitive value",
  BigInt: "send its primitive value",
  URL: "send its href",
  URLSearchParams: "send its text: String(params)",
  Headers: "send Object.fromEntries(headers)",
  Object: "it inherits from another object; send a copy: { ...object }",
};

/** Returns the place of a value, such as ` at items[0].done`; `""` for the root. */
export function describePlace(path: readonly (string | number)[]): string {
  return path.length === 0 ? "" : ` at ${describePath(path)}`;
}

function describePath(path: readonly (string | number)[]): string {
  return path.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    const short = key.length <= MAX_KEY_LENGTH
      ? key
      : `${key.slice(0, MAX_KEY_LENGTH).toWellFormed()}…`;
    if (!PLAIN_KEY.test(short)) return `[${JSON.stringify(short)}]`;
    return index === 0 ? short : `.${short}`;
  }).join("");
}

/**
 * Returns the class name of an object and what to send instead.
 *
 * @param hints replacements for the codec
 */
export function describeKind(value: object, hints: Hints = {}): string {
  const name = nameOf(value);
  const bytes = ArrayBuffer.isView(value) && name !== "DataView";
  const instead = hints[name] ??
    (bytes ? hints["bytes"] ?? INSTEAD["bytes"] : INSTEAD[name]) ??
    "send a plain object";
  return `${describeClass(value)} (${instead})`;
}

/** Returns the class name of an object. */
export function describeClass(value: object): string {
  const name = nameOf(value);
  return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
}

/** Returns the type of a primitive value and what to send instead. */
export function describePrimitive(value: unknown, hints: Hints = {}): string {
  const type = typeof value;
  const what = type === "number" || type === "undefined"
    ? String(value)
    : `a ${type}`;
  const instead = hints[type] ?? INSTEAD[type];
  return instead === undefined ? what : `${what} (${instead})`;
}

function nameOf(value: object): string {
  const constructor: unknown = Reflect.get(value, "constructor");
  const name = typeof constructor === "function" ? constructor.name : "";
  return typeof name === "string" && PLAIN_KEY.test(name)
    ? name.slice(0, MAX_KEY_LENGTH)
    : "object of an unknown class";
}
