/**
 * The error for malformed bytes, and the decoder for text.
 *
 * @module
 */

/**
 * Thrown for bytes that violate the protocol. The session decides whether the
 * call or the connection ends.
 */
export class MalformedError extends Error {
  /** @inheritdoc */
  override name = "MalformedError";
}

// Keep a byte order mark, because text must not change silently.
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/**
 * Decodes UTF-8.
 *
 * @throws {MalformedError} if the bytes are not valid UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MalformedError("text is not valid UTF-8");
  }
}
