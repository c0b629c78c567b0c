/**
 * Bytes as hexadecimal text.
 *
 * @module
 */

/** Returns bytes in hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  // Adding the digits one by one would cost 2 KiB of heap until the text is read.
  const codes: number[] = [];
  for (const byte of bytes) codes.push(digit(byte >> 4), digit(byte & 15));
  return String.fromCharCode(...codes);
}

/** Returns the code of a digit. */
function digit(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** Returns the value of the digit at an index; both cases are digits. */
function valueOf(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 0x40 ? code - 0x30 : (code | 0x20) - 0x57;
}

/** Returns the bytes of hexadecimal text, which must be valid. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = 16 * valueOf(text, 2 * at) + valueOf(text, 2 * at + 1);
  }
  return bytes;
}
