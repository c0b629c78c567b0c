import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { HealthRegistry } from "../../../lib/messages/health/health_registry.ts";
import { healthResponse } from "../../../lib/messages/health/health_response.ts";
import {
  Health,
  healthHandlers,
} from "../../../lib/messages/health/health_service.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { aborted, dial, failureOf } from "../kit.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("HealthRegistry keeps statuses until it is stopped", pure, () => {
  const health = new HealthRegistry();
  assertEquals([health.get(""), health.get("db")], ["serving", "unknown"]);
  health.set("db", "serving");
  health.set("", "not-serving");
  assertEquals(health.list(), { "": "not-serving", db: "serving" });
  health.set("", "serving");
  health.stop();
  health.set("db", "serving");
  health.set("new", "serving");
  assertEquals(health.list(), { "": "not-serving", db: "not-serving" });
  assertEquals(health.get("new"), "unknown");
  // possible from JavaScript
  assertThrows(
    () => health.set(7 as never, "serving"),
    TypeError,
    "type number",
  );
  assertThrows(() => health.set("", "well" as never), RangeError, '"well"');
});

Deno.test(
  "a watcher receives each change once, and the latest if it is slow",
  pure,
  async () => {
    const health = new HealthRegistry();
    const watcher = health.watch("db");
    assertEquals((await watcher.next()).value, "unknown");
    health.set("other", "serving");
    const next = watcher.next();
    health.set("db", "serving");
    assertEquals((await next).value, "serving");
    health.set("db", "not-serving");
    health.set("db", "unknown");
    assertEquals((await watcher.next()).value, "unknown");
    const last = watcher.next();
    await watcher.return?.();
    assertEquals([(await last).done, health.watched], [true, false]);
  },
);

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>() },
});
const handlers = { price: (sku: string) => sku.length, ...healthHandlers() };

Deno.test("Health is served beside the methods of a server", async () => {
  await using server = createServer(mergeProtocols(Shop, Health))
    .handle(handlers);
  server.health.set("db", "not-serving");
  await using session = await connect(Health, dial(server));
  const { check, list } = session.remote.health;
  assertEquals(await check({ service: "" }), { status: "serving" });
  assertEquals(await check({ service: "db" }), { status: "not-serving" });
  assertEquals(await check({ service: "x" }), { status: "unknown" });
  assertEquals({ ...await list() }, { "": "serving", db: "not-serving" });
  for (const service of [7, undefined, "x".repeat(257)]) {
    const { code } = await failureOf(check({ service } as never)); // of any type
    assertEquals(code, "invalid");
  }
});

Deno.test("shutdown(): watchers see not-serving before any GOAWAY", async () => {
  for (const drainDelay of [undefined, 20]) {
    const server = createServer(mergeProtocols(Shop, Health)).handle(handlers);
    const sessions = [
      await connect(Health, dial(server)),
      await connect(Health, dial(server)),
    ];
    const seen = await Promise.all(sessions.map(async (session) => {
      const items = session.remote.health.watch({ service: "" })
        [Symbol.asyncIterator]();
      assertEquals((await items.next()).value, { status: "serving" });
      return { session, items };
    }));
    const stopped = server.shutdown({ drainDelay });
    await Promise.all(seen.map(async ({ session, items }) => {
      const { value } = await items.next();
      assertEquals(value, { status: "not-serving" });
      assert(!session.draining.aborted, "GOAWAY came first");
      await aborted(session.draining);
      const { code } = await failureOf(items.next());
      assertEquals(code, "unavailable");
    }));
    await stopped;
  }
});

Deno.test("shutdown() serves new clients during drainDelay, and abort() ends it", async () => {
  const server = createServer(mergeProtocols(Shop, Health)).handle(handlers);
  const stopped = server.shutdown({ drainDelay: 2 ** 31 - 1 });
  assertEquals(healthResponse(server).status, 503);
  const session = await connect(mergeProtocols(Shop, Health), dial(server));
  assertEquals(await session.remote.price("abc"), 3);
  const { status } = await session.remote.health.check({ service: "" });
  assertEquals(status, "not-serving");
  await server.abort();
  await stopped;
  await session.close();
});

Deno.test("healthResponse() answers HTTP probes", async () => {
  await using server = createServer(Shop).handle({ price: () => 1 });
  server.health.set("db", "not-serving");
  const found = [];
  for (const service of ["", "db", "x"]) {
    const response = healthResponse(server, service);
    found.push([response.status, await response.text()]);
  }
  assertEquals(found, [
    [200, "serving\n"],
    [503, "not-serving\n"],
    [503, "unknown\n"],
  ]);
});
