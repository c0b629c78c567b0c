/**
 * The table of `lib/messages/README.md`, "Limits": it names the defaults of the
 * library, all of them and no others.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { resolveCodecLimits } from "../../lib/messages/codec/codec_limits.ts";
import { DEFAULT_MAX_SESSIONS } from "../../lib/messages/server/server.ts";
import { DEFAULT_LIMITS } from "../../lib/messages/session/wire/limits.ts";
import { tableRows } from "./readme.ts";

const CODEC = "depth, nodes, bytes (of a codec)";
const SESSIONS = "`maxSessions` (of a server)";

const documented = tableRows("Limits");

/** Defaults that a row names; several limits may share a row. */
function defaults(name: string): number[] {
  const [cell = ""] = documented.get(name) ?? [];
  return cell.split(", ").map(sizeOf);
}

/** Parses `1,024` or `16 MiB`. */
function sizeOf(text: string): number {
  const [digits = "", unit] = text.split(" ");
  return Number(digits.replaceAll(",", "")) * (unit === "MiB" ? 2 ** 20 : 1);
}

Deno.test("DEFAULT_LIMITS has the limits and values of the table", () => {
  const named = [...documented.keys()].flatMap((name) => {
    if (name === CODEC || name === SESSIONS) return [];
    const values = defaults(name);
    return name.split(", ").map((one, at) => [
      one.replaceAll("`", ""),
      values[at],
    ]);
  });
  assertEquals(Object.fromEntries(named), { ...DEFAULT_LIMITS });
});

Deno.test("DEFAULT_LIMITS has the values that its documentation names", () => {
  const source = Deno.readTextFileSync(
    new URL("../../lib/messages/session/wire/limits.ts", import.meta.url),
  );
  // The number may be followed by a condition for another value.
  const named = source.matchAll(
    /@default[\s*]+\{(\d+)(?:, or [^}]+)?\}[\s*]+\/\s+(\w+): number;/g,
  );
  assertEquals(
    Object.fromEntries([...named].map(([, of, name]) => [name, Number(of)])),
    { ...DEFAULT_LIMITS },
  );
});

Deno.test("resolveCodecLimits() fills in the values of the table", () => {
  const { maxDepth, maxNodes, maxBytes } = resolveCodecLimits({});
  assertEquals([maxDepth, maxNodes, maxBytes], defaults(CODEC));
});

Deno.test("DEFAULT_MAX_SESSIONS has the value of the table", () => {
  assertEquals([DEFAULT_MAX_SESSIONS], defaults(SESSIONS));
});
