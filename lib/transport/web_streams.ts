/**
 * A connection as a pair of web streams, for programs that pipe. Nothing of
 * this library goes through them: they cost several times a `read`.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import { writeAll } from "./io.ts";

/** Two streams over one connection. */
export interface ConnectionStreams {
  /** What the peer sends; a byte stream, so that BYOB readers work. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What goes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Options of {@linkcode webStreams}. */
export interface WebStreamsOptions {
  /**
   * Bytes that a chunk of `readable` holds at most.
   *
   * @default {65536}
   */
  chunkSize?: number;
}

/**
 * Makes web streams that keep half-close: closing `writable` ends this side's
 * stream and reading goes on, the end of `readable` leaves `writable` open.
 * (Those of a `Deno.Conn` close the whole socket in both cases.) The connection
 * is closed when both have ended, when `readable` is cancelled after `writable`
 * has ended or the other way round, and at once when `writable` is aborted or
 * either fails.
 *
 * @example Send a body, end it, and read the answer
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
 * @param connection it belongs to the streams from now on
 * @param options size of the chunks
 * @throws {RangeError} for a `chunkSize` that is no positive integer
 */
export function webStreams(
  connection: Connection,
  options: WebStreamsOptions = {},
): ConnectionStreams {
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
        // Streams ask `abort` only behind the write under way, which may wait.
        const abort = () => connection[Symbol.dispose]();
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

/** Whether there is more to come. */
async function pull(
  connection: Connection,
  controller: ReadableByteStreamController,
  cancelled: () => boolean,
): Promise<boolean> {
  // `autoAllocateChunkSize` puts a request behind every pull.
  const request = controller.byobRequest;
  const view = request?.view;
  if (!request || !view) return true;
  const { buffer, byteOffset, byteLength } = view;
  try {
    const count = await connection.read(
      new Uint8Array(buffer, byteOffset, byteLength),
    );
    // Cancelled while it waited: nobody takes these bytes any more.
    if (cancelled()) return false;
    if (count === null) controller.close();
    request.respond(count ?? 0);
    return count !== null;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

async function write(connection: Connection, chunk: Uint8Array): Promise<void> {
  try {
    await writeAll(connection, chunk);
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}
