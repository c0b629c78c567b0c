/** A setup that is awaited without `handle()` does not pass for a server. */
import { protocol, serve, unary } from "@lengthwise/lengthwise";
import { testPair } from "@lengthwise/lengthwise/testing";
import { assertRejects } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const P = protocol({ name: "p", server: { ask: unary<void, void>() } });

Deno.test("awaiting serve() without handle() rejects", none, async () => {
  await assertRejects(
    async () => await serve(P, { memory: "forgotten" }),
    TypeError,
    "call handle() on the result of serve()",
  );
});

Deno.test("awaiting testPair() without handle() rejects", none, async () => {
  await assertRejects(
    async () => await testPair(P),
    TypeError,
    "call handle() on the result of testPair()",
  );
});
