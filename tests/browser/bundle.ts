/**
 * Bundles of programs for browsers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** Returns a program and what it imports as one module for browsers. */
export async function bundle(
  program: string,
  ...options: string[]
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      ...["--frozen", "--quiet", "--platform=browser"],
      ...options,
      program,
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stderr);
  assertEquals([code, output], [0, ""]);
  return new TextDecoder().decode(stdout);
}
