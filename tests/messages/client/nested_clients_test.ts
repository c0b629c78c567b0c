import { assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { failureOf } from "../kit.ts";

const P = protocol({
  name: "p",
  server: { look: unary<void, void>({ idempotent: true }) },
});
const OPTIONS = { reconnect: { minDelay: 1, maxDelay: 5, spread: 0 } } as const;

Deno.test("the attempts of a client do not multiply those of its server", async () => {
  const entered = { far: 0, near: 0 };
  const quiet = { onError() {} };
  const far = await serve(P, { memory: crypto.randomUUID() }, quiet).handle({
    async look(_, { session }) {
      entered.far++;
      await session.close("the cable is cut");
    },
  });
  const farClient = createClient(P, far.addr, OPTIONS);
  const near = await serve(P, { memory: crypto.randomUUID() }, quiet).handle({
    async look() {
      entered.near++;
      await farClient.remote.look();
    },
  });
  const client = createClient(P, near.addr, OPTIONS);
  const { code } = await failureOf(client.remote.look());
  assertEquals([code, entered], ["internal", { far: 3, near: 1 }]);
  await client.close();
  await near.shutdown({ grace: 0 });
  await farClient.close();
  await far.shutdown({ grace: 0 });
});
