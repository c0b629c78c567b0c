import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  decodeGap,
  decodeJoined,
  decodePosition,
  encodeGap,
  encodeJoined,
  encodePosition,
  GAP_REASONS,
} from "../../../../lib/messages/session/wire/positions.ts";

const pure = { permissions: "none" } as const;
const MOST = 2 ** 53 - 1;

Deno.test("positions, gaps and joins survive encoding", pure, () => {
  for (const epoch of [0, 1, 2 ** 32, MOST]) {
    for (const number of [0, 7, 2 ** 48, MOST]) {
      const position = { epoch, number };
      assertEquals(decodePosition(encodePosition(position)), position);
      for (const reason of GAP_REASONS) {
        const gap = { from: epoch, to: number, reason };
        assertEquals(decodeGap(encodeGap(gap)), gap);
      }
      for (const recovered of [true, false]) {
        const joined = { epoch, head: number, recovered };
        assertEquals(decodeJoined(encodeJoined(joined)), joined);
      }
    }
  }
});

Deno.test("an unknown reason of a gap counts as unknown", pure, () => {
  const bytes = encodeGap({ from: 1, to: 2, reason: "slow" });
  bytes[16] = 9;
  assertEquals(decodeGap(bytes).reason, "unknown");
});

Deno.test(
  "positions of another length, or with numbers of 2^53, are malformed",
  pure,
  () => {
    const decoders = [
      [decodePosition, 16],
      [decodeGap, 17],
      [decodeJoined, 17],
    ] as const;
    for (const [decode, length] of decoders) {
      for (const wrong of [0, length - 1, length + 1]) {
        assertThrows(
          () => decode(new Uint8Array(wrong)),
          MalformedError,
          "bytes",
        );
      }
      for (const at of [0, 8]) {
        const bytes = new Uint8Array(length);
        bytes[at + 1] = 32;
        assertThrows(() => decode(bytes), MalformedError, "2^53");
        bytes[at + 1] = 0;
        bytes[at] = 1;
        assertThrows(() => decode(bytes), MalformedError, "2^53");
      }
    }
  },
);
