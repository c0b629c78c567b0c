import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  Health,
  healthHandlers,
} from "../../../lib/messages/health/health_service.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { connectTo, runCli } from "../kit.ts";
import { shop } from "../shop.ts";

Deno.test("health prints the status and ends with 4 unless it is serving", async () => {
  const server = createServer(Health).handle(healthHandlers());
  const connect = connectTo(server);
  const health = (...flags: string[]) =>
    runCli(["health", "tcp://test:1", ...flags], { connect });
  const serving = await health();
  assertEquals(
    [serving.code, serving.stdout],
    [0, '{"service":"","status":"serving"}\n'],
  );
  server.health.set("orders", "not-serving");
  const orders = await health("--service", "orders");
  assertEquals(orders.code, 4);
  assertStringIncludes(orders.stdout, "not-serving");
  assertEquals((await health("--service", "other")).code, 4);
  const terminal = await runCli(["health", "tcp://test:1"], {
    connect,
    isTTY: true,
  });
  assertEquals(terminal.stdout, "serving\n");
});

Deno.test("health says that a server does not report it, or is not reached", async () => {
  const { server } = shop();
  const silent = await runCli(["health", "tcp://test:1"], {
    connect: connectTo(server),
  });
  assertEquals(silent.code, 4);
  assertStringIncludes(silent.stderr, "does not report its health");
  assertEquals((await runCli(["health", "tcp://test:1"])).code, 3);
});
