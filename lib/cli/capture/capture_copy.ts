/**
 * Writes frames to a pcapng file.
 *
 * @module
 */
import { AGENT } from "../../messages/session/wire/agent.ts";
import type { FileOutput, Io } from "../io.ts";
import { fileError } from "../secrets.ts";
import type { CapturedFrame } from "./captured_frame.ts";
import { interfaceBlock, packetBlock, sectionHeader } from "./pcapng.ts";

/** A pcapng file that is being written. */
export class CaptureCopy {
  readonly #path: string;
  readonly #file: FileOutput;

  private constructor(path: string, file: FileOutput) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Creates the file.
   *
   * @throws {CliError} if the file cannot be written
   */
  static async create(path: string, io: Io): Promise<CaptureCopy> {
    let copy: CaptureCopy | undefined;
    try {
      copy = new CaptureCopy(path, await io.createFile(path));
      await copy.#file.write(sectionHeader(AGENT));
      return copy;
    } catch (error) {
      copy?.close();
      throw fileError("write", path, error);
    }
  }

  /** Adds a connection; frames refer to it by its number. */
  connected(name: string): Promise<void> {
    return this.#write(interfaceBlock(name));
  }

  /** Adds a frame, without secrets. */
  frame(
    frame: Pick<
      CapturedFrame,
      "connection" | "dir" | "time" | "bytes" | "size" | "note"
    >,
  ): Promise<void> {
    const { connection, dir, time, bytes, size, note } = frame;
    return this.#write(packetBlock({
      interface: connection - 1,
      dir,
      time,
      bytes,
      size,
      comment: note,
    }));
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.write(bytes);
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }
}
