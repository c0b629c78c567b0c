/**
 * The text form of bytes in DNS (RFC 1035, 5.1): most printable ASCII is
 * unchanged, `\X` represents a character with a special meaning, and `\DDD` any
 * other byte, in decimal.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";

/** Characters that need no escape in each context. */
const PLAIN = {
  label: /[!#-\-/-[\]-~]/, // printable ASCII, except space and . " \
  string: /[ !#-[\]-~]/,
};
/** One character of text: `\DDD`, `\X` or X. */
const CHARACTER = /\\(\d{3})|\\(.)|([^\\])/gsu;

/** Maximum length of an encoded name in bytes, including its length bytes. */
export const MAX_NAME = 255;
/** Maximum length of a label in bytes: the length has six bits. */
export const MAX_LABEL = 63;

/** Converts bytes to text. */
export function toText(bytes: Uint8Array, place: keyof typeof PLAIN): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (PLAIN[place].test(character)) text += character;
    else if (byte > 0x20 && byte < 0x7f) text += `\\${character}`;
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

/** Converts text to bytes; characters beyond ASCII become UTF-8. */
export function toBytes(text: string): Uint8Array {
  return Uint8Array.from(
    characters(text).flatMap(({ bytes }) => bytes),
  );
}

/** Converts labels to a name, which always ends with a dot. */
export function nameToText(labels: readonly Uint8Array[]): string {
  return labels.length === 0
    ? "."
    : labels.map((label) => `${toText(label, "label")}.`).join("");
}

/**
 * Returns the labels of a name; a trailing dot is optional.
 *
 * @throws {DnsFormatError} if a label or the name is empty or too long
 */
export function nameToLabels(name: string): Uint8Array[] {
  if (name === ".") return [];
  const labels: number[][] = [[]];
  for (const { bytes, plain } of characters(name)) {
    if (plain === ".") labels.push([]);
    else labels.at(-1)?.push(...bytes);
  }
  if (labels.length > 1 && labels.at(-1)?.length === 0) labels.pop();
  const tooLong = labels.flat().length + labels.length + 1 > MAX_NAME;
  if (tooLong || labels.some(({ length }) => !length || length > MAX_LABEL)) {
    throw new DnsFormatError(
      `Cannot use ${
        JSON.stringify(name)
      } as a name: expected labels of 1 to ${MAX_LABEL} bytes and at most ${MAX_NAME} bytes in total`,
    );
  }
  return labels.map((label) => Uint8Array.from(label));
}

/** Returns the canonical form of a name: lower case, with a trailing dot. */
export function canonicalName(name: string): string {
  // The text is ASCII, because all other bytes are escaped.
  return nameToText(nameToLabels(name)).toLowerCase();
}

/** Returns whether two names are equal, ignoring case and a trailing dot. */
export function sameName(a: string, b: string): boolean {
  return canonicalName(a) === canonicalName(b);
}

/** Parses text into characters; `plain` is set for unescaped ones. */
function characters(text: string): { bytes: number[]; plain?: string }[] {
  let read = 0;
  const found = [...text.matchAll(CHARACTER)].map(
    ([whole, decimal, escaped, plain]) => {
      read += whole.length;
      if (decimal !== undefined) {
        if (Number(decimal) > 255) throw unreadable(text);
        return { bytes: [Number(decimal)] };
      }
      const bytes = [...new TextEncoder().encode(escaped ?? plain)];
      return plain === undefined ? { bytes } : { bytes, plain };
    },
  );
  if (read !== text.length) throw unreadable(text);
  return found;
}

function unreadable(text: string): DnsFormatError {
  return new DnsFormatError(
    `Cannot read ${
      JSON.stringify(text)
    }: after a backslash, expected a character or three digits up to 255`,
  );
}
