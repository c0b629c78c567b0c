import { ALL_PLUGINS } from "../../../lib/messages/connection/all_plugins.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { resolveClientOptions } from "../../../lib/messages/client/create_client_options.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { TransportError } from "../../../lib/transport/errors.ts";

Deno.test("a server that does not answer leaves calls the time to reach another one", () => {
  const several = resolveClientOptions({}, 3, ALL_PLUGINS);
  assertEquals(several.transport, { timeout: 3_000 });
  assertEquals(several.wait.timeout, 10_000); // the time for three of them
  assertEquals(resolveClientOptions({}, 1, ALL_PLUGINS).transport, {});
  const own = { transport: { timeout: 7 } };
  assertEquals(resolveClientOptions(own, 2, ALL_PLUGINS).transport, {
    timeout: 7,
  });
});

Deno.test("calls that wait outlast the spread of a drain", () => {
  const { reconnect } = resolveClientOptions(
    { wait: { timeout: 9_000 } },
    1,
    ALL_PLUGINS,
  );
  assertEquals(reconnect.maxSpread, 4_500);
  const own = { wait: { timeout: 0 }, reconnect: { spread: 700 } };
  assertEquals(
    resolveClientOptions(own, 1, ALL_PLUGINS).reconnect.maxSpread,
    700,
  );
});

Deno.test("transport options that a client cannot use are rejected at once", () => {
  const cases: [object, string][] = [
    [{ retry: {} }, 'Unknown option "retry" of the option transport of '],
    [{ retry: {} }, "; use the option reconnect"],
    [{ signal: undefined }, "; use close()"],
    [{ tiemout: 1 }, '(did you mean "timeout"?)'],
  ];
  for (const [transport, message] of cases) {
    assertThrows(
      () => resolveClientOptions({ transport }, 1, ALL_PLUGINS),
      TypeError,
      message,
    );
  }
});

Deno.test("transport options out of range are rejected at once", () => {
  const address = { hostname: "127.0.0.1", port: 1 };
  for (const timeout of [-1, NaN, Infinity, 2 ** 31]) {
    assertThrows(
      () => createClient(Echo, address, { transport: { timeout } }),
      RangeError,
      "'transport.timeout' must be from 0 to",
    );
  }
  const transport = { autoSelectFamilyAttemptDelay: 0 };
  assertThrows(
    () => createClient(Echo, address, { transport }),
    RangeError,
    "'autoSelectFamilyAttemptDelay' must be",
  );
});

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});

Deno.test("a text that is not an address is rejected at once, also among others", () => {
  for (const address of ["127.0.0.1:7000", "http://127.0.0.1/"]) {
    const error = assertThrows(
      () => createClient(Echo, [{ port: 1 }, address]),
      TransportError,
      "the scheme must be one of",
    );
    assertEquals(error.code, "address-invalid");
  }
});

Deno.test("connect() does not take a function as credentials", async () => {
  await assertRejects(
    () => connect(Echo, { port: 1 }, { credentials: () => "token" }),
    TypeError,
    "only createClient() calls it",
  );
});
