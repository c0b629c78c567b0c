import { assertEquals } from "@std/assert";
import {
  CALL_ERROR_CODES,
  CallError,
  type CallErrorOptions,
} from "../../../lib/messages/errors/call_error.ts";
import { resendClass } from "../../../lib/messages/client/resend_rules.ts";

function classOf(options: CallErrorOptions, idempotent = false): string {
  return resendClass(new CallError("failed", options), { idempotent });
}

Deno.test("a call that never left, or was refused unseen, may be sent again", () => {
  assertEquals(classOf({ code: "disconnected", processed: "no" }), "unsent");
  assertEquals(classOf({ code: "unavailable", processed: "no" }), "unseen");
});

Deno.test("a call that was refused for load is sent again later", () => {
  const refused = { code: "overloaded", processed: "no" } as const; // literal types
  assertEquals(classOf({ ...refused, retry: "later" }), "later");
  assertEquals(classOf({ ...refused, retry: "never" }), "final");
});

Deno.test("a call that may have run is sent again only if it is idempotent", () => {
  for (const code of ["disconnected", "unavailable"] as const) {
    assertEquals(classOf({ code, processed: "maybe" }), "final");
    assertEquals(classOf({ code, processed: "maybe" }, true), "repeatable");
    assertEquals(classOf({ code, processed: "yes" }, true), "final");
  }
});

Deno.test("a call that its caller or its deadline ended is never sent again", () => {
  for (const code of ["cancelled", "deadline"] as const) {
    for (const processed of ["no", "maybe", "yes"] as const) {
      assertEquals(classOf({ code, processed, retry: "now" }, true), "final");
    }
  }
});

Deno.test("no error of a handler is sent again", () => {
  for (const code of CALL_ERROR_CODES) {
    assertEquals(classOf({ code, processed: "yes" }, true), "final");
  }
  assertEquals(resendClass(new Error("failed"), { idempotent: true }), "final");
});
