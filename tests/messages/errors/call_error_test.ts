/**
 * The errors of calls and sessions as they cross the wire; `error_form_test.ts`
 * tests how applications create them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import {
  CALL_ERROR_CODES,
  CallError,
  PROCESSED,
  RETRY,
  SESSION_ERROR_CODES,
} from "../../../lib/messages/errors/call_error.ts";
import {
  decodeError,
  encodeError,
} from "../../../lib/messages/session/wire/error_frame.ts";
import { encodeGoaway } from "../../../lib/messages/session/wire/goaway.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { tables } from "../readme.ts";
import { Lone } from "../session/lone_session.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const codec = bytes();

Deno.test(
  "a CallError with only a code forbids a retry",
  none,
  () => {
    const body = encodeError(new CallError("x", { code: "internal" }), codec);
    const error = decodeError(body, codec, "a.b");
    const { code, message, processed, retry, retryAfter } = error;
    assertEquals([code, message, processed, retry, retryAfter], [
      "internal",
      "x",
      "maybe", // unknown, so the caller must not repeat the call
      "never",
      0,
    ]);
    const { declared, data, incident } = error;
    assertEquals([declared, data, incident], ["", undefined, ""]);
  },
);

Deno.test(
  "a SessionError has a flag for faults that the peer reported",
  none,
  () => {
    const accused = Lone.open("client");
    const goaway = { code: "timeout", lastId: 0, message: "too slow" } as const;
    accused.receive(Kind.GOAWAY, 0, encodeGoaway(goaway));
    assertEquals([accused.error.code, accused.error.remote], ["timeout", true]);
    const own = Lone.open("client");
    own.receive(Kind.HELLO, 0); // a second HELLO
    assertEquals([own.error.code, own.error.remote], ["protocol", false]);
  },
);

Deno.test("errors have the numbers of PROTOCOL.md on the wire", () => {
  const numberOf = (code: (typeof CALL_ERROR_CODES)[number]) =>
    encodeError(new CallError("", { code }), codec)[0];
  assertEquals(
    CALL_ERROR_CODES.map((code) => `${numberOf(code)} ${code}`),
    documented("13. Errors"),
  );
  const goawayOf = (code: (typeof SESSION_ERROR_CODES)[number]) =>
    encodeGoaway({ code, lastId: 0, message: "" })[0];
  assertEquals(
    SESSION_ERROR_CODES.map((code) => `${goawayOf(code)} ${code}`),
    documented("15. Ends"),
  );
});

Deno.test("`processed` and `retry` have the numbers of PROTOCOL.md", () => {
  const table = tableOf("13. Errors", "number");
  const [processedOf, retryOf] = [1, 2].map((column) =>
    table.map((cells) => cells[column]?.split(":")[0])
  );
  for (const processed of PROCESSED) {
    for (const retry of RETRY) {
      const sent = new CallError("", { code: "internal", processed, retry });
      const [, first = 99, second = 99] = encodeError(sent, codec);
      assertEquals([processedOf?.[first], retryOf?.[second]], [
        processed,
        retry,
      ]);
    }
  }
});

/** Rows of the table of PROTOCOL.md with the given first column. */
function tableOf(heading: string, column: string): string[][] {
  const found = tables(heading, "PROTOCOL.md").find(([head]) =>
    head?.[0] === column
  );
  return found?.slice(1) ?? [];
}

/** Numbers and names in a table of codes. */
function documented(heading: string): string[] {
  return tableOf(heading, "code").map(([number, name = ""]) =>
    `${number} ${name.replaceAll("`", "")}`
  );
}
