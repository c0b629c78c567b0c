/**
 * Headers of the PROXY protocol for tests, and a writer of version 2.
 *
 * @module
 */
import { crc32c } from "../../../lib/transport/proxy/crc32c.ts";

/** Returns the bytes of a text, one for each character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Joins bytes. */
export function join(...parts: (Uint8Array | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Returns a value of version 2: its type, its length and its bytes. */
export function value(type: number, bytes: Uint8Array | number[]): number[] {
  return [type, bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

/** Options of {@linkcode v2}. */
export interface V2 {
  /** Version and command. @default {0x21} */
  command?: number;
  /** Address family and protocol. @default {0x11} */
  family?: number;
  /** Everything after the fixed part. */
  rest?: Uint8Array | number[];
  /** Whether to end with a checksum. */
  checksum?: boolean;
}

/** 192.0.2.7:4660 to 198.51.100.1:443. */
export const INET: number[] = [
  ...[192, 0, 2, 7],
  ...[198, 51, 100, 1],
  ...[0x12, 0x34],
  ...[0x01, 0xbb],
];

/** Returns a header of version 2. */
export function v2(
  { command = 0x21, family = 0x11, rest = INET, checksum = false }: V2 = {},
): Uint8Array {
  const contents = checksum ? join(rest, value(3, [0, 0, 0, 0])) : rest;
  const { length } = contents;
  const fixed = [command, family, length >> 8, length & 0xff];
  const header = join(ascii("\r\n\r\n\0\r\nQUIT\n"), fixed, contents);
  if (checksum) {
    new DataView(header.buffer).setUint32(header.length - 4, crc32c(header));
  }
  return header;
}
