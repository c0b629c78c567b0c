/**
 * Bytes as hexadecimal text.
 *
 * @module
 */

/** Returns bytes in hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  // Adding the digits one by one would cost 2 KiB of heap until the text is read.
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** Returns the bytes of hexadecimal text. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}
