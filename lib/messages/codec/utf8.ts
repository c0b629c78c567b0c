/**
 * Checks the text in a body.
 *
 * @module
 */

/** Returns whether the bytes at `start` equal `name`. */
export function spells(
  bytes: Uint8Array,
  start: number,
  name: Uint8Array,
): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name[index]) return false;
  }
  return true;
}

/**
 * Returns the offset of the first non-ASCII byte, or `end`.
 *
 * It tests four bytes at a time, because most text is ASCII.
 */
export function endOfAscii(
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let at = start;
  while (
    at + 4 <= end &&
    (bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]!) < 0x80
  ) at += 4;
  while (at < end && bytes[at]! < 0x80) at++;
  return at;
}

/**
 * Returns the length of text in UTF-16 code units.
 *
 * It returns -1 if the bytes are not well-formed UTF-8 (RFC 3629, section 4): only
 * shortest forms, no surrogates.
 */
export function utf16Length(
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let units = 0;
  for (let at = start; at < end;) {
    const lead = bytes[at++]!;
    units++;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return -1;
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + more > end) return -1;
    // The range of the second byte excludes overlong forms, surrogates and code
    // points above U+10FFFF.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (bytes[at]! < low || bytes[at]! > high) return -1;
    for (let index = 1; index < more; index++) {
      if ((bytes[at + index]! & 0xc0) !== 0x80) return -1;
    }
    if (more === 3) units++; // a surrogate pair
    at += more;
  }
  return units;
}
