/**
 * The errors that failing connections have; `error_form_test.ts` tests how
 * applications create them.
 *
 * @module
 */
import {
  connect,
  listen,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";

Deno.test("a TransportError names the address in its URL form, and keeps the platform's error", async () => {
  const listener = await listen({ port: 0 });
  const { port = 0 } = listener.addr;
  listener.close();
  const error = await assertRejects(
    () => connect({ port }),
    TransportError,
  );
  const address = `tcp://127.0.0.1:${port}`;
  assertEquals([error.code, error.address], ["refused", address]);
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
  // A stack trace and a log begin with this text.
  assertEquals(String(error), `TransportError: ${error.message}`);
  assert(error.message.includes(address), error.message);
});

Deno.test("a TransportError has no cause if the platform reported nothing", async () => {
  const error = await assertRejects(
    () => connect({ memory: "unknown" }),
    TransportError,
  );
  assertEquals([error.code, error.address], ["refused", "memory:unknown"]);
  assertEquals("cause" in error, false);
});
