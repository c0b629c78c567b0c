/**
 * Pending reads of a stream that is left or cancelled settle in the same way,
 * with interceptors or without, and with a client.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import {
  duplex,
  serverStream,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";

Deno.test(
  "pending next() of each kind of stream ends with return() or cancel()",
  async () => {
    const Talk = protocol({
      name: "talk",
      server: {
        silent: serverStream<number, number>(),
        talk: duplex<number, number>(),
      },
    });
    const server = createServer(Talk).handle({
      async *silent(count, { signal }) {
        for (let n = 0; n < count; n++) yield n;
        await new Promise((resolve) =>
          signal.addEventListener("abort", resolve)
        );
      },
      talk: (items) => items,
    });
    const connected = await connect(Talk, memoryOf(server));
    const intercepted = await connect(Talk, memoryOf(server), {
      interceptors: [(request, next) => next(request)],
    });
    const client = createClient(Talk, {
      name: "memory",
      connect: () => Promise.resolve(memoryOf(server)),
    });
    for (const { remote } of [connected, intercepted, client]) {
      for (const received of [0, 1]) {
        for (const end of ["return", "cancel"] as const) {
          const talk = remote.talk();
          if (received > 0) void talk.send(0);
          const streams = [remote.silent(received), talk];
          for (const stream of streams) {
            const items = stream[Symbol.asyncIterator]();
            if (received > 0) assertEquals((await items.next()).value, 0);
            const pending = [items.next(), items.next()];
            const settled = Promise.allSettled(pending);
            if (end === "cancel") stream.cancel();
            else await items.return!();
            const [first, second] = (await settled).map((outcome) =>
              outcome.status === "fulfilled"
                ? outcome.value.done
                : outcome.reason.code
            );
            assertEquals(first, end === "cancel" ? "cancelled" : true);
            assertEquals(second, true);
            assertEquals((await items.next()).done, true);
          }
        }
      }
    }
    await connected.close();
    await intercepted.close();
    await client.close();
    await server.abort();
  },
);

function memoryOf(
  server: { accept(connection: Connection): Promise<void> },
): Connection {
  const [near, far] = memoryPair();
  void server.accept(far);
  return near;
}
