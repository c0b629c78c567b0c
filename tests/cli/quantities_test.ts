import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import {
  countOf,
  formatBytes,
  formatMs,
  optionalDuration,
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

Deno.test("quantities are accepted up to their limits", none, () => {
  const day = 24 * 3_600_000;
  const most = 2 ** 31 - 1;
  assertEquals(parseDuration("for", `${most}ms`), most);
  assertThrows(() => parseDuration("for", `${most + 1}ms`), CliError);
  assertEquals(parseDuration("for", "24H"), day);
  assertEquals(parseDuration("for", "1 us"), 0.001);
  assertEquals(optionalDuration("for", undefined), undefined);
  assertEquals(optionalDuration("for", "1s"), 1000);
  assertEquals(parseSize("size", "0"), 0);
  assertEquals(parseSize("size", "1.5kib"), 1536);
  assertEquals(parseSize("size", `${Number.MAX_SAFE_INTEGER}`), 2 ** 53 - 1);
  assertThrows(() => parseSize("size", "9007199254740992"), CliError);
  assertEquals(parseCount("count", "1"), 1);
  assertEquals(parseCount("count", "0", 0), 0);
  assertThrows(() => parseCount("count", "4", 5), CliError);
  assertThrows(() => parseCount("count", "9007199254740992"), CliError);
  assertEquals([parseShare("x", "1"), parseShare("x", "100%")], [1, 1]);
  assertEquals(parseShare("x", "0"), 0);
  for (const text of ["1s", "1%%", "1.01"]) {
    assertThrows(() => parseShare("x", text), CliError);
  }
});

Deno.test(
  "the unit of a printed quantity changes exactly at its limits",
  none,
  () => {
    const below = (ms: number) => ms * (1 - 1e-12);
    assertEquals(
      [0.1, 10, 100, 1000, 100_000].map((ms) => [
        formatMs(below(ms)),
        formatMs(ms),
      ]),
      [
        ["100.0 µs", "0.10 ms"],
        ["10.00 ms", "10.0 ms"],
        ["100.0 ms", "100 ms"],
        ["1000 ms", "1.00 s"],
        ["100.00 s", "1.7 min"],
      ],
    );
    const KIB = 1024;
    assertEquals(
      [KIB, KIB ** 2, KIB ** 3].map((bytes) => [
        formatBytes(bytes - 1),
        formatBytes(bytes),
      ]),
      [
        ["1023 B", "1.0 KiB"],
        ["1024.0 KiB", "1.0 MiB"],
        ["1024.0 MiB", "1.0 GiB"],
      ],
    );
    assertEquals([0, 1, 2, 12_345].map((count) => countOf(count, "frame")), [
      "0 frames",
      "1 frame",
      "2 frames",
      "12,345 frames",
    ]);
  },
);
