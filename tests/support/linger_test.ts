import { assertEquals } from "@std/assert";
import { awaitPeer } from "../../lib/support/linger.ts";
import { FakeTime } from "../framing/stream/fake_time.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns the second in which the wait expires, for a peer that reads until `until`. */
function expiryOf(until: number, stopAt = Infinity): number | undefined {
  using time = new FakeTime();
  let second = 0;
  let expired: number | undefined;
  const stop = awaitPeer(
    () => Math.min(second, until),
    () => expired = second,
  );
  for (second = 1; second <= 40; second++) {
    if (second === stopAt) stop();
    time.tick(1_000);
  }
  assertEquals(time.timers, 0);
  return expired;
}

Deno.test("awaitPeer() expires after a second without progress", none, () => {
  assertEquals([0, 1, 7].map((until) => expiryOf(until)), [1, 2, 8]);
});

Deno.test("awaitPeer() expires after 31 s with progress", none, () => {
  assertEquals(expiryOf(Infinity), 31);
});

Deno.test("awaitPeer() does not expire once it is ended", none, () => {
  assertEquals(expiryOf(Infinity, 5), undefined);
});
