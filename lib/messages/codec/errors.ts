/**
 * The error class of the codecs.
 *
 * @module
 */

/**
 * Reasons why a value cannot be encoded or a body decoded.
 *
 * | kind | when | meaning |
 * | --- | --- | --- |
 * | `"unsupported"` | encoding | the codec cannot represent this value exactly |
 * | `"cycle"` | encoding | the value contains itself |
 * | `"limit"` | both | a limit is exceeded; see `limit`, `allowed` and `found` |
 * | `"truncated"` | decoding | the bytes end inside the value |
 * | `"trailing"` | decoding | bytes follow the value |
 * | `"malformed"` | decoding | the bytes are not well-formed |
 * | `"extension"` | decoding | an extension type is not allowed |
 * | `"key"` | both | a map key is not safe as an object key |
 * | `"range"` | decoding | JavaScript cannot hold a number or a time exactly |
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

/** Details of a {@linkcode CodecError}. */
export interface CodecErrorDetails extends ErrorOptions {
  /** Machine-readable reason. */
  kind: CodecErrorKind;
  /** Path within the value: keys and indices, outermost first. Only when encoding. */
  path?: readonly (string | number)[] | undefined;
  /** Offset in the body. Only when decoding. */
  offset?: number | undefined;
  /** Option name of the exceeded limit. */
  limit?: string | undefined;
  /** Value of that limit. */
  allowed?: number | undefined;
  /** Value that was found; for a limit, the true value may be larger. */
  found?: number | undefined;
}

/**
 * Error in encoding a value or decoding a body. It affects only that message;
 * the codec remains usable.
 *
 * @example Find a value that cannot be encoded
 * ```ts
 * import { CodecError, msgpack } from "@lengthwise/lengthwise";
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
  /** Machine-readable reason. */
  readonly kind: CodecErrorKind;
  /** Path within the value: keys and indices, outermost first. Only when encoding. */
  readonly path: readonly (string | number)[] | undefined;
  /** Offset in the body. Only when decoding. */
  readonly offset: number | undefined;
  /** Option name of the exceeded limit. */
  readonly limit: string | undefined;
  /** Value of that limit. */
  readonly allowed: number | undefined;
  /** Value that was found; for a limit, the true value may be larger. */
  readonly found: number | undefined;

  /**
   * Creates an error.
   *
   * @param message what failed, what is allowed and what to do
   * @param details the same facts in machine-readable form
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
