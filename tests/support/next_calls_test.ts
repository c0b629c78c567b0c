import { assertEquals, assertRejects } from "@std/assert";
import { NextCalls } from "../../lib/support/next_calls.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns a generator of three numbers that then throws. */
function failing(): AsyncGenerator<number, void, void> {
  const calls = new NextCalls();
  return calls.of(async function* () {
    for (let number = 1; number <= 3; number++) {
      await Promise.resolve();
      calls.yields();
      yield number;
    }
    await Promise.resolve();
    calls.throws();
    throw new Error("over");
  }());
}

Deno.test(
  "NextCalls lets each call of next() fail unawaited",
  none,
  async () => {
    for (const together of [1, 2, 3, 4, 6]) {
      const numbers = failing();
      const settled: Promise<unknown>[] = [];
      for (let made = 0; made < 6; made += together) {
        const calls = Array.from({ length: together }, () => numbers.next());
        await new Promise((resolve) => setTimeout(resolve)); // nothing awaits them
        settled.push(...calls);
      }
      const results = await Promise.allSettled(settled);
      assertEquals(
        results.map(({ status }) => status).slice(0, 5),
        ["fulfilled", "fulfilled", "fulfilled", "rejected", "fulfilled"],
      );
    }
  },
);

Deno.test(
  "NextCalls keeps the values and the end of a generator",
  none,
  async () => {
    const numbers = failing();
    const got: number[] = [];
    await assertRejects(
      async () => {
        for await (const number of numbers) got.push(number);
      },
      Error,
      "over",
    );
    assertEquals(got, [1, 2, 3]);
    assertEquals(await numbers.next(), { done: true, value: undefined });
    for await (const number of failing()) if (number === 2) break;
  },
);
