/** What handling of a call makes of the ways in which a handler can end it. */
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import {
  notification,
  protocol,
  unary,
} from "../../lib/messages/declarations.ts";
import { createServer } from "../../lib/messages/server.ts";
import { memoryPair } from "../../lib/transport/memory.ts";
import { incidents, turns } from "./_kit.ts";
import { K, RawPeer, request, value } from "./_raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Nested = protocol({
  name: "nested",
  server: { ask: unary<void, string>(), tell: notification<void>() },
  client: { never: unary<void, string>() },
});

/** A server whose handlers wait for the client, and a client that answers nothing and cancels nothing. */
async function nested() {
  const { list, onError } = incidents();
  const server = createServer(Nested, {
    ask: (_, { remote }) => remote.never(),
    tell: async (_, { remote }) => void await remote.never(),
  }, { onError, limits: { drainGrace: 20 } });
  const [near, far] = memoryPair();
  server.accept(far);
  const client = new RawPeer(near);
  await client.hello({ role: 0, methods: [["ask", 0], ["tell", 1]] });
  return { server, client, list };
}

/** A request without an input, but with so many milliseconds left. */
function hasty(timeout: number): Uint8Array {
  const deadline = Uint8Array.of(0, 7, 0x01, 0, 4, 0, 0, 0, timeout);
  return request(0, concat([deadline, msgpack().encode(undefined)]));
}

Deno.test(
  "a deadline that passes during a call of context.remote is told as that, and is no incident",
  none,
  async () => {
    const { server, client, list } = await nested();
    // Both deadlines are the same to the millisecond; which timer is the first must not matter.
    for (const id of [1, 3, 5]) {
      await client.frame(K.REQUEST, id, hasty(20));
      assertEquals((await client.error()).code, "deadline");
    }
    assertEquals(list, []);
    client.connection.close();
    await server.shutdown();
  },
);

Deno.test(
  "the end of the connection, or of a drain's grace, during a call of context.remote is no incident",
  none,
  async () => {
    for (const how of ["cut", "drain"]) {
      const { server, client, list } = await nested();
      await client.frame(K.REQUEST, 1, request(0, value(undefined)));
      await client.frame(K.NOTIFY, 0, request(1, value(undefined)));
      for (let asked = 0; asked < 2; asked++) await client.until(K.REQUEST);
      const [session] = server.sessions;
      const closed = how === "cut"
        ? client.connection.close()
        : server.shutdown();
      await session?.finished;
      await turns(2);
      assertEquals(list, [], how);
      client.connection.close();
      await closed;
      await server.shutdown();
    }
  },
);
