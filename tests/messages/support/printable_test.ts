import { assertEquals } from "@std/assert";
import {
  printable,
  printableLines,
} from "../../../lib/messages/support/printable.ts";

Deno.test("printable() returns readable names unchanged", {
  permissions: "none",
}, () => {
  for (const name of ["", "orders.create", "größe", "名前[].x", "😀"]) {
    assertEquals(printable(name), name);
  }
});

Deno.test("printable() escapes control characters and truncates long names", {
  permissions: "none",
}, () => {
  assertEquals(printable("a\nb\u001b[31m"), "a\\u{a}b\\u{1b}[31m");
  assertEquals(printable("\u202egnp"), "\\u{202e}gnp");
  assertEquals(printable("a\u2028b\ud800"), "a\\u{2028}b\\u{d800}");
  assertEquals(printable("x".repeat(65)), `${"x".repeat(64)}…`);
});

Deno.test(
  "printableLines() keeps lines and letters, and escapes terminal control characters",
  {
    permissions: "none",
  },
  () => {
    const text = "größe: 👨‍👩‍👧\n\tat line 2";
    assertEquals(printableLines(text), text);
    assertEquals(
      printableLines("a\u001b[2Jb\r\u0000\u007f\u0085\u2028\u202ec\u2066"),
      "a\\u{1b}[2Jb\\u{d}\\u{0}\\u{7f}\\u{85}\\u{2028}\\u{202e}c\\u{2066}",
    );
  },
);
