/**
 * The only error class of the framing layer.
 *
 * @module
 */
import { isOfKind } from "../support/error_kind.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../support/check_options.ts";
import { hintOf } from "./protocol_hints.ts";

/**
 * The reason why a frame is invalid.
 *
 * | code | meaning |
 * | --- | --- |
 * | `"too-large"` | longer than `maxFrameLength`, or 2^53 bytes or more |
 * | `"too-short"` | shorter than the layout or `minFrameLength` allows |
 * | `"truncated"` | the stream ended inside a frame |
 * | `"bad-length"` | the frame would end inside its own header |
 * | `"bad-prefix"` | the prefix is not encoded as the layout requires (varint, netstring, custom prefix) |
 * | `"bad-header"` | a header block (Content-Length) or a part's header cannot be parsed, or a custom rule throws |
 * | `"bad-magic"` | a frame does not begin with the required bytes |
 * | `"bad-terminator"` | a frame does not end with the required bytes |
 * | `"bad-encoding"` | escaped or stuffed bytes cannot be decoded (COBS, SLIP) |
 * | `"bad-payload"` | the layout cannot carry the payload to be encoded |
 * | `"too-many-parts"` | a message has more parts than allowed |
 * | `"timeout"` | an incomplete frame stalled or arrived too slowly |
 *
 * @category Errors
 */
export type FrameErrorCode =
  | "too-large"
  | "too-short"
  | "truncated"
  | "bad-length"
  | "bad-prefix"
  | "bad-header"
  | "bad-magic"
  | "bad-terminator"
  | "bad-encoding"
  | "bad-payload"
  | "too-many-parts"
  | "timeout";

/**
 * Details of a {@linkcode FrameError}.
 *
 * @category Framing
 */
export interface FrameErrorOptions extends ErrorOptions {
  /** The reason why the frame is invalid. */
  code: FrameErrorCode;
  /**
   * Declared or actual payload length in bytes. For `"too-many-parts"`, the
   * number of parts.
   */
  declared?: number | undefined;
  /** The violated limit, in the unit of `declared`. */
  limit?: number | undefined;
  /** Number of bytes before this frame in the stream. */
  streamOffset?: number | undefined;
  /** Number of frames before this one in the stream. */
  frameIndex?: number | undefined;
  /** First bytes of the frame, as far as received; at most 16 are kept. */
  head?: Uint8Array | undefined;
  /**
   * Probable cause; used if `head` does not look like a well-known protocol.
   */
  hint?: string | undefined;
}

/** The codes; the compiler requires each of them. */
const CODES: readonly string[] = /* @__PURE__ */ Object.keys(
  {
    "too-large": true,
    "too-short": true,
    truncated: true,
    "bad-length": true,
    "bad-prefix": true,
    "bad-header": true,
    "bad-magic": true,
    "bad-terminator": true,
    "bad-encoding": true,
    "bad-payload": true,
    "too-many-parts": true,
    timeout: true,
  } satisfies Record<FrameErrorCode, true>,
);

const FRAME_ERROR_OPTIONS: OptionNames<FrameErrorOptions> = {
  code: true,
  declared: true,
  limit: true,
  streamOffset: true,
  frameIndex: true,
  head: true,
  hint: true,
  cause: true,
};

/**
 * An error in a stream being decoded or a payload being encoded.
 *
 * @example Recognize a client that speaks a different protocol
 * ```ts
 * import { FrameError, u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const decoder = u32be().decoder();
 * decoder.push(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
 * const error = assertThrows(() => decoder.next(), FrameError);
 * assertEquals(error.code, "too-large");
 * assertEquals(error.declared, 0x47455420);
 * assertEquals(error.limit, 4 * 1024 * 1024);
 * assertEquals(error.hint, "the bytes look like an HTTP request");
 * ```
 *
 * @category Errors
 */
export class FrameError extends Error {
  /** Always `"FrameError"`. */
  override readonly name = "FrameError";
  /** The reason why the frame is invalid. */
  readonly code: FrameErrorCode;
  /**
   * Declared or actual payload length in bytes, if known. For
   * `"too-many-parts"`, the number of parts.
   */
  readonly declared: number | undefined;
  /** The violated limit, if any. */
  readonly limit: number | undefined;
  /** Number of bytes before this frame in the stream, if known. */
  readonly streamOffset: number | undefined;
  /** Number of frames before this one in the stream; absent when encoding. */
  readonly frameIndex: number | undefined;
  /** First bytes of the frame, as far as received; at most 16. */
  readonly head: Uint8Array;
  /** Probable cause of the error, if known. */
  readonly hint: string | undefined;

  /**
   * Creates an error about one frame.
   *
   * @param message what failed, what is expected and what to do
   * @param options the code, details of the frame, and the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: FrameErrorOptions) {
    checkOptions("FrameError()", options, FRAME_ERROR_OPTIONS);
    checkChoice("FrameError()", "code", options.code, CODES);
    const head = options.head?.slice(0, 16) ?? new Uint8Array(0);
    const hint = hintOf(head) ?? options.hint;
    super(hint === undefined ? message : `${message}; ${hint}`, options);
    this.code = options.code;
    this.declared = options.declared;
    this.limit = options.limit;
    this.streamOffset = options.streamOffset;
    this.frameIndex = options.frameIndex;
    this.head = head;
    this.hint = hint;
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, FrameError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "FrameError";
  }
}
