import { TransportError } from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";

Deno.test("TransportError has code, address and cause", () => {
  const cause = new Error("why");
  const error = new TransportError("Cannot do it", {
    code: "refused",
    address: "memory:x",
    cause,
  });
  assertInstanceOf(error, Error);
  assertEquals(
    [error.name, error.message, error.code, error.address, error.cause],
    ["TransportError", "Cannot do it", "refused", "memory:x", cause],
  );
  assertEquals(String(error), "TransportError: Cannot do it");
});

Deno.test("TransportError has no cause if none is given", () => {
  const error = new TransportError("x", { code: "closed", address: "" });
  assert(!("cause" in error));
});
