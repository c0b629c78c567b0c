/**
 * Runs a program in Node.js. The Node.js is always the same, whatever is
 * installed: npx fetches it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** The oldest version that is maintained, and so the oldest that counts. */
const NODE = ["npx", "-y", "node@22"] as const;

/** Bundles a program and runs it in Node.js; returns its output. */
export async function runInNode(
  program: string,
  ...args: string[]
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_node_" });
  try {
    const bundle = `${folder}/bundle.mjs`;
    await run(
      Deno.execPath(),
      ...["bundle", "--frozen", "--quiet", "-o", bundle, program],
    );
    const guard = `if (typeof Deno !== "undefined") throw "Not Node.js";`;
    const load = `await import(${JSON.stringify(`file://${bundle}`)});`;
    return await run(
      ...NODE,
      ...["--input-type=module", "--eval", guard + load, "--", ...args],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(...words: [string, ...string[]]): Promise<string> {
  const [command, ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
