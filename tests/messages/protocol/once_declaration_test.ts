import { assertEquals, assertThrows } from "@std/assert";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";

Deno.test("unary() declares a method once", () => {
  const Bank = protocol({
    name: "bank",
    server: { pay: unary<number, void>({ once: true, serial: true }) },
  });
  assertEquals(Bank.server.pay.once, true);
});

Deno.test("a method cannot be both once and idempotent", () => {
  assertThrows(
    () => unary({ once: true, idempotent: true }),
    TypeError,
    'both "once" and "idempotent": a call of an idempotent method may run twice',
  );
  unary({ once: false, idempotent: true });
});

Deno.test("only unary methods can be once", () => {
  const declared = [
    () => notification({ once: true }),
    () => serverStream({ once: true }),
    () => clientStream({ once: true }),
    () => duplex({ once: true }),
  ];
  for (const declare of declared) {
    assertThrows(
      declare,
      TypeError,
      'with "once": only the outcome of unary() can be stored',
    );
  }
});

Deno.test("a method of the client side cannot be once", () => {
  assertThrows(
    () => protocol({ name: "bank", client: { pay: unary({ once: true }) } }),
    TypeError,
    'method "pay" of the client side with "once": only a server stores outcomes',
  );
});

Deno.test("once must be a boolean", () => {
  const once: unknown = 1;
  assertThrows(
    () => unary({ once: once as boolean }), // as a JavaScript user may pass it
    TypeError,
    'of type number as "once": expected a boolean',
  );
});
