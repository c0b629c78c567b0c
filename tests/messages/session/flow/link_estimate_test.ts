import { assert, assertEquals } from "@std/assert";
import { LinkEstimate } from "../../../../lib/messages/session/flow/link_estimate.ts";

const pure = { permissions: "none" } as const;
const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Measures a link of `rate` bytes per ms and `trip` ms that carries as much as the
 * estimate allows, until the estimate no longer grows. Bytes beyond what the link
 * carries wait in a queue, which makes the next round trip longer.
 */
function settle(
  rate: number,
  trip: number,
): { readonly window: number; readonly time: number } {
  const estimate = new LinkEstimate();
  let now = 0, received = 0, unchanged = 0, time = 0;
  while (unchanged < 20) {
    const { window } = estimate;
    const queue = Math.max(0, window - rate * trip);
    const taken = trip + queue / rate;
    assert(estimate.isDue(now));
    estimate.begin(now, received);
    now += taken;
    received += Math.min(window, rate * taken);
    estimate.end(now, received);
    unchanged = estimate.window === window ? unchanged + 1 : 0;
    if (unchanged === 0) time = now;
    while (!estimate.isDue(now)) now += 1;
  }
  return { window: estimate.window, time };
}

for (
  const [trip, rate] of [[20, 12_500], [100, 25_000], [300, 3750]] as const
) {
  Deno.test(
    `LinkEstimate.window follows a link of ${trip} ms and ${rate} bytes/ms`,
    pure,
    () => {
      const product = rate * trip;
      const { window, time } = settle(rate, trip);
      assert(window >= product, `${window} of ${product}`);
      assert(window <= 1.5 * product, `${window} of ${product}`);
      assert(time < 15_000, `it grew for ${time} ms`);
    },
  );
}

Deno.test(
  "LinkEstimate.window follows a short link whose round trips take their time",
  pure,
  () => {
    const { window } = settle(1_250_000, 0.5);
    assert(window >= 625_000 && window <= 1.5 * 625_000, `${window}`);
  },
);

Deno.test(
  "LinkEstimate.window stays at 256 KiB between processes of one machine",
  pure,
  () => {
    // As many bytes as both handle, which then wait in the buffers of sockets.
    assertEquals(settle(800_000, 0.05).window, 256 * KIB);
  },
);

Deno.test(
  "LinkEstimate.window grows to 256 KiB with trips of up to 5 ms",
  pure,
  () => {
    for (const [trip, window] of [[5, 256], [5.1, 128]] as const) {
      const estimate = new LinkEstimate();
      estimate.begin(0, 0);
      estimate.end(0.1, 0);
      estimate.begin(1000, 0);
      estimate.end(1000 + trip, MIB);
      assertEquals(estimate.window, window * KIB, `${trip} ms`);
    }
  },
);

Deno.test(
  "LinkEstimate.window does not grow with bytes that few send",
  pure,
  () => {
    const estimate = new LinkEstimate();
    const before = estimate.window;
    for (let round = 0; round < 100; round++) {
      estimate.begin(round * 1000, round * 10 * KIB);
      estimate.end(round * 1000 + 100, (round + 1) * 10 * KIB);
    }
    assertEquals(estimate.window, before);
  },
);

Deno.test(
  "LinkEstimate.window does not grow while bytes wait somewhere",
  pure,
  () => {
    const estimate = new LinkEstimate();
    estimate.begin(0, 0);
    estimate.end(100, 0);
    const before = estimate.window;
    for (let round = 1; round < 1000; round++) {
      estimate.begin(round * 1000, round * MIB);
      estimate.end(round * 1000 + 126, (round + 1) * MIB);
    }
    assertEquals(estimate.window, before);
  },
);

Deno.test(
  "LinkEstimate.isDue() leaves a peer time for its own PINGs",
  pure,
  () => {
    const estimate = new LinkEstimate();
    assert(estimate.isDue(0));
    estimate.begin(0, 0);
    assert(!estimate.isDue(1000)); // one at a time
    estimate.end(1000, 0);
    // A raise shows after a round trip only.
    assertEquals([estimate.isDue(1999), estimate.isDue(2000)], [false, true]);
    estimate.begin(2000, 0);
    estimate.end(2001, 0);
    assertEquals([estimate.isDue(2249), estimate.isDue(2250)], [false, true]);
  },
);

Deno.test(
  "LinkEstimate.end() without a measurement has no effect",
  pure,
  () => {
    const estimate = new LinkEstimate();
    const before = estimate.window;
    estimate.end(0, MIB);
    assertEquals(estimate.window, before);
  },
);

Deno.test(
  "LinkEstimate.window grows with round trips of up to 1.25 times the shortest",
  pure,
  () => {
    for (const [trip, grows] of [[125, true], [125.5, false]] as const) {
      const estimate = new LinkEstimate();
      estimate.begin(0, 0);
      estimate.end(100, 0);
      const before = estimate.window;
      estimate.begin(1000, MIB);
      estimate.end(1000 + trip, 2 * MIB);
      assertEquals(estimate.window > before, grows, `${trip} ms`);
    }
  },
);
