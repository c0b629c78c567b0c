/**
 * The command `tap`: shows the frames between clients and a server.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { formatAddress } from "../../transport/address.ts";
import type { Connection, Listener } from "../../transport/connection.ts";
import { TransportError } from "../../transport/errors.ts";
import { AGENT } from "../../messages/session/wire/agent.ts";
import { BoundedWriter } from "../capture/bounded_writer.ts";
import type { CapturedFrame, Direction } from "../capture/captured_frame.ts";
import { type Filter, FILTER_HELP, parseFilter } from "../capture/filter.ts";
import {
  type Bodies,
  frameLines,
  frameValue,
  keptBytes,
} from "../capture/frame_text.ts";
import { MessageAssembly, valueOf } from "../capture/message_values.ts";
import { BODIES } from "../capture/show_capture.ts";
import {
  interfaceBlock,
  packetBlock,
  sectionHeader,
} from "../capture/pcapng.ts";
import { SessionDecoder } from "../capture/session_decoder.ts";
import { SessionTrace } from "../capture/session_trace.ts";
import { tracePage } from "../capture/trace_page.ts";
import { TextFiles } from "../write_file.ts";
import {
  checkUrl,
  describeTarget,
  openConnection,
  readTarget,
  type Target,
} from "../connecting.ts";
import { EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import type { FileOutput, Io, ListenTls } from "../io.ts";
import { Printer } from "../output.ts";
import { countOf, optionalDuration, parseSize } from "../quantities.ts";
import { fileError, readFileText } from "../secrets.ts";

const FLAGS = {
  listen: {
    type: "string",
    value: "url",
    summary: "address to which the clients connect",
  },
  to: { type: "string", value: "url", summary: "address of the server" },
  filter: {
    type: "string",
    value: "terms",
    summary: "frames to show; see below",
  },
  bodies: {
    type: "string",
    value: "none",
    summary: "bodies to show and write: none, head, or full (decoded)",
  },
  write: {
    type: "string",
    value: "x.pcapng",
    summary: "write the frames to a file for Wireshark and for replay",
  },
  report: {
    type: "string",
    value: "x.html",
    summary: "write a page with a timeline of calls, latencies and credit",
  },
  "max-view": {
    type: "string",
    value: "16MB",
    summary: "most bytes that wait for a slow terminal or disk",
  },
  for: { type: "string", value: "1m", summary: "stop after this time" },
  "listen-cert": {
    type: "string",
    value: "tap.pem",
    summary: "certificate of the tap, if clients connect with TLS",
  },
  "listen-key": {
    type: "string",
    value: "tap.key",
    summary: "private key of that certificate",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "tap --listen <url> --to <url> [flags]",
  examples: [
    [
      "tap --listen tcp://localhost:7001 --to tcp://localhost:7000",
      "show all frames of clients that connect to port 7001",
    ],
    [
      "tap --listen tcp://localhost:7001 --to tcp://localhost:7000 --filter kind:error",
      "show errors only",
    ],
    [
      "tap --listen tcp://localhost:7001 --to tcp://localhost:7000 --write x.pcapng",
      "write a file for Wireshark",
    ],
  ],
  notes:
    `The tap copies bytes and decodes a copy: neither frames nor flow control change.
A slow terminal loses lines, never frames. Credentials and tokens are replaced
by zeros. Bodies that cannot be decoded are shown as bytes.

${FILTER_HELP}`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const files = new TextFiles(io);
  try {
    return await runTap(args, io, files);
  } finally {
    files.close();
  }
}

async function runTap(
  args: readonly string[],
  io: Io,
  files: TextFiles,
): Promise<number> {
  const { flags } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [0, 0],
  );
  const { listen, to } = flags;
  if (listen === undefined || to === undefined) {
    throw usage("tap needs --listen and --to", HELP.usage);
  }
  checkUrl(listen);
  const printer = new Printer(io, flags);
  const time = optionalDuration("for", flags.for);
  const bodies = parseChoice("bodies", flags.bodies ?? "none", BODIES);
  const limit = parseSize("--max-view", flags["max-view"] ?? "16MB");
  const filter = parseFilter(flags.filter ?? "");
  const target = await readTarget(to, flags, io);
  const tls = await certificateOf(
    flags["listen-cert"],
    flags["listen-key"],
    io,
  );
  const view = new View(printer, io, { bodies, limit, filter });
  const report = await files.open(flags.report);
  const trace = report === undefined ? undefined : new SessionTrace();
  const listener = await openListener(listen, tls, io);
  const stop = new AbortController();
  stop.signal.addEventListener("abort", () => listener.close(), { once: true });
  const taps = new Set<Promise<void>>();
  let file: CaptureFile | undefined;
  let count = 0;
  try {
    if (flags.write !== undefined) {
      file = await CaptureFile.create(flags.write, bodies, limit, io);
    }
    await printer.detail(describeTarget(target));
    await printer.note(`listening on ${formatAddress(listener.addr)}`);
    if (
      target.tls !== undefined || /^(tls|wss)/i.test(to) || tls !== undefined
    ) {
      await printer.note(
        "TLS ends here: the server sees neither the clients' certificates nor their addresses",
      );
    }
    const end = () => stop.abort();
    io.interrupted.addEventListener("abort", end, { once: true });
    if (io.interrupted.aborted) end();
    if (time !== undefined) io.wait(time, stop.signal).then(end);
    view.onFailed = end;
    for await (const client of listener) {
      const number = ++count;
      const name = `${number} ${formatAddress(client.remoteAddr)}`;
      file?.connected(name);
      const tap = new Tap(number, client, target, printer, io, (frame) => {
        view.show(frame);
        file?.write(frame);
        trace?.add(frame);
      });
      const done: Promise<void> = tap.run(stop.signal)
        .finally(() => {
          taps.delete(done);
          if (stop.signal.aborted) return; // its calls have no end
          trace?.disconnected(number, io.date().getTime());
        });
      taps.add(done);
      if (stop.signal.aborted) break;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error; // closing the listener ends the loop
  } finally {
    stop.abort();
    await Promise.all(taps);
    await view.end().catch(() => {}); // reported after an error of the file
    await file?.close();
    if (trace !== undefined) {
      await report?.write(tracePage(trace, `Traffic of ${to}`));
    }
  }
  await view.end();
  const lost = view.dropped > 0 ? `, ${view.dropped} not shown` : "";
  await printer.note(
    `${countOf(view.frames, "frame")} of ${
      countOf(count, "connection")
    }${lost}${
      file === undefined || file.dropped === 0
        ? ""
        : `, ${file.dropped} not written`
    }`,
  );
  return EXIT.ok;
}

/** @throws {CliError} if the address cannot be used */
async function openListener(
  address: string,
  tls: ListenTls["tls"],
  io: Io,
): Promise<Listener> {
  try {
    return await io.listen(address, { tls });
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    throw usage(
      error.message,
      tls === undefined && /^tls/i.test(address)
        ? "name the certificate of the tap: --listen-cert and --listen-key"
        : undefined,
    );
  }
}

