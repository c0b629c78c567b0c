import { assertThrows } from "@std/assert";
import {
  type FramesOptions,
  resolveOptions,
} from "../../../lib/framing/stream/pump_options.ts";

const permissions = "none";

Deno.test("resolveOptions() rejects invalid options and names them", {
  permissions,
}, () => {
  const wrong: [FramesOptions, string][] = [
    [{ highWaterMark: -1 }, "'highWaterMark' must be an integer from 0"],
    [{ highWaterMark: NaN }, "current value is NaN"],
    [{ frameTimeout: 2 ** 31 }, "'frameTimeout' must be an integer from 0"],
    [{ frameTimeout: 0.5 }, "current value is 0.5"],
    [{ minByteRate: -1 }, "'minByteRate' must be an integer from 0"],
    [{ turnTime: 0 }, "'turnTime' must be an integer from 1"],
    [{ linger: Infinity }, "'linger' must be an integer from 0"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => resolveOptions(options), RangeError, message);
  }
  // deno-lint-ignore no-explicit-any -- JavaScript callers may pass any value
  const options = { copy: "sometimes" } as any;
  assertThrows(
    () => resolveOptions(options),
    TypeError,
    "'copy' must be one of always, auto, never: current value is sometimes",
  );
});
