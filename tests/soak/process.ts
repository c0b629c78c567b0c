/**
 * The processes of the soak test: servers and clients, which are killed, stopped
 * and started again.
 *
 * @module
 */
import { Proxy } from "./proxy.ts";

/** A signal that ends a process. */
export type EndSignal = "SIGKILL" | "SIGTERM";

/** A program that writes lines of JSON. */
class Program {
  readonly #child: Deno.ChildProcess;
  /** Resolves to whether the program succeeded, after its last line. */
  readonly ended: Promise<boolean>;

  constructor(
    script: string,
    args: readonly string[],
    onLine: (line: unknown) => void,
  ) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--frozen",
        "--no-check",
        "--allow-all",
        "--v8-flags=--expose-gc",
        new URL(script, import.meta.url).pathname,
        ...args,
      ],
      stdout: "piped",
    }).spawn();
    this.ended = this.#read(onLine);
  }

  async #read(onLine: (line: unknown) => void): Promise<boolean> {
    for await (const line of lines(this.#child.stdout)) {
      try {
        onLine(JSON.parse(line));
      } catch {
        // A process that is killed may leave a part of a line.
      }
    }
    return (await this.#child.status).success;
  }

  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch { /* it has ended */ }
  }
}

/** A server or a client; the same one after it was started again. */
abstract class Restartable {
  readonly name: string;
  /** Whether something is being done to it. */
  busy = false;
  protected program!: Program;

  constructor(name: string) {
    this.name = name;
  }

  abstract start(): Promise<void>;

  /** Ends the process and, after some time, starts it again. */
  async restart(signal: EndSignal, ms: number): Promise<void> {
    await this.end(signal);
    await sleep(ms);
    await this.start();
  }

  /** Ends the process; returns whether it succeeded. */
  end(signal: EndSignal): Promise<boolean> {
    this.program.signal(signal);
    return this.program.ended;
  }

  /** Stops the process for some time. */
  async stop(ms: number): Promise<void> {
    this.program.signal("SIGSTOP");
    await sleep(ms);
    this.program.signal("SIGCONT");
  }
}

/** A server, which keeps its port, and its proxy. */
export class ServerProcess extends Restartable {
  readonly #args: readonly string[];
  readonly #onLine: (line: unknown) => void;
  #port = 0;
  /** The proxy through which clients reach the server. */
  proxy!: Proxy;

  /** @param args arguments after the name and the port */
  constructor(
    name: string,
    args: readonly string[],
    onLine: (line: unknown) => void,
  ) {
    super(name);
    this.#args = args;
    this.#onLine = onLine;
  }

  /** @throws {Error} if it does not start */
  override async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const args = [this.name, `${this.#port}`, ...this.#args];
    this.program = new Program("./server.ts", args, (line) => {
      const { port } = line as { port?: number }; // the first line has it
      if (port === undefined) this.#onLine(line);
      else resolve(port);
    });
    this.#port = await Promise.race([
      promise,
      this.program.ended.then(() => 0),
    ]);
    if (this.#port === 0) {
      throw new Error(`server ${this.name} has not started`);
    }
    this.proxy ??= new Proxy(this.#port);
  }
}

/** A client; each of its processes has a number of its own. */
export class ClientProcess extends Restartable {
  static #started = 0;
  /** Numbers of the processes that were killed. */
  static readonly killed: Set<number> = new Set();
  readonly #args: () => readonly string[];
  readonly #onLine: (line: unknown) => void;
  #number = 0;
  /** Number of processes that failed. */
  failures = 0;

  /** @param args returns the arguments after the name and the number */
  constructor(
    name: string,
    args: () => readonly string[],
    onLine: (line: unknown) => void,
  ) {
    super(name);
    this.#args = args;
    this.#onLine = onLine;
  }

  /** Resolves when the process can be ended by SIGTERM. */
  override async start(): Promise<void> {
    this.#number = ClientProcess.#started++;
    const { promise, resolve } = Promise.withResolvers<void>();
    const args = [this.name, `${this.#number}`, ...this.#args()];
    this.program = new Program("./client.ts", args, (line) => {
      resolve();
      this.#onLine(line);
    });
    await Promise.race([promise, this.program.ended]);
  }

  override async end(signal: EndSignal): Promise<boolean> {
    if (signal === "SIGKILL") ClientProcess.killed.add(this.#number);
    const success = await super.end(signal);
    if (signal === "SIGTERM" && !success) this.failures++;
    return success;
  }

  /** Resolves when the current process has ended by itself. */
  async ended(): Promise<void> {
    if (!await this.program.ended) this.failures++;
  }
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
