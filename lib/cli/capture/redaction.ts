/**
 * Removes credentials and tokens from frames.
 *
 * @module
 */
import { FIXED } from "../../messages/session/wire/hello.ts";
import {
  getU16,
  HEADER,
  Kind,
} from "../../messages/session/wire/frame_header.ts";

/** Entries of HELLO that are secrets: AUTH, TOKEN and RESUME. */
const SECRET_ENTRIES: readonly number[] = [0x04, 0x0a, 0x0b];

/** Size in bytes of an entry's type and length. */
const ENTRY_HEADER = 3;

/**
 * Returns a copy of a frame without secrets: they become zeros.
 *
 * HELLO and AUTH contain secrets. The rest of a HELLO that cannot be read is
 * replaced as a whole.
 *
 * @param frame the header and the body, without the length
 */
export function redacted(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = frame.slice();
  if (copy[0] === Kind.AUTH) copy.fill(0, HEADER);
  if (copy[0] === Kind.HELLO) redactHello(copy);
  return copy;
}

function redactHello(frame: Uint8Array): void {
  let at = HEADER + FIXED;
  while (at < frame.length) {
    const start = at + ENTRY_HEADER;
    const end = start <= frame.length
      ? start + getU16(frame, at + 1)
      : frame.length + 1;
    // An entry that is not whole may be a secret.
    if (end > frame.length) frame.fill(0, at);
    else if (SECRET_ENTRIES.includes(frame[at]!)) frame.fill(0, start, end); // in range
    at = end;
  }
}
