import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { connect } from "../../../lib/messages/client/connect.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial } from "../kit.ts";

const P = protocol({
  name: "p",
  server: { large: unary<void, Uint8Array>(), small: unary<void, string>() },
});

/** Size of a large reply in bytes. */
const SIZE = 200_000;

Deno.test("handlers that wait are bounded for the whole server by what they may return", async () => {
  let running = 0;
  let most = 0;
  let release = Promise.resolve();
  const server = createServer(P, { memory: 16 * 1024 * 1024 }).handle({
    large: async () => {
      most = Math.max(most, ++running);
      await release;
      running--;
      return new Uint8Array(SIZE);
    },
    small: () => "small",
  });
  const sessions = await Promise.all(
    Array.from({ length: 4 }, () => connect(P, dial(server))),
  );
  for (const { remote } of sessions) await remote.large(); // shows the size
  const released = Promise.withResolvers<void>();
  release = released.promise;
  const calls = sessions.flatMap(({ remote }) =>
    Array.from({ length: 10 }, () => remote.large())
  );
  await delay(200); // the reservations of single sessions last for 64 ms
  const each = Math.ceil(16 * 1024 * 1024 / 2 / 8 / SIZE); // an eighth of half
  assert(most >= sessions.length, `${most}`);
  assert(most <= each * sessions.length, `${most}`);
  assertEquals(await sessions[3]!.remote.small(), "small");
  released.resolve();
  for (const reply of await Promise.all(calls)) {
    assertEquals(reply.length, SIZE);
  }
  await server.shutdown();
});
