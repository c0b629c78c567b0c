import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/messages/support/sha256.ts";

Deno.test("sha256() equals Web Crypto's SHA-256 for every length", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(1_000));
  for (let length = 0; length <= 300; length++) {
    const part = bytes.subarray(3, 3 + length);
    const expected = await crypto.subtle.digest("SHA-256", part);
    assertEquals(sha256(part), new Uint8Array(expected), `${length} bytes`);
  }
  const expected = await crypto.subtle.digest("SHA-256", bytes);
  assertEquals(sha256(bytes), new Uint8Array(expected));
});
