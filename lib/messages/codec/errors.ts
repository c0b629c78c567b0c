/**
 * The one error of the codecs.
 *
 * @module
 */

/**
 * What is wrong with a value or with the bytes of one.
 *
 * | kind | when | meaning |
 * | --- | --- | --- |
 * | `"unsupported"` | encoding | the codec has no form for this value: it would not arrive as it is |
 * | `"cycle"` | encoding | the value contains itself |
 * | `"limit"` | both | over a budget; `limit`, `allowed` and `found` say which |
 * | `"truncated"` | decoding | the bytes end inside the value |
 * | `"trailing"` | decoding | bytes are left behind the value |
 * | `"malformed"` | decoding | the bytes are not well-formed |
 * | `"extension"` | decoding | an extension type that is not allowed |
 * | `"key"` | both | a map key that an object cannot carry safely |
 * | `"range"` | decoding | a number or a time that JavaScript cannot hold exactly |
 */
export type CodecErrorKind =
  | "unsupported"
  | "cycle"
  | "limit"
  | "truncated"
  | "trailing"
  | "malformed"
  | "extension"
  | "key"
  | "range";

/** What is known about a {@linkcode CodecError}. */
export interface CodecErrorDetails extends ErrorOptions {
  /** What is wrong, for programs. */
  kind: CodecErrorKind;
  /** Where in the value (encoding): keys and indices from the outside inwards. */
  path?: readonly (string | number)[] | undefined;
  /** Where in the bytes (decoding). */
  offset?: number | undefined;
  /** Name of the limit that was broken, as its option is called. */
  limit?: string | undefined;
  /** What that limit allows. */
  allowed?: number | undefined;
  /** What was found instead; for a limit at least so much. */
  found?: number | undefined;
}

/**
 * A value that cannot be encoded, or bytes that cannot be decoded. It concerns
 * that one message: the codec goes on working.
 *
 * @example A value is refused by name and path before a byte is sent
 * ```ts
 * import { CodecError, msgpack } from "@lengthwise/lengthwise/messages";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const error = assertThrows(
 *   () => msgpack().encode({ items: [{ done: () => {} }] }),
 *   CodecError,
 *   "Cannot encode a function at items[0].done",
 * );
 * assertEquals(error.kind, "unsupported");
 * assertEquals(error.path, ["items", 0, "done"]);
 * ```
 */
export class CodecError extends Error {
  /** Always `"CodecError"`. */
  override readonly name = "CodecError";
  /** What is wrong, for programs. */
  readonly kind: CodecErrorKind;
  /** Where in the value, when encoding. */
  readonly path: readonly (string | number)[] | undefined;
  /** Where in the bytes, when decoding. */
  readonly offset: number | undefined;
  /** Name of the limit that was broken, as its option is called. */
  readonly limit: string | undefined;
  /** What that limit allows. */
  readonly allowed: number | undefined;
  /** What was found; for a limit at least so much. */
  readonly found: number | undefined;

  /**
   * Puts together what is known.
   *
   * @param message what was wrong, what was allowed, what to do
   * @param details the same for programs
   */
  constructor(message: string, details: CodecErrorDetails) {
    super(
      message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.kind = details.kind;
    this.path = details.path;
    this.offset = details.offset;
    this.limit = details.limit;
    this.allowed = details.allowed;
    this.found = details.found;
  }
}
