/**
 * Framing for web streams. Each frame is a chunk that owns its memory.
 * `frames()` is cheaper, as its `receive()` needs no copy or promise per frame.
 * `frames()` can also half-close the connection.
 *
 * @module
 */
import type { FrameDecoder, FrameEncoder, Framing } from "../framing.ts";

/**
 * A transform stream from bytes to frames, which own their memory.
 *
 * It decodes a frame only when one is requested, and takes the next chunk only
 * when the previous one is fully decoded, so it queues no frames. If the stream
 * cannot be decoded or ends inside a frame, both sides fail after delivering
 * the frames before the fault.
 *
 * @example Decode frames from any source of bytes
 * ```ts
 * import { FrameDecoderStream, u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const chunks = [[0, 0], [0, 2, 104], [105, 0, 0, 0, 1, 33]];
 * const source = ReadableStream.from(chunks.map((one) => new Uint8Array(one)));
 *
 * const frames = source.pipeThrough(new FrameDecoderStream(u32be()));
 *
 * const text = new TextDecoder();
 * const texts = (await Array.fromAsync(frames)).map((one) => text.decode(one));
 * assertEquals(texts, ["hi", "!"]);
 * ```
 *
 * @category Streams
 */
export class FrameDecoderStream
  implements TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  /** The decoded frames. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The bytes, in chunks of any size. */
  readonly writable: WritableStream<Uint8Array>;
  readonly #decoder: FrameDecoder;

  /**
   * Creates a stream. Each connection needs its own.
   *
   * @param framing the framing of the bytes
   */
  constructor(framing: Framing) {
    const decoder = this.#decoder = framing.decoder();
    const chunks = new TransformStream<Uint8Array, Uint8Array>();
    const reader = chunks.readable.getReader();
    let ended = false;

    /** Reads until a frame is complete, or the stream ends. */
    async function read(
      controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
    ): Promise<void> {
      let frame: Uint8Array | undefined;
      while (frame === undefined) {
        if (ended) return controller.close();
        const { done, value } = await reader.read();
        ended = done;
        if (done) decoder.end();
        else decoder.push(checkedChunk(value));
        frame = decoder.next();
        if (frame !== undefined) controller.enqueue(frame.slice());
      }
    }

    function fail(
      controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
      error: unknown,
    ): Promise<void> {
      controller.error(error);
      return reader.cancel(error);
    }

    this.writable = chunks.writable;
    this.readable = new ReadableStream({
      pull(controller): void | Promise<void> {
        try {
          // A frame that has arrived costs no promise and no closure.
          const frame = decoder.next();
          if (frame !== undefined) return controller.enqueue(frame.slice());
        } catch (error) {
          return fail(controller, error);
        }
        return read(controller).catch((error) => fail(controller, error));
      },
      cancel: (reason): Promise<void> => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** Number of frames that the framing skipped as invalid. */
  get skipped(): number {
    return this.#decoder.skipped;
  }

  /**
   * Maximum payload length in bytes. A change applies to every frame whose
   * length is not known yet.
   *
   * @throws {RangeError} if set to a limit that the layout cannot carry
   */
  get maxFrameLength(): number {
    return this.#decoder.maxFrameLength;
  }

  set maxFrameLength(value: number) {
    this.#decoder.maxFrameLength = value;
  }
}

/**
 * A transform stream from payloads to frames.
 *
 * Both sides fail if a payload exceeds the limit.
 *
 * @example Encode payloads, then decode them
 * ```ts
 * import {
 *   FrameDecoderStream,
 *   FrameEncoderStream,
 *   varintPrefixed,
 * } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const payloads = [new Uint8Array([1, 2]), new Uint8Array(1000)];
 * const frames = ReadableStream.from(payloads)
 *   .pipeThrough(new FrameEncoderStream(varintPrefixed()))
 *   .pipeThrough(new FrameDecoderStream(varintPrefixed()));
 * assertEquals(await Array.fromAsync(frames), payloads);
 * ```
 *
 * @category Streams
 */
export class FrameEncoderStream
  implements TransformStream<Uint8Array, Uint8Array> {
  /** The frames, one per chunk. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The payloads. */
  readonly writable: WritableStream<Uint8Array>;
  readonly #encoder: FrameEncoder;

  /**
   * Creates a stream. Each connection needs its own.
   *
   * @param framing the framing of the payloads
   */
  constructor(framing: Framing) {
    const encoder = this.#encoder = framing.encoder();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform(payload, controller): void {
        controller.enqueue(encoder.encode(checkedChunk(payload)));
      },
    });
    this.readable = readable;
    this.writable = writable;
  }

  /**
   * Maximum payload length in bytes. A change applies to the next payload.
   *
   * @throws {RangeError} if set to a limit that the layout cannot carry
   */
  get maxFrameLength(): number {
    return this.#encoder.maxFrameLength;
  }

  set maxFrameLength(value: number) {
    this.#encoder.maxFrameLength = value;
  }
}

/** Returns a chunk of a web stream if it is a `Uint8Array`; otherwise throws. */
export function checkedChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(
    `Cannot process a chunk as it must be a Uint8Array: current value is of type ${typeof chunk}`,
  );
}
