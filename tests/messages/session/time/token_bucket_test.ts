import { assertEquals } from "@std/assert";
import { TokenBucket } from "../../../../lib/messages/session/time/token_bucket.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "TokenBucket.take() allows a burst, then the rate per second",
  pure,
  () => {
    const limit = new TokenBucket(10, 3);
    const take = (now: number, times: number) =>
      Array.from({ length: times }, () => limit.take(now)).filter(Boolean)
        .length;
    assertEquals(take(5000, 10), 3);
    assertEquals(take(5099, 10), 0);
    assertEquals(take(5100, 10), 1);
    assertEquals(take(6100, 20), 3); // at most the burst is saved
  },
);

Deno.test(
  "TokenBucket.take() adds no tokens if the clock stops or goes back",
  pure,
  () => {
    const limit = new TokenBucket(10, 1);
    assertEquals([limit.take(5000), limit.take(5000), limit.take(1000)], [
      true,
      false,
      false,
    ]);
  },
);

Deno.test(
  "TokenBucket.timeLeft() is the time until take() succeeds",
  pure,
  () => {
    const limit = new TokenBucket(3, 1);
    assertEquals([limit.timeLeft(1000), limit.isFull(1000)], [0, true]);
    limit.take(1000);
    assertEquals([limit.timeLeft(1000), limit.isFull(1000)], [334, false]);
    assertEquals([limit.timeLeft(1300), limit.take(1333)], [34, false]);
    assertEquals([limit.timeLeft(1334), limit.isFull(1334)], [0, true]);
  },
);

Deno.test(
  "TokenBucket.reserve() returns when each token is available",
  pure,
  () => {
    const limit = new TokenBucket(10, 2);
    const reserved = Array.from({ length: 5 }, () => limit.reserve(5000));
    assertEquals(reserved, [5000, 5000, 5100, 5200, 5300]);
    assertEquals(limit.take(5300), false); // the reserved tokens are gone
    assertEquals(limit.reserve(5300), 5400);
    assertEquals(limit.reserve(9000), 9000);
  },
);

Deno.test("TokenBucket fills with time, whatever is asked first", pure, () => {
  const empty = () => {
    const bucket = new TokenBucket(10, 2);
    for (let times = 0; times < 2; times++) bucket.take(0);
    return bucket;
  };
  assertEquals([empty().timeLeft(0), empty().timeLeft(99)], [100, 1]);
  assertEquals([empty().timeLeft(100), empty().timeLeft(9999)], [0, 0]);
  assertEquals([empty().isFull(199), empty().isFull(200)], [false, true]);
  assertEquals([empty().take(99), empty().take(100)], [false, true]);
  assertEquals([empty().reserve(50), empty().reserve(100)], [100, 100]);
});
