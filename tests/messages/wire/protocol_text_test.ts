/**
 * PROTOCOL.md names conversations of the vectors: each must exist, and each check
 * of a receiver must have one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import text from "../../../lib/messages/PROTOCOL.md" with { type: "text" };
import { CONVERSATIONS } from "./wire_vectors.ts";

const PURE = { permissions: "none" } as const;

/** The part of section 17 with one table for each kind of frame. */
const SECTION = text.slice(
  text.indexOf("### Frames, one by one"),
  text.indexOf("\n## 18."),
);

/** Checks that no conversation shows. */
const NOT_SHOWN = [
  // A conversation consists of whole frames.
  "the whole frame arrives in the time of section 16 after its first byte",
  // Optional: another receiver may run more handlers.
  "fewer than maxCalls handlers of notifications run",
];

Deno.test(
  "PROTOCOL.md quotes only names of conversations that exist",
  PURE,
  () => {
    let section = SECTION.replace(/\s+/g, " ");
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
  },
);

Deno.test(
  "PROTOCOL.md names a conversation for each check of a receiver",
  PURE,
  () => {
    const rows = SECTION.split("\n").filter((line) => line.startsWith("| "))
      .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
    const checks = rows.filter(([first = "", ...others]) =>
      !first.startsWith("-") && others.at(-1) !== "conversation"
    );
    assertEquals(checks.length > 70, true);
    assertEquals(
      checks.filter((cells) => cells.at(-1) === "").map(([check]) => check),
      NOT_SHOWN,
    );
  },
);
