/**
 * Runs the command line as a process: the only file that mentions `Deno`.
 *
 * @module
 */
import { connect } from "../transport/connect.ts";
import { listen } from "../transport/listen.ts";
import { usage } from "./errors.ts";
import type { Io, OutputStream } from "./io.ts";
import { run } from "./run.ts";
import { WorkerLink } from "./worker_link.ts";

/**
 * Runs the command of this process's arguments, then exits. In a worker that a
 * command has started, makes the calls that the command asks for.
 */
export async function runProcess(): Promise<void> {
  if ("WorkerGlobalScope" in globalThis) return await runWorker();
  const interrupt = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    // A command that does not end is ended by the second signal.
    if (interrupt.signal.aborted) Deno.exit(130);
    interrupt.abort(new Error("interrupted"));
  });
  Deno.exit(await run(Deno.args, processIo(interrupt.signal)));
}

/** Returns the surroundings of this process. */
function processIo(interrupted: AbortSignal): Io {
  return {
    stdout: outputOf(Deno.stdout),
    stderr: outputOf(Deno.stderr),
    stdin: { [Symbol.asyncIterator]: () => Deno.stdin.readable.values() },
    color: !Deno.noColor,
    interrupted,
    connect,
    listen: (address, { tls }) => listen(address, tls && { tls }),
    readFile,
    async createFile(path) {
      const file = await Deno.open(path, {
        write: true,
        create: true,
      });
      let emptied = false;
      return {
        async write(bytes) {
          // A pipe or a device, such as /dev/stdout, cannot be truncated.
          if (!emptied) await file.truncate().catch(() => {});
          emptied = true;
          await writeAll(file, bytes);
        },
        close: () => file.close(),
      };
    },
    env: (name) => Deno.env.get(name),
    async importModule(path) {
      const { pathToFileURL } = await import("node:url");
      const isUrl = /^(file|https?|jsr|npm):/i.test(path);
      return await import(isUrl ? path : pathToFileURL(path).href);
    },
    openWorker,
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
      // Some terminals do not know their size, and report 0 columns.
      return isTTY ? Deno.consoleSize().columns || 80 : 80;
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
  yield* (await Deno.open(path)).readable; // closes the file
}

/**
 * Starts a worker, which runs the main module again.
 *
 * @throws {CliError} without the permission to read the main module
 */
function openWorker(
  onError: (error: unknown) => void,
): ReturnType<Io["openWorker"]> {
  const main = new URL("./main.ts", import.meta.url);
  if (main.protocol === "file:") checkReadable(main);
  const worker = new Worker(main, { type: "module" });
  const { port1, port2 } = new MessageChannel();
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    onError(event instanceof ErrorEvent ? new Error(event.message) : event);
  });
  worker.postMessage(port2, [port2]);
  return {
    port: port1,
    close() {
      port1.close();
      worker.terminate();
    },
  };
}

function checkReadable(path: URL): void {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state === "granted") return;
  throw usage(
    "Cannot start workers: they read the files of the command line",
    "run the command with --allow-read",
  );
}

/** Waits for the command that has started this worker, and serves it. */
async function runWorker(): Promise<void> {
  const { serveBenchWorker } = await import("./bench/bench_workers.ts");
  const { promise: port, resolve } = Promise.withResolvers<MessagePort>();
  globalThis.addEventListener("message", (event) => {
    if (event instanceof MessageEvent) resolve(event.data);
  }, { once: true });
  const { signal } = new AbortController(); // the command stops its workers
  await serveBenchWorker(new WorkerLink(await port), processIo(signal));
}
