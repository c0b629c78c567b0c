/**
 * The contract of the framing layer: bytes in, frames out, and back. Pure: no
 * clock, no socket, no promise.
 *
 * @module
 */

/**
 * Finds frames in a stream of bytes, however the stream was cut into chunks.
 *
 * @example The whole contract
 * ```ts ignore
 * decoder.push(chunk);                       // only takes the bytes
 * for (let frame; (frame = decoder.next());) // one frame, or "not yet"
 *   handle(frame);                           // valid until the next push or next
 * // … at the end of the stream:
 * decoder.end();                             // throws if a frame is owed
 * ```
 */
export interface FrameDecoder {
  /**
   * Takes the next bytes of the stream. Decodes nothing and throws nothing.
   * The chunk is referenced until {@linkcode FrameDecoder.next} says
   * "not yet", and never after.
   */
  push(chunk: Uint8Array): void;
  /**
   * The next whole frame, or `undefined`: "not yet". Never waits. The frame is
   * borrowed: it lives until the next `push` or `next`.
   *
   * @throws {FrameError} where the stream cannot be decoded. Every frame that
   * was whole before the fault has been handed out first. After a fatal error
   * each further call throws the same error.
   */
  next(): Uint8Array | undefined;
  /**
   * The end of the input.
   *
   * @throws {FrameError} of kind `"truncated"` if a frame is owed
   */
  end(): void;
  /** Bytes received and not decoded, for the hand-over to another protocol. */
  rest(): Uint8Array;
  /**
   * A frame has begun and is not whole: what `end` would throw for. Asked by
   * the pump after "not yet", to see that no frame takes too long.
   */
  readonly owed: boolean;
  /**
   * Bytes of memory that the decoder keeps of its own. It is dropped when
   * `next` says "not yet" with nothing to hold, twice in a row.
   */
  readonly held: number;
  /** How many frames were skipped as too long (`onTooLong: "skip"`). */
  readonly skipped: number;
  /**
   * Limit in payload bytes. A change holds for every frame whose length is not
   * known yet.
   *
   * @throws {RangeError} when set to what the layout cannot carry
   */
  maxFrameLength: number;
}

/** Turns payloads into frames. */
export interface FrameEncoder {
  /**
   * Frames a payload into a buffer of its own.
   *
   * @throws {FrameError} of kind `"too-long"` for a payload over the limit
   */
  encode(payload: Uint8Array): Uint8Array;
  /** Upper bound of the frame's bytes for a payload of that many bytes. */
  maxEncodedLength(payloadLength: number): number;
  /**
   * Frames a payload into `target` from `offset`.
   *
   * @returns the offset behind the frame
   */
  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number;
  /**
   * Writes what stands in front of a payload. Present where a frame is that
   * and then the payload as it is, with nothing behind: a large payload can
   * then be written without a copy.
   *
   * @returns the offset of the payload
   * @throws {FrameError} of kind `"too-long"` for a payload over the limit
   */
  encodeHeader?(
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ): number;
  /** Present where a payload can be framed as it lies in the target. */
  readonly inPlace?: InPlaceFraming;
}

/**
 * Framing of a payload that was written straight into the outgoing buffer:
 *
 * ```text
 *  frameStart     frameStart + headroom            payloadEnd
 *  │  headroom    │  payload                       │  tailroom  │
 * ```
 */
export interface InPlaceFraming {
  /** Bytes to leave free in front of the payload. */
  readonly headroom: number;
  /** Bytes to leave free behind the payload. */
  readonly tailroom: number;
  /**
   * Completes the frame around the payload.
   *
   * @returns the offset behind the frame; there is no gap between it and the
   * next frame's start, nor in front (a varint moves the payload)
   * @throws {FrameError} of kind `"too-long"` for a payload over the limit
   */
  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number;
}

/** A way to mark where frames begin and end. Made once, used by many connections. */
export interface Framing {
  /** A decoder for one stream. */
  decoder(): FrameDecoder;
  /** An encoder; encoders keep nothing between frames. */
  encoder(): FrameEncoder;
  /** Limit in payload bytes, the same for both directions. */
  readonly maxFrameLength: number;
}
