import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type { ServerSession } from "../../../lib/messages/server/server_types.ts";

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>() },
});

/** Options that are not valid, and the name of the error. */
const WRONG: readonly [options: object, error: string][] = [
  [{ gracee: 1 }, "TypeError"],
  [{ grace: -1 }, "RangeError"],
  [{ grace: 2 ** 31 }, "RangeError"],
  [{ retryAfter: 0.5 }, "RangeError"],
  [{ spread: NaN }, "RangeError"],
  [{ code: "closed" }, "RangeError"],
];

/** Returns the name of the error that a promise rejects with. */
async function nameOf(promise: Promise<void>): Promise<string> {
  return await promise.then(
    () => "no error",
    (error: unknown) => error instanceof Error ? error.name : String(error),
  );
}

Deno.test("drain() and shutdown() end nothing if an option is not valid", async () => {
  const address = { memory: crypto.randomUUID() };
  let ofServer: ServerSession<typeof Shop> | undefined;
  await using server = await serve(Shop, address, {
    onSession: (session) => void (ofServer ??= session),
  }).handle({ price: () => 7 });
  await using session = await connect(Shop, address);
  await using client = createClient(Shop, address);
  await client.ready();
  await using idle = createClient(Shop, { memory: crypto.randomUUID() });
  for (const [options, error] of WRONG) {
    for (const end of [session, ofServer!, client, idle]) {
      assertEquals(await nameOf(end.drain(options)), error);
    }
    assertEquals(await nameOf(server.shutdown(options)), error);
  }
  for (const name of ["stagger", "drainDelay"]) {
    for (const value of [-1, 2 ** 31, 0.5]) {
      const shutdown = server.shutdown({ [name]: value });
      assertEquals(await nameOf(shutdown), "RangeError");
    }
  }
  assertEquals(await session.remote.price("tea"), 7);
  assertEquals(await client.remote.price("tea"), 7);
  assert(["connecting", "backing-off"].includes(idle.status), idle.status);
});
