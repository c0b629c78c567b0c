import { assert, assertEquals } from "@std/assert";
import {
  CALL_ERROR_CODES,
  CallError,
  type CallErrorCode,
  PROCESSED,
  RETRY,
  SESSION_ERROR_CODES,
  SessionError,
  type SessionErrorCode,
} from "../../../lib/messages/errors/call_error.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("CallError has a default for every option", none, () => {
  const error = new CallError("x", { code: "internal" });
  assert(error instanceof Error);
  const { code, message, name, method, processed, retry } = error;
  assertEquals([code, message, name, method, processed, retry], [
    "internal",
    "x",
    "CallError",
    "",
    "maybe",
    "never",
  ]);
  const { retryAfter, declared, data, incident, cause } = error;
  assertEquals([retryAfter, declared, data, incident, cause], [
    0,
    "",
    undefined,
    "",
    undefined,
  ]);
});

Deno.test("CallError keeps its options", none, () => {
  const cause = new Error("y");
  const options = {
    method: "a.b",
    processed: "no",
    retry: "later",
    retryAfter: 5,
    declared: "empty",
    data: { left: 1 },
    incident: "id",
    cause,
  } as const;
  const error = new CallError("x", { ...options, code: "declared" });
  for (const [name, value] of Object.entries(options)) {
    assertEquals(Reflect.get(error, name), value, name);
  }
});

Deno.test(
  "SessionError has a flag for errors that the peer reported",
  none,
  () => {
    assertEquals(new SessionError("x", { code: "timeout" }).remote, false);
    const cause = new Error("y");
    const error = new SessionError("x", {
      code: "timeout",
      remote: true,
      cause,
    });
    assertEquals([error.name, error.code, error.remote, error.cause], [
      "SessionError",
      "timeout",
      true,
      cause,
    ]);
  },
);

Deno.test(
  "error codes have the stable numbers of PROTOCOL.md",
  none,
  () => {
    const numbers: Record<CallErrorCode, number> = {
      declared: 0,
      cancelled: 1,
      deadline: 2,
      unimplemented: 3,
      invalid: 4,
      internal: 5,
      overloaded: 6,
      unavailable: 7,
      unauthenticated: 8,
      forbidden: 9,
      "too-large": 10,
      malformed: 11,
      disconnected: 12,
      moving: 13,
      conflict: 14,
      "outcome-lost": 15,
    };
    for (const [code, number] of Object.entries(numbers)) {
      assertEquals(CALL_ERROR_CODES[number], code);
    }
    assertEquals(CALL_ERROR_CODES.length, Object.keys(numbers).length);
    assertEquals(PROCESSED, ["no", "maybe", "yes"]);
    assertEquals(RETRY, ["never", "later", "now"]);
    const sessions: Record<
      Exclude<SessionErrorCode, "disconnected">, // never sent
      number
    > = {
      closed: 0,
      protocol: 1,
      version: 2,
      codec: 3,
      unauthenticated: 4,
      timeout: 5,
      "too-many": 6,
      "flow-control": 7,
      "too-large": 8,
      unsent: 9,
      internal: 10,
      drain: 11,
      age: 12,
      "refused-busy": 13,
      "resume-lost": 14,
    };
    for (const [code, number] of Object.entries(sessions)) {
      assertEquals(SESSION_ERROR_CODES[number], code);
    }
    assertEquals(SESSION_ERROR_CODES.length, Object.keys(sessions).length);
  },
);
