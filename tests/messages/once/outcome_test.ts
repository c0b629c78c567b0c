import { assertEquals } from "@std/assert";
import {
  decodeOutcome,
  encodeOutcome,
  isOutcome,
} from "../../../lib/messages/once/outcome.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "decodeOutcome() returns what encodeOutcome() has encoded",
  none,
  () => {
    for (const kind of [Kind.RESULT, Kind.ERROR]) {
      const outcome = { kind, codec: "msgpack", body: new Uint8Array([1, 2]) };
      const bytes = encodeOutcome(outcome);
      assertEquals(decodeOutcome(bytes), outcome);
      assertEquals(isOutcome(bytes), true);
    }
  },
);

Deno.test(
  "isOutcome() rejects other kinds, and what lacks a part",
  none,
  () => {
    const outcome = {
      kind: Kind.RESULT as number,
      codec: "json",
      body: new Uint8Array([1]),
    };
    for (
      const wrong of [
        { ...outcome, kind: Kind.ITEM },
        { ...outcome, codec: "" },
        { ...outcome, body: new Uint8Array() },
      ]
    ) assertEquals(isOutcome(encodeOutcome(wrong)), false);
    assertEquals(isOutcome(encodeOutcome(outcome)), true);
    for (let length = 0; length < 7; length++) {
      const cut = encodeOutcome(outcome).subarray(0, length);
      assertEquals(isOutcome(cut), false, `${length} bytes`);
    }
  },
);
