/**
 * The reason of a close reaches the peer, also during a drain.
 *
 * @module
 */
import { connect, createServer, protocol, unary } from "@lengthwise/lengthwise";
import { assert, assertEquals } from "@std/assert";
import { dial } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const P = protocol({ name: "p", server: { ask: unary<void, void>() } });

async function open() {
  const server = createServer(P).handle({ ask() {} });
  const session = await connect(P, dial(server));
  return { server, session, accepted: [...server.sessions][0]! };
}

for (const side of ["client", "server"] as const) {
  for (const before of ["nothing", "drain"] as const) {
    Deno.test(
      `close() of a ${side} after ${before} sends the reason to the peer`,
      none,
      async () => {
        const { server, session, accepted } = await open();
        const [own, peer] = side === "client"
          ? [session, accepted]
          : [accepted, session];
        if (before === "drain") {
          own.remote;
          session.remote.ask().catch(() => {});
          void own.drain({ grace: 60_000 });
        }
        await own.close("moved\x1b[31m to another host");
        const [mine, theirs] = await Promise.all([own.finished, peer.finished]);
        assertEquals([mine.code, mine.remote], ["closed", false]);
        assertEquals([theirs.code, theirs.remote], ["closed", true]);
        assert(theirs.message.includes("moved"), theirs.message);
        assert(theirs.message.includes("another host"), theirs.message);
        // deno-lint-ignore no-control-regex -- these are what it looks for
        assert(!/[\x00-\x1f\x7f-\x9f]/.test(theirs.message), theirs.message);
        await server.shutdown();
      },
    );
  }
}

Deno.test("close() shortens a long reason", none, async () => {
  const { server, session, accepted } = await open();
  await session.close("é".repeat(100_000));
  const { code, message, remote } = await accepted.finished;
  assertEquals([code, remote], ["closed", true]);
  assert(message.includes("ééé"), message);
  assert(message.length < 5_000, String(message.length));
  await server.shutdown();
});

Deno.test("close() rejects a reason that is no text", none, async () => {
  const { server, session } = await open();
  const closed = await Promise.resolve()
    // deno-lint-ignore no-explicit-any -- a mistake of a JavaScript program
    .then(() => session.close(new Error("why") as any))
    .then(() => "closed", (error: unknown) => error);
  assert(closed instanceof TypeError, String(closed));
  await session.close();
  await server.shutdown();
});
