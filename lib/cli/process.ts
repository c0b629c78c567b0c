/**
 * Runs the command line as a process: the only file that mentions `Deno`.
 *
 * @module
 */
import { connect } from "../transport/connect.ts";
import { listen } from "../transport/listen.ts";
import type { Io, OutputStream } from "./io.ts";
import { run } from "./run.ts";

/** Bytes that are read from a file at once. */
const CHUNK = 64 * 1024;

/** Runs the command of this process's arguments, then exits. */
export async function runProcess(): Promise<never> {
  Deno.exit(await run(Deno.args, processIo()));
}

/** Returns the surroundings of this process. */
function processIo(): Io {
  const interrupt = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    // A command that does not end is ended by the second signal.
    if (interrupt.signal.aborted) Deno.exit(130);
    interrupt.abort(new Error("interrupted"));
  });
  return {
    stdout: outputOf(Deno.stdout),
    stderr: outputOf(Deno.stderr),
    stdin: { [Symbol.asyncIterator]: () => Deno.stdin.readable.values() },
    color: !Deno.noColor,
    interrupted: interrupt.signal,
    connect,
    listen: (address, { tls }) => listen(address, tls && { tls }),
    readFile,
    async createFile(path) {
      const file = await Deno.open(path, {
        write: true,
        create: true,
        truncate: true,
      });
      return {
        write: (bytes) => writeAll(file, bytes),
        close: () => file.close(),
      };
    },
    env: (name) => Deno.env.get(name),
    async importModule(path) {
      const { pathToFileURL } = await import("node:url");
      const isUrl = /^(file|https?|jsr|npm):/i.test(path);
      return await import(isUrl ? path : pathToFileURL(path).href);
    },
    now: () => performance.now(),
    date: () => new Date(),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        signal?.addEventListener("abort", end);
        if (signal?.aborted) end();
      }),
  };
}

interface Stream {
  write(bytes: Uint8Array): Promise<number>;
}

function outputOf(stream: Stream & { isTerminal(): boolean }): OutputStream {
  const isTTY = stream.isTerminal();
  return {
    isTTY,
    get columns() {
      // consoleSize() throws without a terminal.
      return isTTY ? Deno.consoleSize().columns : 80;
    },
    write: (bytes) => writeAll(stream, bytes),
  };
}

async function writeAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    rest = rest.subarray(await stream.write(rest));
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await Deno.open(path);
  try {
    const buffer = new Uint8Array(CHUNK);
    for (let count; (count = await file.read(buffer)) !== null;) {
      yield buffer.slice(0, count);
    }
  } finally {
    file.close();
  }
}
