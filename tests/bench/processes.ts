/**
 * Processes of a benchmark, which talk in lines of JSON.
 *
 * @module
 */

/** A process that a benchmark has started. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";
  /** Id of the process. */
  readonly pid: number;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    this.#input = child.stdin.getWriter();
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /**
   * Starts a program of this folder.
   *
   * @param file path below `tests/bench/programs/`
   * @param args arguments
   * @param flags flags of `deno run`
   */
  static start(
    file: string,
    args: readonly string[] = [],
    flags: readonly string[] = ["--frozen", "--allow-net"],
  ): Program {
    const path = new URL(`./programs/${file}`, import.meta.url).pathname;
    return new Program(
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", ...flags, path, ...args],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn(),
    );
  }

  /** Returns the next line that the program prints, parsed. */
  // deno-lint-ignore no-explicit-any -- programs print what their callers expect
  async next(): Promise<any> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return JSON.parse(line);
      }
      const { done, value } = await this.#lines.read();
      if (done) throw new Error("A program of the benchmark ended too early");
      this.#rest += value;
    }
  }

  /** Sends a line and returns the next one that the program prints. */
  // deno-lint-ignore no-explicit-any -- as above
  async ask(question: unknown): Promise<any> {
    await this.#input.write(
      new TextEncoder().encode(JSON.stringify(question) + "\n"),
    );
    return await this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill();
    } catch {
      // It has ended.
    }
    await this.#lines.cancel();
    await this.#input.abort().catch(() => {});
    await this.#child.status;
  }
}

/** Returns the time for which a process has used processors, in µs. */
export function cpuTime(pid: number | "self"): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000; // ticks of 10 ms
}

/** Yields the lines of the standard input, parsed. */
export async function* questions(): AsyncGenerator<unknown> {
  let rest = "";
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const chunk of input) {
    rest += chunk;
    for (let end; (end = rest.indexOf("\n")) >= 0;) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      yield JSON.parse(line);
    }
  }
}
