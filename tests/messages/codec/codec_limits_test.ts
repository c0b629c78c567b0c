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

Deno.test(
  "resolveCodecLimits() accepts each limit from its lowest to its highest value",
  PURE,
  () => {
    for (
      const [name, lowest, highest] of [
        ["maxDepth", 1, 512],
        ["maxNodes", 1, 2 ** 29],
        ["maxBytes", 1, 2 ** 30],
        ["maxHeld", 1, 2 ** 40],
        ["maxKeys", 0, 2 ** 29],
      ] as const
    ) {
      for (const value of [lowest, highest]) {
        assertEquals(resolveCodecLimits({ [name]: value })[name], value);
      }
      for (const value of [lowest - 1, highest + 1, lowest + 0.5]) {
        assertThrows(
          () => resolveCodecLimits({ [name]: value }),
          RangeError,
          `'${name}' must be an integer from ${lowest} to ${highest}`,
        );
      }
    }
  },
);
