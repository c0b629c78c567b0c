/**
 * The command `frames`: splits bytes into frames.
 *
 * @module
 */
import { FrameError } from "../../framing/errors.ts";
import type { FrameDecoder } from "../../framing/framing.ts";
import { ascii, columnsOf } from "../display.ts";
import { CliError, EXIT, usage } from "../errors.ts";
import {
  type Flags,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import { FRAMING_NAMES, framingOf } from "../framings.ts";
import type { CommandHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { readAll } from "../io.ts";
import { BODIES, showCapture } from "../capture/show_capture.ts";
import { parseFilter } from "../capture/filter.ts";
import { CaptureCopy } from "../capture/capture_copy.ts";
import { isPcap, isPcapng, packetCapture } from "../capture/pcapng.ts";
import { redacted } from "../capture/redaction.ts";
import { LENGTH } from "../capture/session_decoder.ts";
import { Printer, type StreamPrinter } from "../output.ts";
import { countOf, parseCount, parseSize } from "../quantities.ts";
import { fileError } from "../secrets.ts";
import { kindName } from "../frame_kinds.ts";
import { Kind, readId } from "../../messages/session/wire/frame_header.ts";

const FLAGS = {
  framing: {
    type: "string",
    value: "lengthwise",
    summary: "rule for the bounds of frames; see below",
  },
  at: {
    type: "string",
    value: "0",
    summary: "offset of the first frame in the file, in bytes",
  },
  count: { type: "string", value: "N", summary: "stop after N frames" },
  filter: {
    type: "string",
    value: "terms",
    summary: "frames of a pcapng file to show; see tap --help",
  },
  call: {
    type: "string",
    value: "id",
    summary: "show only the frames of one call",
  },
  pcapng: {
    type: "string",
    value: "out",
    summary: "also write the frames to a file for Wireshark",
  },
  bodies: {
    type: "string",
    value: "none",
    summary: "bodies of a pcapng file: none, head, or full (decoded)",
  },
  "max-length": {
    type: "string",
    value: "4MiB",
    summary: "longest frame that is not damage; less if the framing has less",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "frames <file | -> [flags]",
  examples: [
    ["frames capture.bin", "list the frames of a captured stream"],
    ["frames rpc.bin --framing lsp --format raw", "print payloads as they are"],
    [
      "frames x.bin --framing lengthPrefixed:width=2,offset=4",
      "set the options of a layout",
    ],
    ["frames - --framing postgres --at 8 <dump", "skip 8 bytes first"],
    ["frames x.pcapng --filter kind:error", "show what tap has written"],
    ["frames x.pcapng --call 7 --pcapng y.pcapng", "extract one call"],
  ],
  notes: `Files that tap has written (pcapng) are recognized.
Prints the offset, size and beginning of each frame, and says where the
stream is damaged (exit code 4). Framings:
${wrapped(FRAMING_NAMES)}`,
  flags: FLAGS,
};

/**
 * Largest part of the input that is decoded at once.
 *
 * The offset of each frame is known from the bytes that follow it, which are
 * copied to count them.
 */
const PART = 4096;

/** Most bytes of a frame that are shown. */
const PREVIEW = 32;

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 1],
  );
  const [path = ""] = positionals;
  const printer = new Printer(io, flags);
  const call = flags.call === undefined
    ? undefined
    : parseCount("call", flags.call);
  const input = await peek(path, io);
  if (isPcapng(input.head)) {
    const filter = parseFilter(flags.filter ?? "");
    const bodies = parseChoice("bodies", flags.bodies ?? "none", BODIES);
    return await withCopy(
      flags.pcapng,
      io,
      async (copy) =>
        await showCapture(await readAll(input.chunks), printer, {
          filter: (frame) =>
            (call === undefined || frame.id === call) && filter(frame),
          bodies,
          copy,
        }),
    );
  }
  if (isPcap(input.head)) throw packetCapture("it is a file of tcpdump");
  if (flags.filter !== undefined || flags.bodies !== undefined) {
    throw usage("--filter and --bodies are for files that tap has written");
  }
  const framing = flags.framing ?? "lengthwise";
  const isOurs = framing === "lengthwise";
  if (!isOurs && (call !== undefined || flags.pcapng !== undefined)) {
    throw usage(
      "--call and --pcapng are for frames of this library",
      "leave out --framing",
    );
  }
  const longest = flags["max-length"];
  const decoder = framingOf(
    framing,
    longest === undefined ? undefined : parseSize("--max-length", longest),
  ).decoder();
  const range = {
    start: flags.at === undefined ? 0 : parseSize("--at", flags.at),
    most: flags.count === undefined
      ? Infinity
      : parseCount("count", flags.count),
  };
  return await withCopy(flags.pcapng, io, async (copy) => {
    await copy?.connected(path);
    const written = copy && { copy, time: io.date().getTime() };
    const rows = new FrameRows(printer, isOurs, call, written);
    const reader = new FrameReader(decoder, rows, range);
    return await showFrames(reader, rows, input.chunks, printer);
  });
}

/** Runs with the file of `--pcapng`, if any, and closes it. */
async function withCopy(
  path: string | undefined,
  io: Io,
  run: (copy: CaptureCopy | undefined) => Promise<number>,
): Promise<number> {
  if (path === undefined) return await run(undefined);
  const copy = await CaptureCopy.create(path, io);
  try {
    return await run(copy);
  } finally {
    copy.close();
  }
}

