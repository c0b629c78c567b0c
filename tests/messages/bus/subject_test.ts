import { assertEquals, assertMatch } from "@std/assert";
import { subjectPart } from "../../../lib/messages/bus/subject.ts";

const pure = { permissions: "none" } as const;

const NAMES = [
  ...["lobby", "a_b-C9", "x".repeat(64), "x".repeat(65), "x".repeat(96)],
  ...[
    "x".repeat(97),
    "x".repeat(1_000),
    "",
    " ",
    ".",
    "*",
    ">",
    "a.>",
    "a.*",
  ],
  ...["ü ", "~YQ", "=YQ", "!YQ", "\ud800", "\udc00", "\ufffd", "\0", "a\r\nb"],
  ...["\ud800".repeat(60), "\ud801".repeat(60), "é".repeat(49), "e\u0301"],
  ...["toString", "__proto__", "LOBBY"],
];

Deno.test(
  "subjectPart() keeps plain names, and encodes the others",
  pure,
  () => {
    assertEquals(subjectPart("lobby"), "lobby");
    assertEquals(subjectPart("a.>"), "~YS4-");
    assertEquals(subjectPart("ü "), "~w7wg");
    assertEquals(subjectPart("\ud800"), "!ANg");
  },
);

Deno.test(
  "subjectPart() returns no separators, wildcards or spaces",
  pure,
  () => {
    for (const name of NAMES) {
      assertMatch(subjectPart(name), /^[A-Za-z0-9_~!=-]{1,130}$/);
    }
  },
);

Deno.test("subjectPart() differs for different names", pure, () => {
  const parts = new Set(NAMES.map(subjectPart));
  assertEquals(parts.size, new Set(NAMES).size);
});
