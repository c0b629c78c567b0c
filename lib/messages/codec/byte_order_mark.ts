/**
 * Keeps leading byte order marks.
 *
 * msgpackr decodes strings of more than 64 bytes with a `TextDecoder` that drops
 * a leading byte order mark (U+FEFF). If the mark is doubled, one mark remains.
 *
 * @module
 */
import type { MarkedString } from "./msgpack_scanner.ts";

const STR32 = 0xdb;
const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
const HEADER = 5;

/**
 * Doubles the byte order marks of strings in a body.
 *
 * @param strings the strings, in the order of their offsets
 * @returns a view of the body if there are no strings, else a changed copy
 */
export function doubleMarks(
  body: Uint8Array,
  strings: readonly MarkedString[],
): Uint8Array {
  if (strings.length === 0) {
    return new Uint8Array(body.buffer, body.byteOffset, body.length);
  }
  const copy = new Uint8Array(
    body.length + strings.length * (HEADER + MARK.length),
  );
  const view = new DataView(copy.buffer);
  let from = 0, to = 0;
  for (const { header, start, end } of strings) {
    copy.set(body.subarray(from, header), to);
    to += header - from;
    copy[to] = STR32;
    view.setUint32(to + 1, end - start + MARK.length);
    copy.set(MARK, to + HEADER);
    to += HEADER + MARK.length;
    from = start;
  }
  copy.set(body.subarray(from), to);
  return copy.subarray(0, to + body.length - from);
}
