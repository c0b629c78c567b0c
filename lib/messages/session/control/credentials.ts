/**
 * Limits of credentials, which come from clients that are not authenticated yet.
 *
 * @module
 */
import type { MessageCodec } from "../../codec/message_codec.ts";
import type { SessionLimits } from "../wire/limits.ts";

/** Heap bytes that decoded credentials may hold for each byte of `maxCredentials`. */
const HELD_PER_BYTE = 16;
/** Heap bytes that they may hold in any case: the product for the default of 4,096. */
const LEAST_HELD = 65_536;

/** Decoded credentials. */
export interface DecodedCredentials {
  /** The credentials; `undefined` if there are none. */
  readonly value: unknown;
  /** Heap bytes that they hold. */
  readonly held: number;
}

/** Credentials of a client that sent none, or that are not checked. */
export const NO_CREDENTIALS: DecodedCredentials = { value: undefined, held: 0 };

/**
 * Decodes credentials within a budget of their own.
 *
 * @throws {CodecError} if they are malformed or hold too much
 */
export function decodeCredentials(
  codec: MessageCodec,
  bytes: Uint8Array,
  { maxCredentials }: SessionLimits,
): DecodedCredentials {
  const maxHeld = Math.max(LEAST_HELD, HELD_PER_BYTE * maxCredentials);
  const budget = { maxHeld, held: bytes.length }; // for codecs that do not measure
  const value = codec.decode(bytes, budget);
  return { value, held: budget.held };
}

/** Returns the message for credentials that exceed the limit. */
export function credentialsTooLarge(
  { length }: Uint8Array,
  { maxCredentials }: SessionLimits,
): string {
  return `the credentials have ${length} bytes; at most ${maxCredentials} are accepted`;
}
