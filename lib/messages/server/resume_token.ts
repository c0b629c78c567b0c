/**
 * The secrets with which clients resume sessions. Only their hashes are stored.
 *
 * @module
 */
import { toHex } from "../support/hex.ts";
import { sha256 } from "../support/sha256.ts";

/** Length of a secret in bytes. */
const LENGTH = 32;

/** Returns a new secret and its hash. */
export function newSecret(): { secret: Uint8Array; hash: string } {
  const secret = crypto.getRandomValues(new Uint8Array(LENGTH));
  return { secret, hash: hashOf(secret) };
}

/** Returns the hash of a secret. */
export function hashOf(secret: Uint8Array): string {
  return toHex(sha256(secret));
}
