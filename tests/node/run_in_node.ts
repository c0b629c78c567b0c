/**
 * Runs programs in Node.js and Bun. Their versions are always the same, whatever
 * is installed: npx fetches them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** A package of npm whose program runs a module. */
export type Runtime = `${"node" | "bun"}@${string}`;

/** The oldest Node.js that is maintained, and so the oldest that counts. */
export const NODE_22: Runtime = "node@22";

/** The runtimes with sockets of their own. */
export const RUNTIMES: Readonly<Record<string, Runtime>> = {
  "Node.js 22": NODE_22,
  "Node.js 24": "node@24",
  "Bun": "bun@1.4.5",
};

const paths = new Map<Runtime, Promise<string>>();

/**
 * Returns the path of a runtime's program, which npx fetches.
 *
 * Each start through npx itself would take seconds.
 */
export function pathOf(runtime: Runtime): Promise<string> {
  const known = paths.get(runtime) ?? findPath(runtime);
  paths.set(runtime, known);
  return known;
}

async function findPath(runtime: Runtime): Promise<string> {
  const { success, stdout, stderr } = await command("npx", {
    args: ["-y", runtime, "-p", "process.execPath"],
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** The output of a process, and its exit status. */
export interface Output {
  /** Exit status. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** Bundles a program and runs it in Node.js; returns its output. */
export async function runInNode(
  program: string,
  ...args: string[]
): Promise<string> {
  const { code, stdout, stderr } = await runIn(NODE_22, program, args);
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Bundles a program and runs it to its end. */
export async function runIn(
  runtime: Runtime,
  program: string,
  args: readonly string[],
): Promise<Output> {
  return await withBundle(program, async (bundle) => {
    const output = await command(await pathOf(runtime), {
      args: [bundle, ...args],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return {
      code: output.code,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  });
}

/**
 * Bundles a program and starts it. After its first line of output, calls a
 * function; then ends the program's input and waits for its end.
 *
 * @param use receives the first line
 * @returns the exit status
 */
export async function startIn(
  runtime: Runtime,
  program: string,
  args: readonly string[],
  use: (firstLine: string) => Promise<void>,
): Promise<number> {
  return await withBundle(program, async (bundle) => {
    const process = command(await pathOf(runtime), {
      args: [bundle, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream());
    const reader = lines.getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
    try {
      await use(text.slice(0, text.indexOf("\n")));
    } finally {
      await process.stdin.close();
      await reader.cancel();
    }
    return (await process.status).code;
  });
}

/** Bundles a program, and removes the bundle at the end. */
export async function withBundle<T>(
  program: string,
  use: (bundle: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_node_" });
  try {
    const bundle = `${folder}/bundle.mjs`;
    const args = ["bundle", "--frozen", "--quiet", "-o", bundle, program];
    const { code, stderr } = await command(Deno.execPath(), {
      args,
      stdin: "null",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return await use(bundle);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function command(path: string, options: Deno.CommandOptions): Deno.Command {
  return new Deno.Command(path, { ...options, env: { NO_COLOR: "1" } });
}
