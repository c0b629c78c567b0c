/**
 * The error class of the codecs.
 *
 * @module
 */
import { isOfKind } from "../../support/error_kind.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../../support/check_options.ts";

/**
 * The reason why a value cannot be encoded or a body decoded.
 *
 * | code | when | meaning |
 * | --- | --- | --- |
 * | `"unsupported"` | encoding | the codec cannot represent this value exactly |
 * | `"cycle"` | encoding | the value contains itself |
 * | `"too-large"` | both | a limit is exceeded; see `limit`, `allowed` and `found` |
 * | `"truncated"` | decoding | the bytes end inside the value |
 * | `"trailing"` | decoding | bytes follow the value |
 * | `"malformed"` | decoding | the bytes are not well-formed |
 * | `"extension"` | both | an extension is not allowed, or its function failed |
 * | `"key"` | both | a map key is not a string, or is not safe as an object key |
 * | `"range"` | decoding | JavaScript cannot hold a number or a time exactly |
 *
 * @category Errors
 */
export type CodecErrorCode =
  | "unsupported"
  | "cycle"
  | "too-large"
  | "truncated"
  | "trailing"
  | "malformed"
  | "extension"
  | "key"
  | "range";

/**
 * Details of a {@linkcode CodecError}.
 *
 * @category Codecs
 */
export interface CodecErrorOptions extends ErrorOptions {
  /** The reason for the failure. */
  code: CodecErrorCode;
  /**
   * Path within the value: keys and indices, outermost first. When decoding, only
   * if an extension fails; the keys are then text of the peer.
   */
  path?: readonly (string | number)[] | undefined;
  /** Offset in the body. Only when decoding. */
  offset?: number | undefined;
  /** Option name of the exceeded limit. */
  limit?: string | undefined;
  /** Value of that limit. */
  allowed?: number | undefined;
  /** Value that was found; the whole message may contain more. */
  found?: number | undefined;
}

/** The codes; the compiler requires each of them. */
const CODES: readonly string[] = /* @__PURE__ */ Object.keys(
  {
    unsupported: true,
    cycle: true,
    "too-large": true,
    truncated: true,
    trailing: true,
    malformed: true,
    extension: true,
    key: true,
    range: true,
  } satisfies Record<CodecErrorCode, true>,
);

const CODEC_ERROR_OPTIONS: OptionNames<CodecErrorOptions> = {
  code: true,
  path: true,
  offset: true,
  limit: true,
  allowed: true,
  found: true,
  cause: true,
};

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
 * assertEquals(error.code, "unsupported");
 * assertEquals(error.path, ["items", 0, "done"]);
 * ```
 *
 * @category Errors
 */
export class CodecError extends Error {
  /** Always `"CodecError"`. */
  override readonly name = "CodecError";
  /** The reason for the failure. */
  readonly code: CodecErrorCode;
  /**
   * Path within the value: keys and indices, outermost first. When decoding, only
   * if an extension fails; the keys are then text of the peer.
   */
  readonly path: readonly (string | number)[] | undefined;
  /** Offset in the body. Only when decoding. */
  readonly offset: number | undefined;
  /** Option name of the exceeded limit. */
  readonly limit: string | undefined;
  /** Value of that limit. */
  readonly allowed: number | undefined;
  /** Value that was found; the whole message may contain more. */
  readonly found: number | undefined;

  /**
   * Creates an error.
   *
   * @param message what failed, what is allowed and what to do
   * @param options the code, details of the value or body, and the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: CodecErrorOptions) {
    checkOptions("CodecError()", options, CODEC_ERROR_OPTIONS);
    checkChoice("CodecError()", "code", options.code, CODES);
    super(message, options);
    this.code = options.code;
    this.path = options.path;
    this.offset = options.offset;
    this.limit = options.limit;
    this.allowed = options.allowed;
    this.found = options.found;
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, CodecError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "CodecError";
  }
}
