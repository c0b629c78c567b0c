/** PROTOCOL.md names conversations of the vectors; each must exist. */
import { assertEquals } from "@std/assert";
import text from "../../../lib/messages/PROTOCOL.md" with { type: "text" };
import { CONVERSATIONS } from "./wire_vectors.ts";

Deno.test("PROTOCOL.md quotes only names of conversations that exist", {
  permissions: "none",
}, () => {
  const start = text.indexOf("### Frames, one by one");
  const end = text.indexOf("\n## ", start);
  let section = text.slice(start, end).replace(/\s+/g, " ");
  let quoted = 0;
  // The longest first: a name may contain quotation marks.
  const names = CONVERSATIONS.map(({ name }) => `"${name}"`)
    .sort((a, b) => b.length - a.length);
  for (const name of names) {
    quoted += section.split(name).length - 1;
    section = section.replaceAll(name, "");
  }
  assertEquals([...section.matchAll(/"[^"]*"/g)].map(([rest]) => rest), []);
  assertEquals(quoted > 100, true);
});
