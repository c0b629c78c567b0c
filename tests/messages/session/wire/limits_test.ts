import { assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_LIMITS,
  resolveSessionLimits,
} from "../../../../lib/messages/session/wire/limits.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "resolveSessionLimits() fills in the defaults, which are within their ranges",
  pure,
  () => {
    assertEquals(resolveSessionLimits(), DEFAULT_LIMITS);
    assertEquals(resolveSessionLimits({ maxCalls: 64 }), {
      ...DEFAULT_LIMITS,
      maxCalls: 64,
    });
    const MiB = 2 ** 20;
    assertEquals(resolveSessionLimits({ maxMessage: 32 * MiB }), {
      ...DEFAULT_LIMITS,
      maxMessage: 32 * MiB,
      maxAssembly: 128 * MiB,
    });
    assertEquals(
      resolveSessionLimits({ maxMessage: 2 ** 31 - 1 }).maxAssembly,
      2 ** 31 - 1,
    );
  },
);

Deno.test(
  "resolveSessionLimits() rejects values out of range and unknown limits",
  pure,
  () => {
    for (const maxCalls of [31, 2 ** 20 + 1, 40.5, NaN, Infinity, -1]) {
      assertThrows(
        () => resolveSessionLimits({ maxCalls }),
        RangeError,
        `Cannot use ${maxCalls}`,
      );
    }
    // Half of it is stated in HELLO, whose minimum is 65,536.
    assertThrows(
      () => resolveSessionLimits({ maxAssembly: 131_071 }),
      RangeError,
      'Cannot use 131071 as limit "maxAssembly"',
    );
    const typo = { maxCalls: 40, maxCall: 40 };
    const other = { maxCalls: 40, zzz: 1 };
    assertThrows(
      () => resolveSessionLimits(typo),
      TypeError,
      'Unknown limit "maxCall" (did you mean "maxCalls"?)',
    );
    assertThrows(
      () => resolveSessionLimits(other),
      TypeError,
      'Unknown limit "zzz"; expected one of maxFrameBody, ',
    );
  },
);

Deno.test(
  "resolveSessionLimits() rejects limits that are too low for the others",
  pure,
  () => {
    assertThrows(
      () => resolveSessionLimits({ streamWindow: 2 ** 23 }),
      RangeError,
      'Cannot use 4194304 as limit "maxStreamWindow": it must be at least "streamWindow", which is 8388608',
    );
    // The connection would be closed although the peer reads as it should.
    assertThrows(
      () => resolveSessionLimits({ unsentHard: 2359295 }),
      RangeError,
      'it must be at least 1.5 × "unsentSoft" + 4 × "maxFrameBody" + 256 × "maxCalls", which is 2359296',
    );
    assertEquals(
      resolveSessionLimits({ unsentHard: 2359296 }).unsentHard,
      2359296,
    );
    assertThrows(
      () => resolveSessionLimits({ unsentSoft: 8 * 2 ** 20 }),
      RangeError,
      "unsentHard",
    );
  },
);
