/**
 * Text that a peer may have chosen, fit to be read and logged by people.
 *
 * @module
 */

/** UTF-16 units of a name that are shown. */
const MAX_LENGTH = 64;

/** Control and format characters (bidirectional ones among them), and line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The name, cut where it is long, its unprintable characters escaped. */
export function printable(name: string): string {
  const short = name.length <= MAX_LENGTH
    ? name
    : `${name.slice(0, MAX_LENGTH)}…`;
  return short.replace(UNPRINTABLE, escaped);
}

/** Controls but line feed and tab, line separators, and what turns the direction of text. */
const CONTROLS = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** A message of a peer's: its lines stay, what would change a terminal or other lines is escaped. */
export function printableLines(message: string): string {
  return message.replace(CONTROLS, escaped);
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`; // a match is not empty
}
