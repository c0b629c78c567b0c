import { assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  createServer,
  protocol,
  unary,
} from "../../lib/messages/mod.ts";
import {
  natsService,
  type NatsServiceOptions,
} from "../../lib/nats/nats_service.ts";
import { dial, turns } from "../messages/kit.ts";
import { type FakeConnection, FakeNats } from "./fake_nats.ts";

const Shop = protocol({
  name: "shop",
  server: { orders: { price: unary<number, number>() } },
});

/** Asks all subscriptions of a subject; returns the parsed replies. */
function ask(connection: FakeConnection, subject: string): unknown[] {
  const replies: unknown[] = [];
  for (const each of [...connection.subscribed]) {
    if (each.subject !== subject) continue;
    each.callback(null, {
      ...{ data: new Uint8Array(), subject },
      respond(payload) {
        replies.push(JSON.parse(`${payload}`));
        return true;
      },
    });
  }
  return replies;
}

Deno.test("natsService() answers PING, INFO and STATS until the server has shut down", async () => {
  const connection = new FakeNats().connect();
  const server = createServer(Shop, { onError() {} }).handle({
    orders: {
      price(n) {
        if (n < 0) throw new Error("negative");
        return n;
      },
    },
  });
  natsService(connection, server, {
    ...{ name: "shop", version: "1.2.0-rc.1", description: "sells" },
    metadata: { region: "eu" },
  });
  const session = await connect(Shop, dial(server));
  await session.remote.orders.price(1);
  await session.remote.orders.price(2);
  await session.remote.orders.price(-1).catch(() => {});
  await session.close();
  const service = {
    name: "shop",
    id: server.instance,
    version: "1.2.0-rc.1",
    metadata: { region: "eu" },
  };
  const ping = { ...service, type: "io.nats.micro.v1.ping_response" };
  for (const suffix of ["", ".shop", `.shop.${server.instance}`]) {
    assertEquals(ask(connection, `$SRV.PING${suffix}`), [ping]);
  }
  const endpoint = {
    name: "orders-price",
    subject: "lw.shop.orders.price",
    queue_group: "q",
    metadata: { method: "orders.price" },
  };
  assertEquals(ask(connection, "$SRV.INFO.shop"), [{
    ...service,
    type: "io.nats.micro.v1.info_response",
    description: "sells",
    endpoints: [endpoint],
  }]);
  const [stats] = ask(connection, "$SRV.STATS") as [
    { started: string; endpoints: [Record<string, unknown>] },
  ]; // as asserted below
  const { processing_time, average_processing_time } = stats.endpoints[0];
  assertEquals<unknown>(stats, {
    ...service,
    type: "io.nats.micro.v1.stats_response",
    started: new Date(stats.started).toISOString(),
    endpoints: [{
      ...endpoint,
      num_requests: 3,
      num_errors: 1,
      last_error: "",
      processing_time,
      average_processing_time,
    }],
  });
  assertEquals(
    average_processing_time,
    Math.round(Number(processing_time) / 3),
  );
  assertEquals(connection.subscribed.size, 9);
  await server.shutdown();
  await turns(5);
  assertEquals(connection.subscribed.size, 0);
});

Deno.test("natsService() ends when it is disposed, and rejects invalid options", async () => {
  const connection = new FakeNats().connect();
  await using server = createServer(protocol({ name: "empty" })).handle({});
  const valid: NatsServiceOptions = { name: "shop", version: "1.0.0" };
  const service = natsService(connection, server, valid);
  service[Symbol.dispose]();
  service[Symbol.dispose]();
  assertEquals(connection.subscribed.size, 0);
  const invalid: Partial<NatsServiceOptions>[] = [
    ...[{ name: "" }, { name: "a.b" }, { name: "a b" }, { name: ">" }],
    ...[{ version: "1" }, { version: "v1.0.0" }, { version: "1.0.0 " }],
    ...[{ subject: "a.*" }, { subject: "" }, { subject: "a..b" }],
  ];
  for (const options of invalid) {
    assertThrows(
      () => natsService(connection, server, { ...valid, ...options }),
      RangeError,
    );
  }
  const unknown = { ...valid, nmae: "" };
  assertThrows(() => natsService(connection, server, unknown), TypeError);
  assertEquals(connection.subscribed.size, 0);
});
