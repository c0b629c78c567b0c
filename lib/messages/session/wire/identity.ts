/**
 * The entries SESSION, INSTANCE and LOCATION of a server's HELLO.
 *
 * A receiver skips an entry whose value is not valid: the ids are for logs, and
 * a client decides itself whether it follows a location.
 *
 * @module
 */
import { toHex } from "../../support/hex.ts";

/** Length in bytes of the id of a session or an instance. */
const ID = 16;
/** Maximum length in bytes of a location. */
export const MAX_LOCATION = 255;

/** Decodes an id; `undefined` if it is not valid. */
export function decodeId(value: Uint8Array | undefined): string | undefined {
  return value?.length === ID ? toHex(value) : undefined;
}

/** Decodes a location; `undefined` if it is not valid. */
export function decodeLocation(
  value: Uint8Array | undefined,
): string | undefined {
  if (value === undefined || value.length === 0) return undefined;
  if (value.length > MAX_LOCATION) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return undefined;
  }
}
