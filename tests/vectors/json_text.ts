/**
 * Formats the JSON of the vectors, with longer lines than `deno fmt` writes.
 *
 * @module
 */

/** Maximum line length of an object or array that contains others. */
const NESTED_COLUMNS = 80;
/** Maximum line length of one that contains only scalars. */
const LEAF_COLUMNS = 320;

/** A number as written; parsing rounds integers above 2 ** 53. */
class RawNumber {
  constructor(readonly text: string) {}
}

/** Formats JSON text and keeps the digits of its numbers. */
export function format(text: string): string {
  return tree(JSON.parse(text, keepDigits)) + "\n";
}

/** Keeps numbers as text; TypeScript lacks a reviver's third parameter. */
function keepDigits(
  _key: string,
  value: unknown,
  context?: { source: string },
): unknown {
  return typeof value === "number" ? new RawNumber(context!.source) : value;
}

/** Returns a value on one line. */
export function oneLine(value: unknown): string {
  if (value instanceof RawNumber) return value.text;
  if (isScalar(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const members = membersOf(value as object).map(([key, member]) =>
    `${JSON.stringify(key)}: ${oneLine(member)}`
  );
  return `{${members.join(", ")}}`;
}

/** Returns a value as a tree; an object or array that fits takes one line. */
export function tree(value: unknown, indent = "", before = 0): string {
  const whole = oneLine(value);
  if (isScalar(value)) return whole;
  const columns = isLeaf(value) ? LEAF_COLUMNS : NESTED_COLUMNS;
  // One column is left for a comma.
  if (before + whole.length < columns) return whole;
  const deeper = indent + "  ";
  if (Array.isArray(value)) {
    const elements = value.map((element) =>
      tree(element, deeper, deeper.length)
    );
    return opened("[", elements, "]", indent);
  }
  const members = membersOf(value as object).map(([key, member]) => {
    const name = `${JSON.stringify(key)}: `;
    return name + tree(member, deeper, deeper.length + name.length);
  });
  return opened("{", members, "}", indent);
}

/** Returns an object or array with one entry per line. */
export function opened(
  open: string,
  entries: readonly string[],
  close: string,
  indent: string,
): string {
  if (entries.length === 0) return open + close;
  const lines = entries.map((entry) => `${indent}  ${entry}`);
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

function isLeaf(value: object): boolean {
  return Object.values(value).every(isScalar);
}

function isScalar(
  value: unknown,
): value is string | number | boolean | null | undefined | RawNumber {
  return typeof value !== "object" || value === null ||
    value instanceof RawNumber;
}

/** Returns the members that JSON contains: all but undefined ones. */
function membersOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined);
}
