/**
 * A program of the fleet as a process, which prints lines of JSON.
 *
 * @module
 */

/** A running program. */
export class FleetProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /**
   * @param name name of the file in this folder
   * @param args its arguments
   * @param flags flags for Deno
   */
  constructor(
    name: string,
    args: readonly string[],
    flags: readonly string[] = [],
  ) {
    const script = new URL(name, import.meta.url).pathname;
    const allowed = [
      "--quiet",
      "--no-check",
      "--frozen",
      "--allow-net=127.0.0.1",
    ];
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", ...allowed, ...flags, script, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = lines(this.#process.stdout);
  }

  /** Returns the value of the next line. */
  async next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The process has ended");
    return JSON.parse(value);
  }

  /** Asks the process to stop. */
  terminate(): void {
    this.#process.kill("SIGTERM");
  }

  /** Ends the input of the process. */
  async endInput(): Promise<void> {
    await this.#process.stdin.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close().catch(() => {}); // may be closed
    await this.#lines.return?.();
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has already exited
    }
    await this.#process.status;
  }
}

async function* lines(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const part of stdout.pipeThrough(new TextDecoderStream())) {
    const all = (rest + part).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
}
