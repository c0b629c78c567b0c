import { assertEquals } from "@std/assert";
import { fromHex, toHex } from "../../../lib/messages/support/hex.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("toHex() and fromHex() are inverses for every byte", none, () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const text = toHex(bytes);
  assertEquals(text.slice(0, 8), "00010203");
  assertEquals(text.slice(-4), "feff");
  assertEquals(fromHex(text), bytes);
  assertEquals(toHex(new Uint8Array()), "");
});
