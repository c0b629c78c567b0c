import { assertEquals } from "@std/assert";
import type { Io, OutputStream } from "../../lib/cli/io.ts";
import { Printer } from "../../lib/cli/output.ts";
import { RatePrinter } from "../../lib/cli/rate_printer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A printer of rates, a clock, and what was printed. */
function rates(isTTY: boolean, format: string) {
  const lines: string[] = [];
  const clock = { now: 0 };
  const stdout: OutputStream = {
    isTTY,
    columns: 80,
    write: (bytes) =>
      Promise.resolve(void lines.push(new TextDecoder().decode(bytes))),
  };
  const io = { stdout, now: () => clock.now } as Io; // nothing else is used
  return {
    lines,
    clock,
    rates: new RatePrinter(new Printer(io, { format }), io),
  };
}

Deno.test(
  "RatePrinter prints a line for each second with items",
  none,
  async () => {
    const { lines, clock, rates: printer } = rates(true, "auto");
    for (const now of [0, 999.9, 1000, 1999.9, 2000, 4000]) {
      clock.now = now;
      await printer.item(now);
    }
    clock.now = 4250;
    await printer.item("last");
    await printer.end();
    assertEquals(lines, [
      "3 messages, 3/s\n",
      "5 messages, 2/s\n",
      "6 messages, 1/s\n",
      "7 messages, 4/s\n",
    ]);
  },
);

Deno.test(
  "RatePrinter prints values in a pipe, and one document of JSON",
  none,
  async () => {
    const { lines, clock, rates: printer } = rates(false, "json");
    await printer.item(1);
    clock.now = 1000;
    await printer.item(2);
    await printer.end(); // in the same millisecond
    assertEquals(JSON.parse(lines.join("")), [
      { messages: 2, perSecond: 2 },
      { messages: 2, perSecond: 0 },
    ]);
  },
);
