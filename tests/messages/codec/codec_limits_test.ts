import { assertEquals, assertThrows } from "@std/assert";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";

const PURE = { permissions: "none" } as const;

Deno.test(
  "resolveCodecLimits() rejects limits out of range by name",
  PURE,
  () => {
    for (const value of [0, -1, 1.5, NaN, Infinity, 513]) {
      assertThrows(
        () => resolveCodecLimits({ maxDepth: value }),
        RangeError,
        `'maxDepth' must be an integer from 1 to 512: current value is ${value}`,
      );
    }
    assertThrows(
      () => resolveCodecLimits({ maxBytes: 2 ** 30 + 1 }),
      RangeError,
      "'maxBytes'",
    );
    assertEquals(resolveCodecLimits({ maxBytes: 2 ** 30 }).maxBytes, 2 ** 30);
  },
);
