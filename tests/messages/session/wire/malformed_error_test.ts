import { assertEquals, assertThrows } from "@std/assert";
import {
  MalformedError,
  messageOf,
  text,
} from "../../../../lib/messages/session/wire/malformed_error.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "text() keeps a byte order mark and refuses what is not UTF-8",
  pure,
  () => {
    assertEquals(text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
    assertThrows(() => text(Uint8Array.of(0xc3)), MalformedError, "UTF-8");
  },
);

Deno.test("messageOf() reads anything thrown", pure, () => {
  assertEquals(messageOf(new Error("why")), "why");
  assertEquals(messageOf("why"), "why");
  assertEquals(messageOf(undefined), "undefined");
});
