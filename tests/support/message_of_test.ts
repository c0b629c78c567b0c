import { messageOf } from "../../lib/support/message_of.ts";
import { assertEquals } from "@std/assert";

const pure = { permissions: "none" } as const;

Deno.test("messageOf() accepts any thrown value", pure, () => {
  assertEquals(messageOf(new Error("why")), "why");
  assertEquals(messageOf("why"), "why");
  assertEquals(messageOf(undefined), "undefined");
});
