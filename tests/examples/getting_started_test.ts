/**
 * The guide `lib/guides/getting_started.md` shows the files of
 * `examples/getting_started/`, whose test runs here.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import "../../examples/getting_started/shop_test.ts";

const FOLDER = new URL("../../examples/getting_started/", import.meta.url);
const GUIDE = new URL("../../lib/guides/getting_started.md", import.meta.url);

/** Returns the files that a guide shows: their names are in the first line. */
function filesOf(guide: string): [name: string, text: string][] {
  const blocks = guide.matchAll(/^```\w+.*\n([\s\S]*?)^```$/gm);
  return [...blocks].flatMap(([, block = ""]) => {
    const name = /^(?:\/\/|<!--) ([\w.]+)(?: -->)?\n/.exec(block);
    return name ? [[name[1]!, block.slice(name[0].length)]] : [];
  });
}

Deno.test("the guide shows every file of examples/getting_started as it is", () => {
  const shown = filesOf(Deno.readTextFileSync(GUIDE));
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) =>
    [name, Deno.readTextFileSync(new URL(name, FOLDER))] as const
  );
  assertEquals(shown.toSorted(), files.map((file) => [...file]).toSorted());
});
