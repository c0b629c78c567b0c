/**
 * The parts that need no Deno, bundled and run by Node.js. Apart from the test
 * suite, which needs nothing but Deno: `deno task test:node`. The Node.js is
 * always the same, whatever is installed: npx fetches it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** The oldest version that is maintained, and so the oldest that counts. */
const NODE = ["npx", "-y", "node@22"] as const;

const PROGRAMS = ["framing", "messages", "transport", "calls_in_memory"];

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
        ...NODE,
        ...["--input-type=module", "--eval"],
        `${guard} await import(${JSON.stringify(`file://${bundle}`)});`,
      );
      assertEquals(output.split(" ")[0], "ok");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
