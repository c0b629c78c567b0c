/**
 * Lines of text from a connection.
 *
 * @module
 */
import { lines, type LinesOptions } from "./layouts/lines.ts";
import type { ByteStream } from "./stream/byte_stream.ts";
import { frames } from "./stream/frame_stream.ts";

/**
 * Reads lines of UTF-8 text until the end of the stream.
 *
 * The last line may lack its line ending. The connection stays open, so that
 * you can write to it; after `break`, lines that had been read already are lost.
 * To read on, or to read bytes, use `frames(connection, lines())`.
 *
 * @example Read the output of a child process
 * ```ts
 * import { readLines } from "@lengthwise/lengthwise/framing";
 * import { streamConnection } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command("sort", { stdin: "piped", stdout: "piped" })
 *   .spawn();
 * using connection = streamConnection({
 *   readable: child.stdout,
 *   writable: child.stdin,
 * });
 * await connection.write(new TextEncoder().encode("two\none"));
 * await connection.closeWrite();
 * assertEquals(await Array.fromAsync(readLines(connection)), ["one", "two"]);
 * await child.status;
 * ```
 *
 * @param connection the connection to read
 * @param options the line endings and the limit, as for `lines()`
 * @throws {FrameError} if a line is longer than `maxFrameLength` bytes
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown, or a line is not valid UTF-8
 *
 * @category Streams
 */
export function readLines(
  connection: ByteStream,
  options: LinesOptions = {},
): AsyncGenerator<string, void, void> {
  const framing = lines({ finalLine: true, ...options });
  return decodeLines(frames(connection, framing, { copy: "never" }));
}

async function* decodeLines(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, void> {
  // A byte order mark belongs to the first line only, so it is kept.
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const line of stream) yield text.decode(line);
}
