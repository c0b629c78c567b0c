/**
 * Runs commands in memory.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { assertEquals } from "@std/assert";
import { TransportError } from "../../lib/transport/errors.ts";
import type { Connection, Listener } from "../../lib/transport/connection.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import type { Io, OutputStream } from "../../lib/cli/io.ts";
import { run } from "../../lib/cli/run.ts";
import { serveBenchWorker } from "../../lib/cli/bench/bench_workers.ts";
import { WorkerLink } from "../../lib/cli/worker_link.ts";

/** A stream or file that a command writes to. */
export type Destination = "stdout" | "stderr" | "file";

/** Surroundings of a command in a test. */
export interface Surroundings {
  /** Text or bytes of standard input. */
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Files by path. */
  readonly files?: Record<string, string | Uint8Array>;
  /** Whether no file can be written. */
  readonly refusesFiles?: boolean;
  /** Environment variables. */
  readonly env?: Record<string, string>;
  /** Opens connections to an address; by default, none can be opened. */
  readonly connect?: Io["connect"];
  readonly listen?: Io["listen"];
  /** Modules by path. */
  readonly modules?: Record<string, Record<string, unknown>>;
  /** Whether the outputs are terminals. */
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly color?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with each write to standard output; may throw. */
  readonly onOutput?: (text: string) => void | Promise<void>;
  /** Called with each write; may throw. */
  readonly onWrite?: (to: Destination, text: string) => void | Promise<void>;
  readonly now?: () => number;
  readonly wait?: Io["wait"];
}

/** Result of a command. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Uint8Array;
  readonly files: Record<string, Uint8Array>;
}

const encoder = new TextEncoder();

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? encoder.encode(text) : text;
}

class Collected implements OutputStream {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly #onOutput: ((text: string) => void | Promise<void>) | undefined;
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  /** Number of writes that have not ended. */
  open = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(
    { isTTY = false, columns = 80 }: Surroundings,
    onOutput?: (text: string) => void | Promise<void>,
  ) {
    this.isTTY = isTTY;
    this.columns = columns;
    this.#onOutput = onOutput;
  }

  /** Writes in a turn of the event loop, as to a pipe that is full. */
  async write(bytes: Uint8Array): Promise<void> {
    this.open++;
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await before;
      await this.#onOutput?.(new TextDecoder().decode(bytes));
      await new Promise((resolve) => setImmediate(resolve));
      this.#append(bytes);
    } finally {
      this.open--;
      resolve();
    }
  }

  #append(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.bytes.length + bytes.length);
    joined.set(this.bytes);
    joined.set(bytes, this.bytes.length);
    this.bytes = joined;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

/** Runs a command in memory. */
export async function runCli(
  args: readonly string[],
  given: Surroundings = {},
): Promise<Result> {
  const { onWrite } = given;
  let open = 0;
  const workers: Promise<void>[] = [];
  const stdout = new Collected(given, async (text) => {
    await given.onOutput?.(text);
    await onWrite?.("stdout", text);
  });
  const stderr = new Collected(given, (text) => onWrite?.("stderr", text));
  const written: Record<string, Uint8Array> = {};
  const { stdin = "" } = given;
  const io: Io = {
    stdout,
    stderr,
    stdin: typeof stdin === "string" || stdin instanceof Uint8Array
      ? chunks(bytesOf(stdin))
      : stdin,
    color: given.color ?? false,
    interrupted: given.interrupted ?? new AbortController().signal,
    connect: given.connect ?? refuse,
    listen: given.listen ?? refuse,
    async *readFile(path) {
      const file = given.files?.[path] ?? written[path];
      if (file === undefined) throw new Error("no such file");
      yield* chunks(bytesOf(file));
    },
    createFile(path) {
      if (given.refusesFiles) return Promise.reject(new Error("read-only"));
      written[path] ??= new Uint8Array();
      let emptied = false;
      open++;
      return Promise.resolve({
        async write(bytes: Uint8Array) {
          await onWrite?.("file", new TextDecoder().decode(bytes));
          const kept = emptied ? written[path]! : [];
          emptied = true;
          written[path] = new Uint8Array([...kept, ...bytes]);
        },
        close: () => void open--,
      });
    },
    env: (name) => given.env?.[name],
    importModule(path) {
      const module = given.modules?.[path];
      return module === undefined
        ? Promise.reject(new Error("no such module"))
        : Promise.resolve(module);
    },
    openWorker() {
      const { port1, port2 } = new MessageChannel();
      const link = new WorkerLink(port2);
      workers.push(serveBenchWorker(link, io).finally(() => link.close()));
      return { port: port1, close: () => port1.close() };
    },
    now: given.now ?? (() => performance.now()),
    date: () => new Date(0),
    turn: () => new Promise((resolve) => setTimeout(resolve, 0)),
    wait: given.wait ?? ((ms, signal) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        signal?.addEventListener("abort", end);
        if (signal?.aborted) end();
      })),
  };
  const code = await run(args, io);
  assertEquals(open, 0, "a file was not closed");
  assertEquals(stdout.open + stderr.open, 0, "a write has not ended");
  await Promise.all(workers);
  await Promise.all(sessions); // the servers' ends of the command's sessions
  return {
    code,
    stdout: stdout.text,
    stderr: stderr.text,
    bytes: stdout.bytes,
    files: written,
  };
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += 1000) {
    yield bytes.subarray(at, at + 1000);
  }
}

function refuse(): Promise<Connection & Listener> {
  return Promise.reject(
    new TransportError("Cannot connect: nothing is listening", {
      code: "refused",
      address: "tcp://test:1",
    }),
  );
}

/** Lets all waits of a command end after its n-th output, and not before. */
export function waitsAfter(
  outputs: number,
): { wait: Io["wait"]; onOutput: () => void } {
  const waiting: (() => void)[] = [];
  let count = 0;
  return {
    wait: (_, signal) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        signal?.addEventListener("abort", () => resolve());
      }),
    onOutput() {
      if (++count === outputs) { for (const resolve of waiting) resolve(); }
    },
  };
}

/** Sessions of servers in memory that have not ended. */
const sessions = new Set<Promise<void>>();

/** Returns a `connect` that reaches a server in memory. */
export function connectTo(
  server: { accept(connection: Connection): Promise<void> },
): Io["connect"] {
  return () => {
    const [near, far] = memoryPair();
    const session = server.accept(far);
    sessions.add(session);
    session.finally(() => sessions.delete(session));
    return Promise.resolve(near);
  };
}
