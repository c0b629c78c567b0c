import { assertEquals } from "@std/assert";
import { readable, shown } from "../../../lib/messages/support/printable.ts";

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

Deno.test(
  "readable() keeps lines and letters, and escapes what acts on a terminal",
  {
    permissions: "none",
  },
  () => {
    const text = "größe: 👨‍👩‍👧\n\tat line 2";
    assertEquals(readable(text), text);
    assertEquals(
      readable("a\u001b[2Jb\r\u0000\u007f\u0085\u2028\u202ec\u2066"),
      "a\\u{1b}[2Jb\\u{d}\\u{0}\\u{7f}\\u{85}\\u{2028}\\u{202e}c\\u{2066}",
    );
  },
);
