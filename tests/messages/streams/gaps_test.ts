import { assertEquals } from "@std/assert";
import { gapText } from "../../../lib/messages/streams/gaps.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("gapText() says what is missing, and why", pure, () => {
  const items = (from: number, to: number) =>
    (["slow", "expired", "unknown"] as const).map((reason) =>
      gapText({ from, to, reason })
    );
  const other =
    "items may be missing: the server has another numbering than before";
  assertEquals(items(3, 3), [
    "item 3 is missing: the reader was too slow, and they are no longer kept",
    "item 3 is missing: they are no longer kept",
    other,
  ]);
  assertEquals(items(3, 5), [
    "items 3 to 5 are missing: the reader was too slow, and they are no longer kept",
    "items 3 to 5 are missing: they are no longer kept",
    other,
  ]);
});
