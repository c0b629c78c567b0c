/**
 * The codecs never generate code and need no permission.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

const PROGRAM = "tests/messages/codec/without_eval_program.ts";

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-prompt",
      "--v8-flags=--disallow-code-generation-from-strings",
      ...["env", "ffi", "net", "read", "run", "sys", "write"].map((name) =>
        `--deny-${name}`
      ),
      PROGRAM,
      ...args,
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assertEquals(code, 0, text.decode(stderr));
  return text.decode(stdout);
}

Deno.test("msgpack() and json() never generate code", async () => {
  assertEquals(await run(), "asked for code never\n");
});

Deno.test("the test detects that msgpackr's main bundle generates code", async () => {
  assertEquals(await run("control"), "asked for code sometimes\n");
});
