/**
 * The parts that need no Deno, bundled and run by Node.js. Apart from the test
 * suite, which needs nothing but Deno: `deno task test:node`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

const PROGRAMS = ["framing", "messages", "transport", "calls_in_memory"];

async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

for (const program of PROGRAMS) {
  Deno.test(`programs/${program}.ts runs in Node.js`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "lengthwise_node_" });
    try {
      const bundle = `${folder}/bundle.mjs`;
      await run(
        Deno.execPath(),
        ...["bundle", "--frozen", "--quiet", "-o", bundle],
        `tests/programs/${program}.ts`,
      );
      const guard = `if (typeof Deno !== "undefined") throw "Not Node.js";`;
      const output = await run(
        "node",
        ...["--input-type=module", "--eval"],
        `${guard} await import(${JSON.stringify(`file://${bundle}`)});`,
      );
      assertEquals(output.split(" ")[0], "ok");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
