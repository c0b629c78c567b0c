/**
 * Lines of text in chunks of bytes, converted several at a time.
 *
 * @module
 */
import type { FrameDecoder } from "../framing.ts";

/**
 * Maximum number of bytes decoded at once, unless a line is longer. Lines of one
 * text share its memory, so a line that is kept may keep this much.
 */
const BATCH = 4096;
const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** Converts lines of UTF-8 to text. */
export class LineText {
  // A byte order mark belongs to the first line only, so it is kept. Decoders
  // that are not fatal are three times as fast.
  readonly #loose = new TextDecoder("utf-8", { ignoreBOM: true });
  #strict: TextDecoder | undefined = undefined;

  /**
   * Returns the text of a line.
   *
   * @throws {TypeError} if it is not valid UTF-8
   */
  of(line: Uint8Array): string {
    const text = this.#loose.decode(line);
    // A replacement character may also be part of the line.
    if (!text.includes("\uFFFD")) return text;
    this.#strict ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return this.#strict.decode(line);
  }

  /** Returns the text of bytes that are all ASCII; otherwise `undefined`. */
  ofAscii(bytes: Uint8Array): string | undefined {
    const text = this.#loose.decode(bytes);
    // Each other character has fewer UTF-16 code units than bytes of UTF-8.
    const ascii = text.length === bytes.length && !text.includes("\uFFFD");
    return ascii ? text : undefined;
  }
}

/** Takes the lines out of the chunks of a stream. */
export class LineBatches {
  readonly #decoder: FrameDecoder;
  readonly #text = new LineText();
  #chunk: Uint8Array = EMPTY;
  #lines: string[] = [];
  /** Offset and length of each line that is not converted yet. */
  readonly #found: number[] = [];
  /** A fault after lines that are returned first. */
  #error: unknown = undefined;

  constructor(decoder: FrameDecoder) {
    this.#decoder = decoder;
  }

  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#decoder.push(chunk);
  }

  end(): void {
    this.#decoder.end();
  }

  /** Returns some of the lines that have arrived; none if more bytes are needed. */
  take(): readonly string[] {
    if (this.#error !== undefined) throw this.#error;
    this.#lines = [];
    try {
      const drained = this.#collect();
      this.#convert();
      if (drained) this.#chunk = EMPTY;
    } catch (error) {
      if (this.#lines.length === 0) throw error;
      this.#error = error;
    }
    return this.#lines;
  }

  /** Returns whether the decoder needs more bytes. */
  #collect(): boolean {
    const { buffer } = this.#chunk;
    for (let size = 0; size < BATCH;) {
      const line = this.#next();
      if (line === undefined) return true;
      size += line.length + 1;
      if (line.buffer === buffer) this.#add(line.byteOffset, line.length);
      else {
        this.#convert();
        this.#lines.push(this.#text.of(line));
      }
    }
    return false;
  }

  /** Returns the next line; lines before a fault are converted first. */
  #next(): Uint8Array | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      this.#convert();
      throw error;
    }
  }

  /** Adds a line of the chunk. Lines may be far apart if others were skipped. */
  #add(start: number, length: number): void {
    if (start + length - (this.#found[0] ?? start) > BATCH) this.#convert();
    this.#found.push(start, length);
  }

  #convert(): void {
    const found = this.#found.splice(0);
    if (found.length === 0) return;
    const { buffer } = this.#chunk;
    const first = found[0]!;
    const end = found.at(-2)! + found.at(-1)!;
    const all = this.#text.ofAscii(new Uint8Array(buffer, first, end - first));
    for (let i = 0; i < found.length; i += 2) {
      const start = found[i]!;
      const length = found[i + 1]!;
      this.#lines.push(
        all === undefined
          ? this.#text.of(new Uint8Array(buffer, start, length))
          : all.slice(start - first, start - first + length),
      );
    }
  }
}
