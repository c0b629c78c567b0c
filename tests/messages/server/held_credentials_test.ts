import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, turns } from "../kit.ts";

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });

/** Credentials of 1,000 bytes that hold more than 24 KB once they are decoded. */
const COSTLY = Array.from({ length: 1_000 }, () => ({}));

Deno.test("credentials count as held until authenticate() has settled", async () => {
  const settled = Promise.withResolvers<void>();
  const server = createServer(P, {
    memory: 1024 * 1024,
    authenticate: () => settled.promise,
  }).handle({ echo: (text) => text });
  const outcomes = Array.from({ length: 100 }, async () => {
    try {
      await using _session = await connect(P, dial(server), {
        credentials: COSTLY,
      });
      return "accepted";
    } catch (error) {
      assert(error instanceof SessionError);
      return error.code;
    }
  });
  await turns(20);
  settled.resolve();
  const refused = (await Promise.all(outcomes)).filter((outcome) =>
    outcome === "refused-busy"
  );
  assertEquals(refused.length > 0, true); // 100 × 24 KB exceed 1 MiB
  await turns(20);
  await using session = await connect(P, dial(server), { credentials: COSTLY });
  assertEquals(await session.remote.echo("free again"), "free again");
  await server.shutdown({ grace: 0 });
});
