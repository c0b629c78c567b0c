/**
 * Interfaces that convert bytes to frames and frames to bytes. A framing is
 * pure: it uses no clock, no socket and no promise.
 *
 * @module
 */

/**
 * A decoder that splits a stream of bytes into frames. The chunks of the stream
 * may end anywhere.
 *
 * @example The whole contract
 * ```ts ignore
 * decoder.push(chunk);                       // takes the bytes, decodes nothing
 * for (let frame; (frame = decoder.next());) // a frame; undefined: needs more bytes
 *   handle(frame);                           // valid until the next push() or next()
 * // … at the end of the stream:
 * decoder.end();                             // throws if a frame is incomplete
 * for (let frame; (frame = decoder.next());) // frames that the end completes
 *   handle(frame);
 * ```
 *
 * @category Contract
 */
export interface FrameDecoder {
  /**
   * Takes the next chunk of the stream. Decodes nothing and never throws. The
   * decoder may keep a reference to the chunk until
   * {@linkcode FrameDecoder.next} returns `undefined`, but no longer.
   */
  push(chunk: Uint8Array): void;
  /**
   * Returns the next complete frame, or `undefined` if more bytes are needed.
   * Never waits. The frame is borrowed: it is valid until the next `push` or
   * `next`.
   *
   * @throws {FrameError} if the stream cannot be decoded. All frames that were
   * complete before the fault are returned first. After a fatal error, every
   * later call throws the same error.
   */
  next(): Uint8Array | undefined;
  /**
   * Marks the end of the input. Call it after `next` has returned `undefined`,
   * then call `next` again: it returns the frames that only the end completes.
   * These are a frame whose delimiter is the beginning of a longer one, and the
   * last line if `finalLine` is set. After them, `next` throws if a frame is
   * incomplete.
   *
   * @throws {FrameError} with code `"truncated"` if a frame is incomplete and
   * none is left for `next` to return
   */
  end(): void;
  /** Returns the bytes received but not decoded, for switching protocols. */
  rest(): Uint8Array;
  /**
   * Number of bytes received of an incomplete frame; `0` between frames. A frame
   * that is being skipped is incomplete until its end. The pump reads this after
   * `next` has returned `undefined`, to limit the time that the frame may take.
   */
  readonly pending: number;
  /**
   * Number of bytes of memory that the decoder owns. It releases them when
   * `next` returns `undefined` twice in a row while the decoder holds no bytes
   * of a frame.
   */
  readonly held: number;
  /** Number of invalid frames skipped (`onTooLarge: "skip"`). */
  readonly skipped: number;
  /**
   * Maximum payload length in bytes. A change applies to every frame whose
   * length is not known yet. `Infinity` means the longest frame that the layout
   * can carry.
   *
   * @throws {RangeError} if set to a limit that the layout cannot carry
   */
  maxFrameLength: number;
}

/**
 * An encoder that turns payloads into frames. Its only state is its limit.
 *
 * @category Contract
 */
export interface FrameEncoder {
  /**
   * Encodes a payload as a frame in a new buffer.
   *
   * @throws {FrameError} with code `"too-large"` if the payload exceeds the limit
   */
  encode(payload: Uint8Array): Uint8Array;
  /** Returns an upper bound on the frame's length for a payload length. */
  maxEncodedLength(payloadLength: number): number;
  /**
   * Encodes a payload as a frame in `target`, starting at `offset`. The payload
   * may be part of `target`.
   *
   * @returns the offset after the frame
   */
  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number;
  /**
   * Writes the bytes that precede a payload. A large payload can then be
   * written without a copy. Only encoders of layouts that leave the payload
   * unchanged and add nothing after it have this method.
   *
   * @returns the offset of the payload
   * @throws {FrameError} with code `"too-large"` if the payload exceeds the limit
   */
  encodeHeader?(
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ): number;
  /** In-place framing, if the layout supports it. */
  readonly inPlace?: InPlaceFraming;
  /**
   * Maximum payload length in bytes. A change applies to the next frame; it may
   * change `headroom`, so do not make it while a frame is being written in
   * place. `Infinity` means the longest frame that the layout can carry.
   *
   * @throws {RangeError} if set to a limit that the layout cannot carry
   */
  maxFrameLength: number;
}

/**
 * Framing of a payload that is already in the outgoing buffer:
 *
 * ```text
 *  frameStart     frameStart + headroom            payloadEnd
 *  │  headroom    │  payload                       │  tailroom  │
 * ```
 *
 * @category Contract
 */
export interface InPlaceFraming {
  /** Number of bytes to leave free before the payload. */
  readonly headroom: number;
  /** Number of bytes to leave free after the payload. */
  readonly tailroom: number;
  /**
   * Completes the frame around the payload. The frame begins at `frameStart`
   * even if its prefix is shorter than `headroom`, as a varint can be: the
   * payload is then moved, so that there is no gap between frames.
   *
   * @returns the offset after the frame, where the next one may start
   * @throws {FrameError} with code `"too-large"` if the payload exceeds the limit
   */
  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number;
}

/**
 * A format that marks where frames begin and end. One framing serves any
 * number of connections.
 *
 * @category Contract
 */
export interface Framing {
  /** Returns a decoder for one stream. */
  decoder(): FrameDecoder;
  /** Returns an encoder; encoders keep no state between frames. */
  encoder(): FrameEncoder;
  /** Maximum payload length in bytes, the same in both directions. */
  readonly maxFrameLength: number;
}
