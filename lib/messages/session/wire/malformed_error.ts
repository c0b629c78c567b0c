/**
 * Bytes that break the wire's rules, and text that must not.
 *
 * @module
 */

/** Bytes that break the wire's rules; the session decides what they close. */
export class MalformedError extends Error {
  /** @inheritdoc */
  override name = "MalformedError";
}

// A byte order mark is a character like any other: nothing is silently changed.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads UTF-8. @throws {MalformedError} */
export function text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MalformedError("text is not UTF-8");
  }
}

/** Text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
