import { assertEquals, assertMatch } from "@std/assert";
import { randomId } from "../../../lib/messages/support/random_id.ts";

Deno.test("randomId() needs no secure context", { permissions: "none" }, () => {
  const { randomUUID } = crypto;
  // deno-lint-ignore no-explicit-any -- as on a page on plain http
  (crypto as any).randomUUID = undefined;
  try {
    const ids = Array.from({ length: 100 }, randomId);
    assertEquals(new Set(ids).size, 100);
    for (const id of ids) assertMatch(id, /^[0-9a-f]{32}$/);
  } finally {
    crypto.randomUUID = randomUUID;
  }
});
