import { assertEquals } from "@std/assert";
import { SHAPES } from "../../../lib/messages/protocol/method.ts";

Deno.test("SHAPES keeps the numbers that shapes have on the wire", {
  permissions: "none",
}, () => {
  assertEquals(SHAPES, [
    "unary",
    "notification",
    "serverStream",
    "clientStream",
    "duplex",
  ]);
});
