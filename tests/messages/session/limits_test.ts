import { assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_LIMITS,
  resolveLimits,
} from "../../../lib/messages/session/limits.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "resolveLimits() fills in the defaults, which are within their ranges",
  pure,
  () => {
    assertEquals(resolveLimits(), DEFAULT_LIMITS);
    assertEquals(resolveLimits({ maxCalls: 64 }), {
      ...DEFAULT_LIMITS,
      maxCalls: 64,
    });
  },
);

Deno.test(
  "resolveLimits() refuses values out of range, and names of no limit",
  pure,
  () => {
    for (const maxCalls of [31, 2 ** 20 + 1, 40.5, NaN, Infinity, -1]) {
      assertThrows(
        () => resolveLimits({ maxCalls }),
        RangeError,
        `Cannot use ${maxCalls}`,
      );
    }
    const typo = { maxCalls: 40, maxCall: 40 };
    assertThrows(() => resolveLimits(typo), RangeError, 'limit "maxCall"');
  },
);

Deno.test(
  "resolveLimits() refuses limits that make no sense together",
  pure,
  () => {
    assertThrows(
      () => resolveLimits({ streamWindow: 2 ** 20 }),
      RangeError,
      'Cannot use 262144 as limit "maxStreamWindow": it must be at least "streamWindow", which is 1048576',
    );
    assertThrows(
      () => resolveLimits({ unsentSoft: 8 * 2 ** 20 }),
      RangeError,
      "unsentHard",
    );
  },
);
