import { assertEquals, assertNotEquals } from "@std/assert";
import {
  hashOf,
  newSecret,
  SessionTokens,
} from "../../../lib/messages/server/session_tokens.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("newSecret() returns a secret of 32 bytes and its hash", none, () => {
  const { secret, hash } = newSecret();
  assertEquals(secret.length, 32);
  assertEquals(hash, hashOf(secret));
  assertNotEquals(hash, newSecret().hash);
});

Deno.test(
  "SessionTokens accepts a used token until the next one is confirmed",
  none,
  () => {
    const tokens = new SessionTokens("a");
    tokens.rotate("a", "b");
    assertEquals([...tokens.hashes], ["a", "b"]); // the client may not have "b"
    tokens.rotate("a", "c");
    assertEquals([...tokens.hashes], ["a", "c"]); // "b" was never received
    tokens.confirm();
    assertEquals([...tokens.hashes], ["c"]);
    assertEquals([tokens.accepts("a"), tokens.accepts("c")], [false, true]);
  },
);
