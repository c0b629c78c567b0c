import { assertEquals } from "@std/assert";
import { shown } from "../../lib/messages/_shown.ts";

Deno.test("shown() leaves names as they are that can be read", {
  permissions: "none",
}, () => {
  for (const name of ["", "orders.create", "größe", "名前[].x", "😀"]) {
    assertEquals(shown(name), name);
  }
});

Deno.test("shown() escapes what would change the line, and cuts", {
  permissions: "none",
}, () => {
  assertEquals(shown("a\nb\u001b[31m"), "a\\u{a}b\\u{1b}[31m");
  assertEquals(shown("\u202egnp"), "\\u{202e}gnp");
  assertEquals(shown("a\u2028b\ud800"), "a\\u{2028}b\\u{d800}");
  assertEquals(shown("x".repeat(65)), `${"x".repeat(64)}…`);
});
