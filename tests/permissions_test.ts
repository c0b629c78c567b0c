/**
 * A service needs `--allow-net` for its own address and nothing else: no
 * environment, no files, no programs, no native code.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";

const PROGRAM = "tests/programs/calls_over_tcp.ts";

async function run(...flags: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--no-prompt", ...flags, PROGRAM],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("serve() and connect() run with --allow-net=127.0.0.1 alone", async () => {
  const { code, stdout, stderr } = await run("--allow-net=127.0.0.1");
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "ok calls tcp\n");
});

Deno.test("serve() and connect() ask for nothing that is denied", async () => {
  // A denied permission throws where one that was never granted might be
  // probed for and gone without.
  const { code, stdout, stderr } = await run(
    "--allow-net=127.0.0.1",
    "--deny-env",
    "--deny-ffi",
    "--deny-read",
    "--deny-run",
    "--deny-sys",
    "--deny-write",
  );
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "ok calls tcp\n");
});

Deno.test("serve() without permission fails and says what to grant", async () => {
  const { code, stderr } = await run();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "--allow-net");
});
