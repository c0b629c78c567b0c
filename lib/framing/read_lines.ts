/**
 * Lines of text from a connection, or from another source of bytes.
 *
 * @module
 */
import { withInherited } from "../support/check_options.ts";
import { NextCalls } from "../support/next_calls.ts";
import { lines, type LinesOptions } from "./layouts/lines.ts";
import type { ByteStream } from "./stream/byte_stream.ts";
import { frames } from "./stream/frame_stream.ts";
import { LineText } from "./stream/line_batches.ts";
import { LineIterator } from "./stream/line_iterator.ts";

/**
 * Reads lines of UTF-8 text until the end of the stream.
 *
 * The source is a connection, an object with `read`, such as `Deno.stdin` and an
 * open file, or a web stream, such as the output of a child process. The last
 * line may lack its line ending; a byte order mark stays in the first one. A
 * connection stays open, so that you can write to it, and a file too; a web stream
 * is cancelled by `break`. After `break`, lines that had been read already are
 * lost. To read on, or to read bytes, use `frames(connection, lines())`.
 *
 * A line from a connection must arrive within the default time limits of
 * `frames()`. Other sources have no time limit.
 *
 * @example Read the output of a child process
 * ```ts
 * import { readLines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command("printf", {
 *   args: ["one\\ntwo"],
 *   stdout: "piped",
 * }).spawn();
 * assertEquals(await Array.fromAsync(readLines(child.stdout)), ["one", "two"]);
 * await child.status;
 * ```
 *
 * @example Read a file
 * ```ts
 * import { readLines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, "one\r\ntwo\n");
 * using file = await Deno.open(path);
 * assertEquals(await Array.fromAsync(readLines(file)), ["one", "two"]);
 * await Deno.remove(path);
 * ```
 *
 * @param source the connection, object or web stream to read
 * @param options the line endings and the limit, as for `lines()`
 * @throws {FrameError} if a line is longer than `maxFrameLength` bytes
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown, the source has no method `read`,
 * or a line is not valid UTF-8
 *
 * @category Streams
 */
export function readLines(
  source: ByteStream | Pick<ByteStream, "read"> | ReadableStream<Uint8Array>,
  options: LinesOptions = {},
): AsyncGenerator<string, void, void> {
  const framing = lines({ finalLine: true, ...withInherited(options) });
  if (source instanceof ReadableStream) {
    return new LineIterator(source, framing);
  }
  if (typeof source?.read !== "function") {
    throw new TypeError("Cannot read lines as the source has no method 'read'");
  }
  const copy = "never";
  const stream = "closeWrite" in source
    ? frames(source, framing, { copy })
    : frames(readOnly(source), framing, { copy, frameTimeout: 0 });
  const calls = new NextCalls();
  return calls.of(decodeLines(stream, calls));
}

/** Returns a connection that only reads, and that leaves its source open. */
function readOnly(source: Pick<ByteStream, "read">): ByteStream {
  return {
    read(buffer) {
      const count = source.read(buffer);
      if (typeof count?.then === "function") return count;
      throw new TypeError(
        "Cannot read lines as the source's method 'read' returns no promise; convert a stream of Node with Readable.toWeb()",
      );
    },
    write: () =>
      Promise.reject(new Error("The source of lines is not writable")),
    closeWrite: () => Promise.resolve(),
    [Symbol.dispose]() {},
  };
}

async function* decodeLines(
  stream: AsyncIterable<Uint8Array>,
  calls: NextCalls,
): AsyncGenerator<string, void, void> {
  const text = new LineText();
  try {
    for await (const line of stream) {
      const next = text.of(line);
      calls.yields();
      yield next;
    }
  } catch (error) {
    calls.throws();
    throw error;
  }
}
