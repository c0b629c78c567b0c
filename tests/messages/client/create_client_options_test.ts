import { assertEquals } from "@std/assert";
import { resolveClientOptions } from "../../../lib/messages/client/create_client_options.ts";

Deno.test("a server that does not answer leaves calls the time to reach another one", () => {
  const several = resolveClientOptions({}, 3);
  assertEquals(several.transport, { timeout: 3_000 });
  assertEquals(several.wait.timeout, 10_000); // the time for three of them
  assertEquals(resolveClientOptions({}, 1).transport, {});
  const own = { transport: { timeout: 7 } };
  assertEquals(resolveClientOptions(own, 2).transport, { timeout: 7 });
});

Deno.test("calls that wait outlast the spread of a drain", () => {
  const { reconnect } = resolveClientOptions({ wait: { timeout: 9_000 } }, 1);
  assertEquals(reconnect.maxSpread, 4_500);
  const own = { wait: { timeout: 0 }, reconnect: { spread: 700 } };
  assertEquals(resolveClientOptions(own, 1).reconnect.maxSpread, 700);
});
