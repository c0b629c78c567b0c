import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import { Backoff, STABLE } from "../../../lib/messages/client/backoff.ts";

const options = {
  minDelay: 100,
  maxDelay: 10_000,
  spread: 2_000,
  maxSpread: 20_000,
};

/** Returns pauses whose random part is a fixed share of its upper bound. */
function pauses(share: number): Backoff {
  return new Backoff(options, () => share);
}

Deno.test("pauses after failures double up to maxDelay, above minDelay", () => {
  const backoff = pauses(0.5);
  const delays = Array.from({ length: 10 }, () => backoff.afterFailure());
  assertEquals(delays, [
    150,
    200,
    300,
    500,
    900,
    1_700,
    3_300,
    5_100,
    5_100,
    5_100,
  ]);
});

Deno.test("a pause after a failure is never shorter than minDelay", () => {
  assertEquals(pauses(0).afterFailure(), 100);
});

Deno.test("a session that lasted ends the series of failures", () => {
  const backoff = pauses(0.5);
  backoff.afterFailure();
  backoff.afterLoss(STABLE - 1, 8_000); // a failure
  assertEquals(backoff.failures, 2);
  assertEquals(backoff.afterLoss(STABLE, 8_000), 1_000); // half of its own spread
  assertEquals(backoff.failures, 0);
  assertEquals(backoff.afterFailure(), 150);
});

Deno.test("a session that is accepted and ended at once counts as a failure", () => {
  const backoff = pauses(0.5);
  const delays = Array.from({ length: 3 }, () => backoff.afterLoss(5, 8_000));
  assertEquals(delays, [150, 200, 300]);
  assertEquals(backoff.afterDrain(999, 0), 500);
});

Deno.test("a session that is drained later neither counts nor ends the series", () => {
  const backoff = pauses(0.5);
  backoff.afterFailure();
  backoff.afterDrain(1_000, 0);
  assertEquals(backoff.failures, 1);
  backoff.afterDrain(STABLE, 0);
  assertEquals(backoff.failures, 0);
});

Deno.test("a drain has the spread that the server named", () => {
  assertEquals(pauses(0.25).afterDrain(STABLE, 8_000), 2_000);
  assertEquals(pauses(0.25).afterDrain(STABLE, 0), 0);
  assertEquals(pauses(0.25).afterDrain(1_000, 0), 0);
});

Deno.test("a thousand failures in a row keep their bounds", () => {
  const backoff = pauses(0.999);
  for (let count = 0; count < 1_000; count++) {
    const delay = backoff.afterFailure();
    assert(delay >= 100 && delay < 10_100, `${delay}`);
  }
});

Deno.test("a server cannot name a spread that outlasts the calls that wait", () => {
  assertEquals(pauses(0.5).afterDrain(STABLE, 60_000), 10_000); // half of maxSpread
});

Deno.test("a client without a spread of its own uses the server's, or 2 s", () => {
  const { spread: _, ...others } = options;
  const backoff = new Backoff(others, () => 0.5);
  assertEquals(backoff.afterLoss(STABLE, 8_000), 4_000);
  assertEquals(backoff.afterLoss(STABLE, 0), 0);
  assertEquals(backoff.afterLoss(STABLE, undefined), 1_000);
  assertEquals(backoff.afterLoss(STABLE, 2 ** 32 - 1), 10_000); // half of maxSpread
});

Deno.test("10,000 clients that lose their server arrive evenly over its spread", () => {
  const { spread: _, ...others } = options;
  const random = seededRandom(7);
  const arrivals = new Array(20).fill(0); // in 100 ms each
  for (let client = 0; client < 10_000; client++) {
    const delay = new Backoff(others, random).afterLoss(STABLE, 2_000);
    arrivals[Math.floor(delay / 100)]++;
  }
  assert(Math.max(...arrivals) < 600, `${arrivals}`); // 500 on average
});
