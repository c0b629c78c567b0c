import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import {
  formatBytes,
  formatMs,
  parseCount,
  parseDuration,
  parseNumber,
  parseShare,
  parseSize,
} from "../../lib/cli/quantities.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("quantities are read with their units", none, () => {
  assertEquals(parseDuration("for", "500ms"), 500);
  assertEquals(parseDuration("for", "1.5s"), 1500);
  assertEquals(parseDuration("for", "2m"), 120_000);
  assertEquals(parseSize("size", "4k"), 4096);
  assertEquals(parseSize("size", "16MB"), 16 * 1024 * 1024);
  assertEquals(parseSize("size", "7"), 7);
  assertEquals(parseShare("max-errors", "0.1%"), 0.001);
  assertEquals(parseShare("max-errors", "0.5"), 0.5);
  assertEquals(parseCount("count", "3"), 3);
  assertEquals(parseNumber("rate", "2.5"), 2.5);
});

Deno.test("quantities that are not valid are usage errors", none, () => {
  const usage = (call: () => unknown) =>
    assertEquals(assertThrows(call, CliError).code, "usage");
  for (const text of ["", "5", "0s", "-1s", "1h1m", "9999h", "s", "NaNs"]) {
    usage(() => parseDuration("for", text));
  }
  for (const text of ["", "k", "-1", "4q", "1e300"]) {
    usage(() => parseSize("size", text));
  }
  for (const text of ["", "0", "-1", "1.5", "1e3"]) {
    usage(() => parseCount("count", text));
  }
  for (const text of ["", "0", "x", "-2"]) {
    usage(() => parseNumber("rate", text));
  }
  for (const text of ["", "%", "101%", "2", "x"]) {
    usage(() => parseShare("max-errors", text));
  }
});

Deno.test("quantities are printed with the unit that fits", none, () => {
  assertEquals(
    [0.0123, 1.234, 12.34, 123.4, 1234, 123_400].map(formatMs),
    ["12.3 µs", "1.23 ms", "12.3 ms", "123 ms", "1.23 s", "2.1 min"],
  );
  assertEquals([12, 2048, 3 * 1024 ** 2].map(formatBytes), [
    "12 B",
    "2.0 KiB",
    "3.0 MiB",
  ]);
});
