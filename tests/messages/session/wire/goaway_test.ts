import { assertEquals, assertThrows } from "@std/assert";
import {
  cut,
  decodeGoodbye,
  encodeGoodbye,
} from "../../../../lib/messages/session/wire/goaway.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  Kind,
  MAX_ID,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { frame } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "encodeGoodbye() and decodeGoodbye() keep code, last id and text",
  pure,
  () => {
    const goodbye = { code: "too-many", lastId: MAX_ID, message: "é" } as const;
    assertEquals(
      decodeGoodbye(frame(Kind.GOAWAY, 0, encodeGoodbye(goodbye))),
      goodbye,
    );
  },
);

Deno.test(
  "decodeGoodbye() bounds the text, takes later codes, refuses cuts",
  pure,
  () => {
    const body = new Uint8Array(100_000).fill(0x61);
    const { code, message } = decodeGoodbye(frame(Kind.GOAWAY, 0, body));
    assertEquals([code, message.length], ["internal", 513]);
    assertThrows(
      () => decodeGoodbye(frame(Kind.GOAWAY, 0, new Uint8Array(6))),
      MalformedError,
    );
  },
);

Deno.test("cut() keeps short texts as they are", pure, () => {
  assertEquals(cut("why"), "why");
  assertEquals(cut("x".repeat(1000)).length, 513);
});

Deno.test("decodeGoodbye() escapes what would act on a terminal", pure, () => {
  const message = "bye\u001b[2J\r";
  const body = encodeGoodbye({ code: "none", lastId: 0, message });
  const goodbye = decodeGoodbye(frame(Kind.GOAWAY, 0, body));
  assertEquals(goodbye.message, "bye\\u{1b}[2J\\u{d}");
});