/** Prints the frames of a stream; returns the exit code. */
async function showFrames(
  reader: FrameReader,
  rows: FrameRows,
  chunks: AsyncIterable<Uint8Array>,
  printer: Printer,
): Promise<number> {
  try {
    await reader.read(chunks);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    throw new CliError(
      `Damaged at offset ${reader.offset}, after ${
        countOf(reader.count, "frame")
      }: ${error.message}`,
      { code: "no", cause: error, hint: headOf(error) },
    );
  } finally {
    await rows.end();
  }
  await printer.note(
    `${countOf(reader.count, "frame")}, ${countOf(reader.offset, "byte")}`,
  );
  return EXIT.ok;
}

/** An input, and its first bytes. */
interface PeekedInput {
  readonly head: Uint8Array;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Reads the first chunk of the input. */
async function peek(path: string, io: Io): Promise<PeekedInput> {
  const source = path === "-" ? io.stdin : io.readFile(path);
  const iterator = source[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array>;
  try {
    first = await iterator.next();
  } catch (error) {
    throw path === "-" ? error : fileError("read", path, error);
  }
  const head = first.done ? new Uint8Array() : first.value;
  return {
    head,
    chunks: (async function* () {
      yield head;
      yield* { [Symbol.asyncIterator]: () => iterator };
    })(),
  };
}

function headOf({ head, hint }: FrameError): string | undefined {
  if (hint !== undefined || head.length === 0) return undefined;
  return `the frame begins with ${head.toHex()} (${ascii(head)})`;
}

/** Where to begin and to stop. */
interface Range {
  /** Number of bytes to skip. */
  readonly start: number;
  /** Largest number of frames. */
  readonly most: number;
}

/** Decodes a stream of bytes and keeps the offset of each frame. */
class FrameReader {
  readonly #decoder: FrameDecoder;
  readonly #rows: FrameRows;
  readonly #range: Range;
  /** Number of bytes received, skipped ones included. */
  #received = 0;
  /** Offset of the next frame. */
  offset: number;
  /** Number of frames so far. */
  count = 0;

  constructor(decoder: FrameDecoder, rows: FrameRows, range: Range) {
    this.#decoder = decoder;
    this.#rows = rows;
    this.#range = range;
    this.offset = range.start;
  }

  /** @throws {FrameError} if the stream is damaged */
  async read(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += PART) {
        this.#push(chunk.slice(at, at + PART));
        if (!await this.#decode()) return;
      }
    }
    this.#decoder.end();
    await this.#decode();
  }

  #push(part: Uint8Array): void {
    const skipped = Math.max(0, this.#range.start - this.#received);
    this.#received += part.length;
    if (skipped < part.length) this.#decoder.push(part.subarray(skipped));
  }

  /** Returns whether more frames are wanted. */
  async #decode(): Promise<boolean> {
    while (this.count < this.#range.most) {
      const frame = this.#decoder.next();
      if (frame === undefined) return true;
      const { offset } = this;
      const shown = frame.slice();
      this.offset = this.#received - this.#decoder.rest().length;
      this.count++;
      await this.#rows.print(shown, offset, this.offset - offset);
    }
    return false;
  }
}

/** A file for frames, and their time in ms since 1970. */
interface WrittenFrames {
  readonly copy: CaptureCopy;
  readonly time: number;
}

/** Prints frames in the chosen format. */
class FrameRows {
  readonly #printer: Printer;
  readonly #stream: StreamPrinter;
  readonly #isOurs: boolean;
  readonly #call: number | undefined;
  readonly #written: WrittenFrames | undefined;

  /**
   * @param printer prints the frames
   * @param isOurs whether the frames are those of this library
   * @param call id of the call whose frames are printed; all if undefined
   * @param written file to which they are written as well
   */
  constructor(
    printer: Printer,
    isOurs: boolean,
    call: number | undefined,
    written: WrittenFrames | undefined,
  ) {
    this.#printer = printer;
    this.#stream = printer.stream();
    this.#isOurs = isOurs;
    this.#call = call;
    this.#written = written;
  }

  async print(frame: Uint8Array, offset: number, size: number): Promise<void> {
    const { format } = this.#printer;
    const id = frame.length >= 8 ? readId(frame) : undefined; // it has 8 bytes
    const shown = this.#call === undefined || id === this.#call;
    // Without HELLO, the methods of the other frames have no names.
    if (shown || frame[0] === Kind.HELLO) await this.#write(frame);
    if (!shown) return;
    if (format === "raw" || format === "hex") {
      return await this.#stream.item(frame);
    }
    const header = this.#isOurs && frame.length >= 8
      ? { kind: kindName(frame[0]!), id: readId(frame) } // it has 8 bytes
      : {};
    const preview = frame.subarray(0, PREVIEW);
    if (format !== "pretty") {
      return await this.#stream.item({
        offset,
        size,
        length: frame.length,
        ...header,
        preview: preview.toHex(),
      });
    }
    const name = header.kind === undefined
      ? ""
      : `${header.kind} id ${header.id}`;
    await this.#printer.print(
      `${String(offset).padStart(10)} ${String(frame.length).padStart(8)} B  ${
        this.#isOurs ? name.padEnd(16) : ""
      }${ascii(preview)}\n`,
    );
  }

  /** Writes a frame with its length, and without secrets. */
  async #write(frame: Uint8Array): Promise<void> {
    if (this.#written === undefined) return;
    const { copy, time } = this.#written;
    const bytes = new Uint8Array(LENGTH + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(redacted(frame), LENGTH);
    // A file of bytes says neither when nor by which end they were sent.
    await copy.frame({
      connection: 1,
      dir: "in",
      time,
      bytes,
      size: bytes.length,
      note: undefined,
    });
  }

  end(): Promise<void> {
    return this.#stream.end();
  }
}

/** Returns names as indented lines. */
function wrapped(names: readonly string[]): string {
  const rows: string[][] = [];
  for (let at = 0; at < names.length; at += 4) {
    rows.push(["", ...names.slice(at, at + 4)]);
  }
  return columnsOf(rows).join("\n");
}
