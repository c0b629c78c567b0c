/**
 * Java's modified UTF-8: the payload of `javaWriteUTF`.
 *
 * @module
 */

/**
 * Encodes text as modified UTF-8, as Java's `writeUTF` does.
 *
 * U+0000 is C0 80, and each surrogate is three bytes. Every string can be
 * encoded, also one with a surrogate that is not part of a pair.
 *
 * @example Encode text for a Java program
 * ```ts
 * import { encodeModifiedUtf8, javaWriteUTF } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = javaWriteUTF().encoder().encode(encodeModifiedUtf8("a\0"));
 * assertEquals(wire, new Uint8Array([0, 3, 0x61, 0xc0, 0x80]));
 * ```
 */
export function encodeModifiedUtf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(3 * text.length);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0 && unit < 0x80) {
      bytes[at++] = unit;
      continue;
    }
    if (unit < 0x800) bytes[at++] = 0xc0 | unit >> 6;
    else {
      bytes[at++] = 0xe0 | unit >> 12;
      bytes[at++] = 0x80 | unit >> 6 & 0x3f;
    }
    bytes[at++] = 0x80 | unit & 0x3f;
  }
  return bytes.slice(0, at);
}

/**
 * Decodes modified UTF-8, as Java's `readUTF` does.
 *
 * @example Decode text from a Java program
 * ```ts
 * import { decodeModifiedUtf8 } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeModifiedUtf8(new Uint8Array([0x61, 0xc0, 0x80])), "a\0");
 * ```
 *
 * @throws {TypeError} if the bytes are not what the encoder would write
 */
export function decodeModifiedUtf8(bytes: Uint8Array): string {
  let text = "";
  let units: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : 3;
    let unit = length === 1 ? first : first & (length === 2 ? 0x1f : 0x0f);
    let isValid = length === 1 ? first > 0 : first >= 0xc0 && first < 0xf0;
    for (let i = 1; i < length; i++) {
      const next = bytes[at + i] ?? 0; // 0 does not continue a character
      isValid &&= (next & 0xc0) === 0x80;
      unit = unit << 6 | next & 0x3f;
    }
    // A longer form than necessary is valid for U+0000 only.
    if (length === 2) isValid &&= unit >= 0x80 || unit === 0;
    if (length === 3) isValid &&= unit >= 0x800;
    if (!isValid) {
      throw new TypeError(
        `Cannot decode text as its byte ${at} (${first}) does not begin a character of modified UTF-8`,
      );
    }
    units.push(unit);
    at += length;
    if (units.length === 4096 || at === bytes.length) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text;
}
