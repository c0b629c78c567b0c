/**
 * Writes files that arguments name.
 *
 * @module
 */
import type { Io } from "./io.ts";
import { fileError } from "./secrets.ts";

/**
 * Writes a text to a file.
 *
 * @throws {CliError} if the file cannot be written
 */
export async function writeFile(
  path: string,
  text: string,
  io: Io,
): Promise<void> {
  try {
    const file = await io.createFile(path);
    try {
      await file.write(new TextEncoder().encode(text));
    } finally {
      file.close();
    }
  } catch (error) {
    throw fileError("write", path, error);
  }
}
