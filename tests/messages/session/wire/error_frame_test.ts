import { assertEquals, assertThrows } from "@std/assert";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import {
  decodeError,
  encodeError,
} from "../../../../lib/messages/session/wire/error_frame.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";

const pure = { permissions: "none" } as const;
const codec = bytes();

Deno.test(
  "encodeError() and decodeError() preserve what a caller may know",
  pure,
  () => {
    const error = new CallError("why", {
      code: "declared",
      processed: "yes",
      retry: "later",
      retryAfter: 5,
      declared: "outOfStock",
      incident: "i-1",
      data: Uint8Array.of(1, 2),
    });
    const found = decodeError(encodeError(error, codec), codec, "shop.order");
    assertEquals(
      [found.code, found.message, found.processed, found.retry, found.method],
      ["declared", "why", "yes", "later", "shop.order"],
    );
    assertEquals(
      [found.retryAfter, found.declared, found.incident, found.data],
      [5, "outOfStock", "i-1", Uint8Array.of(1, 2)],
    );
  },
);

Deno.test(
  "encodeError() truncates texts and rejects data without an encoding",
  pure,
  () => {
    const long = new CallError("x".repeat(70_000), { code: "internal" });
    assertEquals(
      decodeError(encodeError(long, codec), codec, "").message.length,
      2049,
    );
    const odd = new CallError("", { code: "declared", data: { not: "bytes" } });
    assertThrows(() => encodeError(odd, codec));
  },
);

Deno.test(
  "decodeError() accepts codes of later versions and rejects truncation",
  pure,
  () => {
    const body = encodeError(new CallError("m", { code: "internal" }), codec);
    body.set([200, 200, 200]);
    const found = decodeError(body, codec, "x");
    assertEquals([found.code, found.processed, found.retry], [
      "internal",
      "maybe",
      "never",
    ]);
    for (let end = 0; end < body.length; end++) {
      assertThrows(
        () => decodeError(body.subarray(0, end), codec, ""),
        MalformedError,
      );
    }
  },
);

Deno.test("decodeError() omits data that it cannot decode", pure, () => {
  const body = encodeError(
    new CallError("m", { code: "declared", data: Uint8Array.of(1) }),
    codec,
  );
  const picky = {
    ...codec,
    decode: () => {
      throw new Error("no");
    },
  };
  assertEquals(decodeError(body, picky, "x").data, undefined);
});

Deno.test(
  "decodeError() escapes control characters and keeps line breaks",
  pure,
  () => {
    const error = new CallError("a\u001b[2J\n  at b", { code: "internal" });
    const { message } = decodeError(encodeError(error, codec), codec, "m");
    assertEquals(message, "a\\u{1b}[2J\n  at b");
  },
);

Deno.test("decodeError() escapes the texts of the peer", pure, () => {
  const hostile = "\u001b[31m\u202e\n";
  const error = new CallError(hostile, {
    code: "declared",
    declared: hostile,
    incident: hostile,
  });
  const { message, declared, incident } = decodeError(
    encodeError(error, codec),
    codec,
    "m",
  );
  assertEquals(message, "\\u{1b}[31m\\u{202e}\n"); // lines are kept
  for (const name of [declared, incident]) {
    assertEquals(name, "\\u{1b}[31m\\u{202e}\\u{a}");
  }
});