async function certificateOf(
  cert: string | undefined,
  key: string | undefined,
  io: Io,
): Promise<{ cert: string; key: string } | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw usage("--listen-cert and --listen-key belong together");
  }
  return {
    cert: await readFileText(cert, io),
    key: await readFileText(key, io),
  };
}

/** Size of the buffer that copies one direction, in bytes. */
const BUFFER = 64 * 1024;

/** One client, its connection to the server, and the copy between them. */
class Tap {
  readonly #number: number;
  readonly #client: Connection;
  readonly #target: Target;
  readonly #printer: Printer;
  readonly #io: Io;
  readonly #onFrame: (frame: CapturedFrame) => void;
  readonly #decoder: SessionDecoder;
  /** Time in ms since 1970 at which the clock was 0. */
  readonly #epoch: number;

  constructor(
    number: number,
    client: Connection,
    target: Target,
    printer: Printer,
    io: Io,
    onFrame: (frame: CapturedFrame) => void,
  ) {
    this.#number = number;
    this.#client = client;
    this.#target = target;
    this.#printer = printer;
    this.#io = io;
    this.#onFrame = onFrame;
    this.#decoder = new SessionDecoder(number);
    this.#epoch = io.date().getTime() - io.now();
  }

  /** Copies until both directions have ended, or the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const client = this.#client;
    let server: Connection;
    try {
      server = await openConnection(this.#target, this.#io);
    } catch (error) {
      client.close();
      const message = messageOf(error);
      return await this.#note(message);
    }
    const close = () => {
      client.close();
      server.close();
    };
    if (signal.aborted) close();
    signal.addEventListener("abort", close, { once: true });
    try {
      await Promise.all([
        this.#copy(client, server, "in"),
        this.#copy(server, client, "out"),
      ]);
    } catch {
      // A connection was lost: the other end sees it, too.
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }

  /** Copies one direction; the decoder gets what has been written. */
  async #copy(
    from: Connection,
    to: Connection,
    dir: Direction,
  ): Promise<void> {
    const buffer = new Uint8Array(BUFFER);
    for (let count; (count = await from.read(buffer)) !== null;) {
      const bytes = buffer.subarray(0, count);
      for (let rest = bytes; rest.length > 0;) {
        rest = rest.subarray(await to.write(rest));
      }
      this.#decode(dir, bytes);
    }
    await to.closeWrite();
  }

  /** Returns the time in ms since 1970, in steps of a microsecond. */
  #time(): number {
    return Math.round((this.#epoch + this.#io.now()) * 1000) / 1000;
  }

  #decode(dir: Direction, bytes: Uint8Array): void {
    const frames = this.#decoder.push(
      dir,
      bytes,
      this.#time(),
      ({ message }) => {
        this.#note(`${dir}: ${message}; copying goes on`);
      },
    );
    for (const frame of frames) this.#onFrame(frame);
  }

  /** Prints a note about this connection; copying goes on if that fails. */
  #note(text: string): Promise<void> {
    return this.#printer.note(`#${this.#number} ${text}`)
      .catch(() => {}); // the terminal has gone
  }
}

