import { assertEquals } from "@std/assert";
import { codeLines } from "./architecture/size.ts";

Deno.test("codeLines() counts neither blank lines nor comments", {
  permissions: "none",
}, () => {
  assertEquals(codeLines(""), 0);
  assertEquals(codeLines("a();\n\n  \n// b\n/* c\n * d\n */\n"), 1);
  assertEquals(codeLines("a(); // b\n/* c */ d();\n"), 2);
  assertEquals(codeLines('a("// b");\nc("/*");\nd("*/");'), 3);
  assertEquals(codeLines("const a = `\n// b\n`;"), 3);
  assertEquals(codeLines("const a = /[\"'`]/;\n// b\nc();"), 2);
  assertEquals(codeLines("const a = b / c; // d / e\nf();"), 2);
});
