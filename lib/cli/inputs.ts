/**
 * Inputs of calls: an argument, a file or standard input.
 *
 * @module
 */
import { lines } from "../framing/layouts/lines.ts";
import type { Io } from "./io.ts";
import { readText } from "./io.ts";
import { fileError, readFileText } from "./secrets.ts";
import { parseValue } from "./values.ts";

/** Longest line of an input with several values, in bytes. */
const MAX_LINE = 16 * 1024 * 1024;

/**
 * Returns the value of an argument: JSON, `@file` or `-`.
 *
 * @throws {CliError} if it cannot be read
 */
export async function readInput(
  given: string | undefined,
  io: Io,
): Promise<unknown> {
  if (given === undefined) return undefined;
  if (given === "-") {
    return parseValue(await readText(io.stdin), "standard input");
  }
  return given.startsWith("@")
    ? parseValue(await readFileText(given.slice(1), io), given.slice(1))
    : parseValue(given, "the input");
}

/**
 * Yields the values of an argument: one of JSON, or one per line of `@file` or `-`.
 *
 * @throws {CliError} if a line is not JSON
 */
export async function* readInputs(
  given: string | undefined,
  io: Io,
): AsyncGenerator<unknown> {
  if (given === undefined) return;
  if (given !== "-" && !given.startsWith("@")) {
    yield parseValue(given, "the input");
    return;
  }
  const path = given.slice(1);
  const name = given === "-" ? "standard input" : path;
  const chunks = given === "-" ? io.stdin : namedFile(path, io);
  let line = 0;
  for await (const text of textLines(chunks)) {
    line++;
    if (text.trim() !== "") yield parseValue(text, `${name}, line ${line}`);
  }
}

async function* namedFile(
  path: string,
  io: Io,
): AsyncGenerator<Uint8Array> {
  try {
    yield* io.readFile(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
}

async function* textLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = lines({ maxFrameLength: MAX_LINE, finalLine: true })
    .decoder();
  const text = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of chunks) {
    decoder.push(chunk);
    for (let line; (line = decoder.next()) !== undefined;) {
      yield text.decode(line);
    }
  }
  decoder.end();
  for (let line; (line = decoder.next()) !== undefined;) {
    yield text.decode(line);
  }
}
