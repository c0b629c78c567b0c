/**
 * Names as parts of subjects. Pure.
 *
 * Different names have different parts, and no name contains the characters that
 * separate parts or act as wildcards:
 *
 * ```text
 *  name            1 to 64 characters of A-Z a-z 0-9 _ -
 *  ~ base64url     other names: their UTF-8
 *  ! base64url     names with lone surrogates: their UTF-16, little-endian
 *  = base64url     names whose UTF-8 or UTF-16 has more than 96 bytes: the SHA-256
 *                  of the text that begins with ~ or !
 * ```
 *
 * @module
 */
import { sha256 } from "../support/sha256.ts";

/** Names that are parts as they are. */
const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;

/** Bytes of the longest names that are not replaced with a digest. */
const LONGEST = 96;

/** Returns the part of a subject that stands for a name. */
export function subjectPart(name: string): string {
  if (PLAIN.test(name)) return name;
  const [mark, bytes] = name.isWellFormed()
    ? ["~", new TextEncoder().encode(name)] as const // a pair, not an array
    : ["!", utf16(name)] as const; // as above
  const part = mark + base64url(bytes);
  if (bytes.length <= LONGEST) return part;
  return `=${base64url(sha256(new TextEncoder().encode(part)))}`;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at++) {
    view.setUint16(2 * at, text.charCodeAt(at), true);
  }
  return bytes;
}

function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}
