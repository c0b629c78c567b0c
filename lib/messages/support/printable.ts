/**
 * Makes text from a peer safe to log.
 *
 * @module
 */

/** Maximum length of a name before escaping, in UTF-16 code units. */
const MAX_LENGTH = 64;

/** Control characters, format characters (including bidirectional ones) and line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Escapes the unprintable characters of a name and truncates a long one. */
export function printable(name: string): string {
  return printableName(truncate(name, MAX_LENGTH));
}

/** Escapes the unprintable characters of a name, which may be compared. */
export function printableName(name: string): string {
  return name.replace(UNPRINTABLE, escaped);
}

/** Shortens a string to `maxLength` UTF-16 code units and an ellipsis. */
export function truncate(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}

/**
 * Control characters except line feed and tab.
 *
 * The pattern also matches line separators, and characters that change the
 * direction of text.
 */
const CONTROLS = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Escapes the control characters of a peer's message and keeps its lines.
 *
 * The result cannot control a terminal or reorder the text around it.
 */
export function printableLines(message: string): string {
  return message.replace(CONTROLS, escaped);
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`; // defined: a match is never empty
}
