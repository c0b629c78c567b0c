/**
 * Bytes as DNS writes them in text (RFC 1035, 5.1): printable ASCII stands for
 * itself, `\X` for a character that would mean something, `\DDD` for any other
 * byte, in decimal.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";

/** What stands for itself in a label, and in a string between quotation marks. */
const PLAIN = {
  label: /[!#-\-/-[\]-~]/, // neither a dot, nor " nor a backslash
  string: /[ !#-[\]-~]/,
};
/** One character of text: `\DDD`, `\X` or X. */
const CHARACTER = /\\(\d{3})|\\(.)|([^\\])/gsu;

/** Most bytes of a name on the wire, with a length per label and the root's. */
export const MAX_NAME = 255;
/** Most bytes of a label: its length has six bits. */
export const MAX_LABEL = 63;

/** Bytes as text. */
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

/** Text as bytes; characters beyond ASCII as UTF-8. */
export function toBytes(text: string): Uint8Array {
  return Uint8Array.from(
    characters(text).flatMap(({ bytes }) => bytes),
  );
}

/** A name as text; it always ends with a dot. */
export function nameToText(labels: readonly Uint8Array[]): string {
  return labels.length === 0
    ? "."
    : labels.map((label) => `${toText(label, "label")}.`).join("");
}

/**
 * The labels of a name, which may end with a dot or not.
 *
 * @throws {DnsFormatError} for a label or a name that is empty or too long
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
      } as a name: labels have 1 to ${MAX_LABEL} bytes, and names ${MAX_NAME} at most`,
    );
  }
  return labels.map((label) => Uint8Array.from(label));
}

/** The one spelling of all names that are the same: lower case, with the last dot. */
export function canonicalName(name: string): string {
  // As text it is ASCII: anything else is escaped.
  return nameToText(nameToLabels(name)).toLowerCase();
}

/** Names are the same in any case of their letters, and with or without the last dot. */
export function sameName(a: string, b: string): boolean {
  return canonicalName(a) === canonicalName(b);
}

/** `plain` is the character if it was not escaped. */
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
    }: behind a backslash stands a character, or a byte as three digits up to 255`,
  );
}
