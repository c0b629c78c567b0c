/**
 * A copy of the project in which mutants are tested.
 *
 * @module
 */

import type { Task } from "./selected.ts";

/** Files that no test needs. */
const NOT_COPIED = [".git", ".cache", "node_modules"];

const SELECTED = "tests/mutation/selected.ts";

/** Outcome of a command. */
export interface Outcome {
  readonly success: boolean;
  /** Whether the command was ended because it took too long. */
  readonly late: boolean;
  readonly ms: number;
  readonly output: string;
}

/** A copy of the project in a temporary folder. */
export class Sandbox implements Disposable {
  readonly #folder: string;
  readonly #running = new Set<Deno.ChildProcess>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Copies the project in the current folder. */
  static async create(): Promise<Sandbox> {
    const folder = await Deno.makeTempDir({ prefix: "mutation_" });
    await copy(".", folder);
    return new Sandbox(folder);
  }

  /** Changes a file of the copy. */
  write(path: string, text: string): void {
    Deno.writeTextFileSync(`${this.#folder}/${path}`, text);
  }

  /** Runs tests in one isolate with a deadline, until the first one fails. */
  async select(task: Task, deadline: number): Promise<Outcome> {
    const file = await Deno.makeTempFile({ prefix: "selected_" });
    try {
      await Deno.writeTextFile(file, JSON.stringify(task));
      return await this.deno(
        [
          ...["test", "--frozen", "--allow-all", "--no-check"],
          ...("run" in task ? ["--fail-fast"] : []),
          ...("try" in task ? [] : ["--quiet"]), // it hides what tests print
          SELECTED,
        ],
        deadline,
        { SELECTED: file },
      );
    } finally {
      await Deno.remove(file);
    }
  }

  /** Runs Deno with a deadline; all its processes are ended then. */
  async deno(
    args: readonly string[],
    deadline: number,
    env: Record<string, string> = {},
  ): Promise<Outcome> {
    const start = performance.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.#folder,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true, // leads a group of processes, which end together
    }).spawn();
    this.#running.add(child);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endGroup(child);
    }, deadline);
    try {
      const { success, stdout, stderr } = await child.output();
      const output = new TextDecoder().decode(stdout) +
        new TextDecoder().decode(stderr);
      return { success, late, ms: performance.now() - start, output };
    } finally {
      clearTimeout(timer);
      endGroup(child); // processes that a test has left
      this.#running.delete(child);
    }
  }

  /** Ends what runs, and removes the copy and what Deno has compiled of it. */
  [Symbol.dispose](): void {
    for (const child of this.#running) endGroup(child);
    const { stdout } = new Deno.Command(Deno.execPath(), {
      args: ["info", "--json"],
    }).outputSync();
    const { typescriptCache } = JSON.parse(new TextDecoder().decode(stdout));
    for (
      const path of [this.#folder, `${typescriptCache}/file${this.#folder}`]
    ) {
      try {
        Deno.removeSync(path, { recursive: true });
      } catch { /* nothing was compiled */ }
    }
  }
}

function endGroup({ pid }: Deno.ChildProcess): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch { /* all have ended */ }
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (NOT_COPIED.includes(name)) continue;
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
