/**
 * Writes files that arguments name.
 *
 * @module
 */
import type { FileOutput, Io } from "./io.ts";
import { fileError } from "./secrets.ts";

/** A file that a command writes at its end. */
export interface TextFile {
  /**
   * Replaces what the file contains.
   *
   * @throws {CliError} if the file cannot be written
   */
  write(text: string): Promise<void>;
}

/** Files that a command opens first, so that wrong paths fail early. */
export class TextFiles {
  readonly #io: Io;
  readonly #open: FileOutput[] = [];

  constructor(io: Io) {
    this.#io = io;
  }

  /**
   * Opens the file that an argument names, if it does.
   *
   * @throws {CliError} if the file cannot be written
   */
  async open(path: string | undefined): Promise<TextFile | undefined> {
    if (path === undefined) return undefined;
    try {
      const file = await this.#io.createFile(path);
      this.#open.push(file);
      return { write: (text) => write(file, text, path) };
    } catch (error) {
      throw fileError("write", path, error);
    }
  }

  /** Closes all files. */
  close(): void {
    for (const file of this.#open.splice(0)) file.close();
  }
}

async function write(
  file: FileOutput,
  text: string,
  path: string,
): Promise<void> {
  try {
    await file.write(new TextEncoder().encode(text));
  } catch (error) {
    throw fileError("write", path, error);
  }
}
