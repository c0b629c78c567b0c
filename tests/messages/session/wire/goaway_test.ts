import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeGoaway,
  encodeGoaway,
  truncateMessage,
} from "../../../../lib/messages/session/wire/goaway.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  Kind,
  MAX_ID,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { frame } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "encodeGoaway() and decodeGoaway() preserve everything",
  pure,
  () => {
    const plain = { code: "too-many", lastId: MAX_ID, message: "é" } as const;
    for (const times of [{}, { retryAfter: 250, spread: 2000 }]) {
      const goaway = { ...plain, ...times };
      assertEquals(
        decodeGoaway(frame(Kind.GOAWAY, 0, encodeGoaway(goaway))),
        { retryAfter: 0, spread: 0, ...goaway },
      );
    }
  },
);

Deno.test(
  "decodeGoaway() bounds the text, accepts later codes and rejects truncation",
  pure,
  () => {
    const body = new Uint8Array(100_000).fill(0x61);
    body.set([0, 0], 7); // no fields
    const { code, message } = decodeGoaway(frame(Kind.GOAWAY, 0, body));
    assertEquals([code, message.length], ["internal", 513]);
    assertThrows(
      () => decodeGoaway(frame(Kind.GOAWAY, 0, new Uint8Array(8))),
      MalformedError,
    );
  },
);

Deno.test("truncateMessage() does not change short texts", pure, () => {
  assertEquals(truncateMessage("why"), "why");
  assertEquals(truncateMessage("x".repeat(1000)).length, 513);
});

Deno.test("decodeGoaway() escapes control characters", pure, () => {
  const message = "bye\u001b[2J\r";
  const body = encodeGoaway({ code: "closed", lastId: 0, message });
  const goaway = decodeGoaway(frame(Kind.GOAWAY, 0, body));
  assertEquals(goaway.message, "bye\\u{1b}[2J\\u{d}");
});

Deno.test(
  "decodeGoaway() rejects every body without its fixed part or its fields",
  pure,
  () => {
    const whole = encodeGoaway({ code: "closed", lastId: 5, message: "bye" });
    for (let length = 0; length < 9; length++) {
      const error = assertThrows(
        () => decodeGoaway(frame(Kind.GOAWAY, 0, whole.subarray(0, length))),
        MalformedError,
      );
      assertEquals(
        error.message === "GOAWAY is truncated",
        length < 7,
        error.message,
      );
    }
    const { message } = decodeGoaway(
      frame(Kind.GOAWAY, 0, whole.subarray(0, 9)),
    );
    assertEquals(message, "");
  },
);
