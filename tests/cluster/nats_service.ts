/**
 * A server as a service of NATS, found by the client of `@nats-io/services`.
 *
 * @module
 */
import { Svcm } from "@nats-io/services";
import { assertEquals } from "@std/assert";
import { createServer, protocol, unary } from "@lengthwise/lengthwise";
import { natsService } from "@lengthwise/lengthwise/nats";
import { connectNats, NatsServer } from "./nats_server.ts";

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>(), stock: unary<string, number>() },
});

Deno.test("the client of @nats-io/services finds, pings and inspects servers", async () => {
  await using nats = await NatsServer.start();
  const connection = await connectNats(nats);
  const other = await connectNats(nats);
  const handlers = { price: () => 1, stock: () => 2 };
  const servers = [1, 2].map(() => createServer(Shop).handle(handlers));
  for (const server of servers) {
    natsService(connection, server, { name: "shop", version: "1.2.0" });
  }
  await connection.flush();
  // The package is typed for an earlier core than the transport.
  type Core = ConstructorParameters<typeof Svcm>[0];
  const client = new Svcm(other as unknown as Core).client();
  const ids = servers.map(({ instance }) => instance).toSorted();
  const found = async <Reply extends { id: string }>(
    replies: Promise<AsyncIterable<Reply>>,
  ) =>
    (await Array.fromAsync(await replies)).toSorted((a, b) =>
      a.id < b.id ? -1 : 1
    );
  const pinged = await found(client.ping("shop"));
  assertEquals(pinged.map(({ id }) => id), ids);
  assertEquals(pinged[0]?.version, "1.2.0");
  const [info, ...rest] = await found(client.info("shop", ids[0]));
  assertEquals([info?.id, rest], [ids[0], []]);
  assertEquals(info?.endpoints.map(({ name }) => name), ["price", "stock"]);
  const stats = await found(client.stats("shop"));
  assertEquals(stats.map(({ endpoints }) => endpoints?.length), [2, 2]);
  for (const server of servers) await server.shutdown();
  await connection.flush();
  assertEquals(await found(client.ping("shop")).catch(() => []), []);
  await connection.close();
  await other.close();
});
