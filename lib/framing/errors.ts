/**
 * The one error of the framing layer.
 *
 * @module
 */
import { hintOf } from "./protocol_hints.ts";

/**
 * What is wrong with a frame.
 *
 * | kind | meaning |
 * | --- | --- |
 * | `"too-long"` | longer than `maxFrameLength`, or 2^53 bytes and more |
 * | `"too-short"` | shorter than the layout or `minFrameLength` allows |
 * | `"truncated"` | the stream ended inside a frame |
 * | `"bad-length"` | the length makes no sense: it lies inside the frame's own header |
 * | `"bad-prefix"` | the length is not written as the layout asks (varint, netstring) |
 * | `"bad-header"` | a header block cannot be read (Content-Length) |
 * | `"bad-magic"` | a frame does not begin with the bytes it must begin with |
 * | `"bad-terminator"` | a frame does not end with the bytes it must end with |
 * | `"bad-encoding"` | escaped or stuffed bytes cannot be decoded (COBS, SLIP) |
 * | `"bad-payload"` | an encoder was given bytes that its layout cannot carry |
 * | `"too-many-parts"` | a message came in more frames than allowed |
 * | `"timeout"` | a frame was begun and not finished in time |
 */
export type FrameErrorKind =
  | "too-long"
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

/** What is known of the frame that a {@linkcode FrameError} is about. */
export interface FrameErrorDetails extends ErrorOptions {
  /** Length that the frame declares or has, in bytes of payload. */
  declared?: number | undefined;
  /** The limit that it breaks, in the unit of `declared`. */
  limit?: number | undefined;
  /** Bytes of the stream before this frame. */
  streamOffset?: number | undefined;
  /** Frames of the stream before this one. */
  frameIndex?: number | undefined;
  /** First bytes of the frame, as far as they had come; 16 are kept. */
  head?: Uint8Array | undefined;
  /** What else may be the matter, where `head` spells nothing well known. */
  hint?: string | undefined;
}

/**
 * A stream that cannot be decoded, or a payload that cannot be encoded.
 *
 * @example Tell what came instead of frames
 * ```ts
 * import { FrameError, u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const decoder = u32be().decoder();
 * decoder.push(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
 * const error = assertThrows(() => decoder.next(), FrameError);
 * assertEquals(error.kind, "too-long");
 * assertEquals(error.declared, 0x47455420);
 * assertEquals(error.limit, 4 * 1024 * 1024);
 * assertEquals(error.hint, "the bytes spell an HTTP request");
 * ```
 */
export class FrameError extends Error {
  /** What is wrong, for programs. */
  readonly kind: FrameErrorKind;
  /** Length that the frame declares or has, in bytes of payload, if known. */
  readonly declared: number | undefined;
  /** The limit that was broken, if one was. */
  readonly limit: number | undefined;
  /** Bytes of the stream before this frame; absent when encoding. */
  readonly streamOffset: number | undefined;
  /** Frames of the stream before this one; absent when encoding. */
  readonly frameIndex: number | undefined;
  /** First bytes of the frame, as far as they had come; at most 16. */
  readonly head: Uint8Array;
  /** What the matter may be, where the bytes look like something well known. */
  readonly hint: string | undefined;

  /**
   * An error about one frame.
   *
   * @param kind what is wrong, for programs
   * @param message what is wrong, for people
   * @param details what is known of the frame
   */
  constructor(
    kind: FrameErrorKind,
    message: string,
    details: FrameErrorDetails = {},
  ) {
    const head = details.head?.slice(0, 16) ?? new Uint8Array(0);
    const hint = hintOf(head) ?? details.hint;
    super(
      hint === undefined ? message : `${message}; ${hint}`,
      "cause" in details ? { cause: details.cause } : undefined,
    );
    this.name = "FrameError";
    this.kind = kind;
    this.declared = details.declared;
    this.limit = details.limit;
    this.streamOffset = details.streamOffset;
    this.frameIndex = details.frameIndex;
    this.head = head;
    this.hint = hint;
  }
}
