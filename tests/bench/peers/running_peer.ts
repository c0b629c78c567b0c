/**
 * The two processes of a peer, and the lines that they exchange with the tool.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import type { Sample } from "./results.ts";

/** A command for a client; see `programs/load.mjs`. */
export type Command =
  | { readonly unary: number; readonly seconds: number }
  | { readonly stream: number };

/** Milliseconds that a process may take beyond the time of a measurement. */
const PATIENCE = 30_000;

/** A process that answers lines with lines of JSON. */
class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;

  constructor([command, ...args]: readonly [string, ...string[]]) {
    this.#process = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#errors = new Response(this.#process.stderr).text();
  }

  async write(command: Command): Promise<void> {
    const line = `${JSON.stringify(command)}\n`;
    await this.#input.write(new TextEncoder().encode(line));
  }

  /** Returns the next answer, within some milliseconds. */
  async read(wait: number): Promise<Record<string, unknown>> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`no answer after ${wait / 1000} s`)),
      wait,
    );
    try {
      const { value } = await Promise.race([this.#lines.read(), late.promise]);
      if (value === undefined) {
        const text = (await this.#errors).trim().split("\n").at(-1);
        throw new Error(`the process ended: ${text}`);
      }
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process: by the end of its input, and soon after by force. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {}); // it may have ended
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 2_000);
    await this.#process.status;
    clearTimeout(timer);
    await this.#lines.cancel();
    await this.#errors;
  }
}

/** A peer whose server and client run. */
export class RunningPeer implements AsyncDisposable {
  readonly #server: Program;
  readonly #client: Program;

  private constructor(server: Program, client: Program) {
    this.#server = server;
    this.#client = client;
  }

  /** Starts a server, and a client that connects to it. */
  static async start(
    command: readonly [string, ...string[]],
  ): Promise<RunningPeer> {
    const server = new Program([...command, "server"]);
    try {
      const { port } = await server.read(PATIENCE);
      const client = new Program([...command, "client", String(port)]);
      try {
        await client.read(PATIENCE);
        return new RunningPeer(server, client);
      } catch (error) {
        await client[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Measures once.
   *
   * @throws {Error} if an answer was wrong, late or missing
   */
  async measure(command: Command): Promise<Sample> {
    const seconds = "seconds" in command ? command.seconds : 0;
    await this.#client.write(command);
    const { error, rate, p50, p99 } = await this.#client.read(
      seconds * 1000 + PATIENCE,
    );
    if (typeof error === "string") throw new Error(error);
    if (typeof rate !== "number" || !(rate > 0)) {
      throw new Error(`the rate is ${rate}`);
    }
    return typeof p50 === "number" && typeof p99 === "number"
      ? { rate, p50, p99 }
      : { rate };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}
