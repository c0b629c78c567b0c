import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions } from "./options.ts";

const permissions = "none";

Deno.test("parseOptions() returns defaults", { permissions }, () => {
  assertEquals(parseOptions([]), {
    names: [],
    list: false,
    markdown: false,
    json: undefined,
    connect: undefined,
    serve: undefined,
    seconds: 3,
    warmup: 3,
    rounds: undefined,
  });
});

Deno.test("parseOptions() reads values in both forms", { permissions }, () => {
  const options = parseOptions([
    "link",
    "--seconds=30",
    "--warmup",
    "20",
    "--connect",
    "10.9.0.2:7000",
    "--serve=[::1]:7000",
    "--json",
    "a.json",
    "--list",
    "--markdown",
    "unary_1",
  ]);
  assertEquals(options.names, ["link", "unary_1"]);
  assertEquals([options.seconds, options.warmup], [30, 20]);
  assertEquals(options.connect, { hostname: "10.9.0.2", port: 7000 });
  assertEquals(options.serve, { hostname: "::1", port: 7000 });
  assertEquals(options.json, "a.json");
  assertEquals([options.list, options.markdown], [true, true]);
});

Deno.test("parseOptions() rejects what it cannot use", { permissions }, () => {
  for (
    const [args, part] of [
      [["--speed"], "Unknown option --speed"],
      [["--list=1"], "--list has no value"],
      [["--json"], "--json needs a value"],
      [["--seconds", "0"], '--seconds is "0"'],
      [["--rounds="], '--rounds is ""'],
      [["--warmup", "soon"], '--warmup is "soon"'],
      [["--connect", "10.9.0.2"], "HOST:PORT"],
      [["--serve", "a:70000"], "HOST:PORT"],
    ] as const
  ) {
    assertThrows(() => parseOptions(args), TypeError, part);
  }
});
