import { TransportError } from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";

Deno.test("TransportError has kind, address and cause", () => {
  const cause = new Error("why");
  const error = new TransportError("Cannot do it", {
    kind: "refused",
    address: "memory:x",
    cause,
  });
  assertInstanceOf(error, Error);
  assertEquals(
    [error.name, error.message, error.kind, error.address, error.cause],
    ["TransportError", "Cannot do it", "refused", "memory:x", cause],
  );
  assertEquals(String(error), "TransportError: Cannot do it");
});

Deno.test("TransportError has no cause if none is given", () => {
  const error = new TransportError("x", { kind: "closed", address: "" });
  assert(!("cause" in error));
});
