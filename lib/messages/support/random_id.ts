/**
 * Random ids. Pages on plain http have no `crypto.randomUUID`.
 *
 * @module
 */
import { toHex } from "./hex.ts";

/** Returns a random id of 128 bits, in hexadecimal. */
export function randomId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(16)));
}
