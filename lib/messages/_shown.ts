/**
 * Names that a peer may have chosen, fit to stand in a line of text.
 *
 * @module
 */

/** UTF-16 units of a name that are shown. */
const MAX_LENGTH = 64;

/** Control and format characters (bidirectional ones among them), and line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The name, cut where it is long, its unprintable characters escaped. */
export function shown(name: string): string {
  const short = name.length <= MAX_LENGTH
    ? name
    : `${name.slice(0, MAX_LENGTH)}…`;
  return short.replace(
    UNPRINTABLE,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`, // a match is not empty
  );
}
