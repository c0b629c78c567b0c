/**
 * Writes files that arguments name.
 *
 * @module
 */
import type { FileOutput, Io } from "./io.ts";
import { fileError } from "./secrets.ts";

/** A file that a command writes at its end. */
export class TextFile implements Disposable {
  readonly #path: string;
  readonly #file: FileOutput;

  constructor(path: string, file: FileOutput) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Replaces what the file contains.
   *
   * @throws {CliError} if the file cannot be written
   */
  async write(text: string): Promise<void> {
    try {
      await this.#file.write(new TextEncoder().encode(text));
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * Opens a file early, for a command that writes it later.
 *
 * @param path name of the file, if there is one
 * @throws {CliError} if the file cannot be written
 */
export async function openTextFile(
  path: string | undefined,
  io: Io,
): Promise<TextFile | undefined> {
  if (path === undefined) return undefined;
  try {
    return new TextFile(path, await io.createFile(path));
  } catch (error) {
    throw fileError("write", path, error);
  }
}
