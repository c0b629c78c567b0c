/**
 * Prints the values of answers, and notes about them.
 *
 * @module
 */
import { printableLines } from "../messages/support/printable.ts";
import { hexDump, jsonFor, jsonLine, jsonLines, styled } from "./display.ts";
import { type FlagValues, type GENERAL_FLAGS, parseChoice } from "./flags.ts";
import { type Io, writeText } from "./io.ts";
import { toJson } from "./values.ts";

const FORMATS = ["auto", "pretty", "json", "ndjson", "raw", "hex"] as const;

const COLORS = ["auto", "always", "never"] as const;

/** Form of answers; `"pretty"` is for people. */
export type Format = Exclude<typeof FORMATS[number], "auto">;

/** Form of answers and notes, from the flags that every command has. */
export class Printer {
  readonly #io: Io;
  /** Form of answers. */
  readonly format: Format;
  /** Whether notes are printed. */
  readonly quiet: boolean;
  /** Whether details are printed. */
  readonly verbose: boolean;
  readonly #color: boolean | undefined;

  /** @throws {CliError} if a flag has an unknown value */
  constructor(io: Io, flags: FlagValues<typeof GENERAL_FLAGS>) {
    const format = parseChoice("format", flags.format ?? "auto", FORMATS);
    const color = parseChoice("color", flags.color ?? "auto", COLORS);
    this.#io = io;
    this.format = format !== "auto"
      ? format
      : io.stdout.isTTY
      ? "pretty"
      : "ndjson";
    this.quiet = flags.quiet ?? false;
    this.verbose = flags.verbose ?? false;
    this.#color = color === "auto" ? undefined : color === "always";
  }

  /** Whether answers have colors. */
  get color(): boolean {
    return this.#color ?? (this.#io.stdout.isTTY && this.#io.color);
  }

  /** Width of the terminal. */
  get columns(): number {
    return this.#io.stdout.columns;
  }

  /** Whether answers go to a terminal. */
  get isTTY(): boolean {
    return this.#io.stdout.isTTY;
  }

  /** Prints text that this program has made. */
  print(text: string): Promise<void> {
    return writeText(this.#io.stdout, text);
  }

  /** Prints a note to standard error; a peer's characters cannot act. */
  async note(text: string): Promise<void> {
    if (!this.quiet) await this.#aside(text);
  }

  /** Prints a detail to standard error, with `--verbose`. */
  async detail(text: string): Promise<void> {
    if (this.verbose) await this.#aside(text);
  }

  #aside(text: string): Promise<void> {
    const color = this.#color ?? (this.#io.stderr.isTTY && this.#io.color);
    const safe = printableLines(text);
    return writeText(this.#io.stderr, `${styled(safe, "dim", color)}\n`);
  }

  /** Prints one value. */
  value(value: unknown): Promise<void> {
    return this.#io.stdout.write(this.#bytesOf(value));
  }

  /**
   * Returns a printer for the values of a stream.
   *
   * With the format `json`, they are the elements of one array.
   */
  stream(): StreamPrinter {
    return this.format === "json" ? new ArrayPrinter(this) : {
      item: (value) => this.value(value),
      end: () => Promise.resolve(),
    };
  }

  #bytesOf(value: unknown): Uint8Array {
    const { format } = this;
    if (format === "raw") return rawBytes(value);
    return encoder.encode(
      format === "hex"
        ? hexDump(value instanceof Uint8Array ? value : rawText(value))
        : `${this.textOf(value)}\n`,
    );
  }

  /** Returns a value as JSON, as the format requires. */
  textOf(value: unknown): string {
    const json = toJson(value);
    if (this.format === "json") return jsonLines(json);
    return this.format === "pretty"
      ? jsonFor(this.#io.stdout.columns, json)
      : jsonLine(json);
  }
}

const encoder = new TextEncoder();

/** Returns bytes unchanged, and anything else as a line. */
function rawBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text = rawText(value);
  const line = new Uint8Array(text.length + 1);
  line.set(text);
  line[text.length] = 0x0a;
  return line;
}

/** Returns a string as it is, and anything else as JSON. */
function rawText(value: unknown): Uint8Array {
  return encoder.encode(
    typeof value === "string" ? value : JSON.stringify(toJson(value)),
  );
}

/** Prints the items of a stream. */
export interface StreamPrinter {
  /** Prints an item. */
  item(value: unknown): Promise<void>;
  /** Completes the output; call it also if the stream failed. */
  end(): Promise<void>;
}

class ArrayPrinter implements StreamPrinter {
  readonly #printer: Printer;
  #count = 0;

  constructor(printer: Printer) {
    this.#printer = printer;
  }

  async item(value: unknown): Promise<void> {
    const text = this.#printer.textOf(value).replaceAll("\n", "\n  ");
    await this.#printer.print(`${this.#count++ === 0 ? "[" : ","}\n  ${text}`);
  }

  async end(): Promise<void> {
    await this.#printer.print(this.#count === 0 ? "[]\n" : "\n]\n");
  }
}
