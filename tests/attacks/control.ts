/**
 * Commands from the runner to its processes, as lines of JSON.
 *
 * @module
 */

/** Functions of a process that the runner calls. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

/** Runs the commands that arrive on the standard input, one at a time. */
export async function runCommands(commands: Commands): Promise<void> {
  const encoder = new TextEncoder();
  for await (const line of linesOf(Deno.stdin.readable)) {
    const { command, argument } = JSON.parse(line);
    const result = await commands[command]!(argument as never); // the runner and its programs agree
    const bytes = encoder.encode(`${JSON.stringify(result ?? null)}\n`);
    for (let at = 0; at < bytes.length;) {
      at += await Deno.stdout.write(bytes.subarray(at));
    }
  }
}

async function* linesOf(input: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A process that runs commands. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #results: AsyncIterator<string>;
  /** Whether the process has exited. */
  exited = false;

  /**
   * @param program file beside this module
   * @param flags flags for V8
   */
  constructor(program: string, flags: readonly string[] = []) {
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--frozen", "--no-check", "--allow-all"],
        ...(flags.length > 0 ? [`--v8-flags=${flags.join(",")}`] : []),
        new URL(program, import.meta.url).href,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    this.#child = command.spawn();
    this.#child.status.then(() => this.exited = true);
    this.#writer = this.#child.stdin.getWriter();
    this.#results = linesOf(this.#child.stdout);
  }

  /** Runs a command and returns its result. */
  async run<Result>(
    command: string,
    argument: unknown = null,
  ): Promise<Result> {
    const line = `${JSON.stringify({ command, argument })}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
    const { value, done } = await this.#results.next();
    if (done) throw new Error(`The process exited during "${command}"`);
    return JSON.parse(value); // the process's own type
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.exited) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#writer.close().catch(() => {});
    await this.#results.return?.();
  }
}