/** Options of the view. */
interface ViewOptions {
  readonly bodies: Bodies;
  readonly limit: number;
  readonly filter: Filter;
}

const encoder = new TextEncoder();

/** Shows frames without delaying them. */
class View {
  readonly #printer: Printer;
  readonly #options: ViewOptions;
  readonly #writer: BoundedWriter;
  readonly #messages: MessageAssembly = new MessageAssembly();
  #start: number | undefined = undefined;
  /** Number of frames, filtered ones included. */
  frames = 0;
  /** Called when the output has failed, such as a closed pipe. */
  onFailed: () => void = () => {};

  constructor(printer: Printer, io: Io, options: ViewOptions) {
    this.#printer = printer;
    this.#options = options;
    this.#writer = new BoundedWriter(
      async (bytes) => {
        try {
          await io.stdout.write(bytes);
        } catch (error) {
          this.onFailed();
          throw error;
        }
      },
      options.limit,
      (dropped) =>
        encoder.encode(
          printer.format === "pretty"
            ? `… ${countOf(dropped, "frame")} not shown\n`
            : `{"notShown":${dropped}}\n`,
        ),
    );
  }

  /** Number of frames that were not shown. */
  get dropped(): number {
    return this.#writer.dropped;
  }

  show(frame: CapturedFrame): void {
    this.frames++;
    this.#start ??= frame.time;
    const { filter, bodies } = this.#options;
    if (this.#printer.quiet) return;
    const message = bodies === "full" ? this.#messages.add(frame) : undefined;
    if (!filter(frame)) return;
    // Frames that a slow terminal loses are not decoded.
    if (this.#writer.full) return this.#writer.drop();
    const { format, columns } = this.#printer;
    const decoded = message && valueOf(message);
    const text = format === "pretty"
      ? frameLines(frame, this.#start, bodies, decoded, columns)
      : this.#printer.textOf(frameValue(frame, bodies, decoded));
    this.#writer.add(encoder.encode(`${text}\n`));
  }

  end(): Promise<void> {
    return this.#writer.flush();
  }
}

/** A capture on disk. */
class CaptureFile {
  readonly #path: string;
  readonly #file: FileOutput;
  readonly #bodies: Bodies;
  readonly #writer: BoundedWriter;

  private constructor(
    path: string,
    file: FileOutput,
    bodies: Bodies,
    limit: number,
  ) {
    this.#path = path;
    this.#file = file;
    this.#bodies = bodies;
    this.#writer = new BoundedWriter(
      (bytes) => file.write(bytes),
      limit,
      () => new Uint8Array(),
    );
  }

  /** @throws {CliError} if the file cannot be created */
  static async create(
    path: string,
    bodies: Bodies,
    limit: number,
    io: Io,
  ): Promise<CaptureFile> {
    let file: FileOutput | undefined;
    try {
      file = await io.createFile(path);
      await file.write(sectionHeader(AGENT));
      return new CaptureFile(path, file, bodies, limit);
    } catch (error) {
      file?.close();
      throw fileError("write", path, error);
    }
  }

  /** Number of frames that were not written. */
  get dropped(): number {
    return this.#writer.dropped;
  }

  /** Adds a connection; frames refer to it by its number. */
  connected(name: string): void {
    this.#writer.addAlways(interfaceBlock(name));
  }

  write(frame: CapturedFrame): void {
    this.#writer.add(packetBlock({
      interface: frame.connection - 1,
      dir: frame.dir,
      time: frame.time,
      bytes: keptBytes(frame, this.#bodies),
      size: frame.size,
      comment: frame.note,
    }));
  }

  async close(): Promise<void> {
    try {
      await this.#writer.flush();
    } catch (error) {
      throw fileError("write", this.#path, error);
    } finally {
      this.#file.close();
    }
  }
}
