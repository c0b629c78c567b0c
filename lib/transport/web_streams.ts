/**
 * A connection as two web streams, for programs that pipe streams.
 *
 * The library itself does not use them, because a chunk costs several times as
 * much as a `read`.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Connection } from "./connection.ts";
import { writeAll } from "./io.ts";
import { destroy } from "./destroy.ts";

const OPTIONS: OptionNames<
  NonNullable<Parameters<typeof webStreams>[1]>
> = { chunkSize: true };

/**
 * Returns web streams that preserve a connection's half-close.
 *
 * Closing `writable` ends the outgoing stream while reading continues, and the
 * end of `readable` leaves `writable` open. (The streams of a `Deno.Conn` close
 * the whole socket in both cases.) The connection closes when both streams have
 * ended; cancelling `readable` counts as its end. It closes immediately if
 * `writable` is aborted or either stream fails.
 *
 * @example Send a body, end it and read the reply
 * ```ts
 * import { webStreams } from "@lengthwise/lengthwise/transport";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair();
 * const echo = webStreams(server);
 * const echoing = echo.readable.pipeTo(echo.writable);
 *
 * const { readable, writable } = webStreams(client);
 * await new Blob(["over and out"]).stream().pipeTo(writable);
 * assertEquals(await new Response(readable).text(), "over and out");
 * await echoing;
 * ```
 *
 * @param connection the connection; the streams own it
 * @param options `chunkSize`, the maximum size of a chunk of `readable`, in bytes
 * (65536 by default)
 * @throws {RangeError} if `chunkSize` is not a positive integer
 * @throws {TypeError} if an option is unknown
 *
 * @category Connections
 */
export function webStreams(
  connection: Connection,
  options: { readonly chunkSize?: number | undefined } = {},
): {
  /** The incoming bytes; a byte stream, so that BYOB readers work. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The outgoing bytes. */
  readonly writable: WritableStream<Uint8Array>;
} {
  checkOptions("webStreams()", options, OPTIONS);
  const { chunkSize = 65_536 } = options;
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new RangeError(
      `Cannot make streams as 'chunkSize' must be a positive integer: current value is ${chunkSize}`,
    );
  }
  const ended = { readable: false, writable: false };
  const end = (side: keyof typeof ended) => {
    ended[side] = true;
    if (ended.readable && ended.writable) connection[Symbol.dispose]();
  };
  return {
    readable: new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: chunkSize,
      pull: async (controller) => {
        const more = await pull(connection, controller, () => ended.readable);
        if (!more) end("readable");
      },
      cancel: () => end("readable"),
    }),
    writable: new WritableStream<Uint8Array>({
      start: ({ signal }) => {
        // The sink's `abort` is called only after the current write, which may block.
        const abort = () => destroy(connection);
        signal.addEventListener("abort", abort, { once: true });
      },
      write: (chunk) => write(connection, chunk),
      close: async () => {
        await connection.closeWrite();
        end("writable");
      },
    }),
  };
}

/** Reads one chunk; returns whether more may follow. */
async function pull(
  connection: Connection,
  controller: ReadableByteStreamController,
  cancelled: () => boolean,
): Promise<boolean> {
  // With `autoAllocateChunkSize`, every pull has a request.
  const request = controller.byobRequest;
  const view = request?.view;
  if (!request || !view) return true;
  const { buffer, byteOffset, byteLength } = view;
  try {
    const count = await connection.read(
      new Uint8Array(buffer, byteOffset, byteLength),
    );
    // The stream was cancelled during the read, so these bytes are dropped.
    if (cancelled()) return false;
    if (count === null) controller.close();
    request.respond(count ?? 0);
    return count !== null;
  } catch (error) {
    destroy(connection);
    throw error;
  }
}

async function write(connection: Connection, chunk: Uint8Array): Promise<void> {
  try {
    await writeAll(connection, chunk);
  } catch (error) {
    destroy(connection);
    throw error;
  }
}
