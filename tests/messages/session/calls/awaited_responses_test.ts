import { assert, assertEquals } from "@std/assert";
import { AwaitedResponses } from "../../../../lib/messages/session/calls/awaited_responses.ts";
import { seededRandom } from "../../../../lib/support/seeded_random.ts";

const PURE = { permissions: "none" } as const;
const MiB = 2 ** 20;

/** Adds responses of 1 MiB until the method's next handler must wait. */
function fill(awaited: AwaitedResponses, method: number, now: number): number {
  let count = 0;
  while (!awaited.isFull(method, now)) {
    awaited.add(method, MiB, now);
    count++;
  }
  return count;
}

/** Fills every 16 ms up to `until`; returns the counts. */
function fillUntil(
  awaited: AwaitedResponses,
  method: number,
  from: number,
  until: number,
): number[] {
  const counts: number[] = [];
  for (let now = from; now <= until; now += 16) {
    counts.push(fill(awaited, method, now));
  }
  return counts;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

Deno.test("isFull() admits the limit at once, and a few later", PURE, () => {
  const awaited = new AwaitedResponses(64 * MiB);
  assertEquals(fill(awaited, 0, 0), 64);
  const second = fillUntil(awaited, 0, 16, 1008);
  // The limit of 64 and a sixteenth of the 64 to 132 that run, each second.
  assert(Math.max(...second) <= 3 && Math.min(...second) >= 0);
  assertEquals(sum(second), 71);
  const minute = fillUntil(awaited, 0, 1024, 60_000);
  assert(sum(minute) > 30_000 && sum(minute) < 60_000);
  assertEquals(fill(new AwaitedResponses(MiB), 0, 0), 1);
  assertEquals(fill(new AwaitedResponses(MiB + 1), 0, 0), 2);
});

Deno.test(
  "isFull() admits the limit again after a pause, not more",
  PURE,
  () => {
    const awaited = new AwaitedResponses(64 * MiB);
    assertEquals(fill(awaited, 0, 0), 64);
    // 64 ms of a sixteenth of 64 MiB each second admit one more.
    assertEquals(fill(awaited, 0, 60_000), 65);
    assertEquals(fill(awaited, 0, 59_000), 0); // time does not go back
    assertEquals(fill(awaited, 1, 60_000), 1);
  },
);

Deno.test("isFull() admits the first handler of a method", PURE, () => {
  const awaited = new AwaitedResponses(8 * MiB);
  assertEquals([0, 1, 2].map((method) => fill(awaited, method, 0)), [8, 1, 1]);
  awaited.remove(1, MiB, false);
  assertEquals(fill(awaited, 1, 10), 1);
});

Deno.test("remove() lets one other handler of the method enter", PURE, () => {
  const awaited = new AwaitedResponses(8 * MiB);
  assertEquals(fill(awaited, 0, 0), 8);
  awaited.remove(0, MiB, true);
  assertEquals(fill(awaited, 0, 0), 1);
  for (let count = 0; count < 8; count++) awaited.remove(0, MiB, true);
  assertEquals(fill(awaited, 1, 0), 8); // the limit is one of all methods
  assertEquals(fill(awaited, 0, 0), 1);
  assertEquals(fill(awaited, 1, 60_000), 9);
  assertEquals(fill(awaited, 0, 60_000), 1);
  awaited.remove(0, MiB, false);
  awaited.remove(0, MiB, false);
  assertEquals(awaited.add(0, MiB, 60_000), false);
  for (let count = 0; count < 8; count++) awaited.add(0, MiB, 60_000);
  for (let count = 0; count < 8; count++) awaited.remove(0, MiB, false);
  assertEquals(fill(awaited, 0, 60_000), 0); // not as many as have responded
});

Deno.test("handlers enter no faster than the limit and what runs", PURE, () => {
  const random = seededRandom(7);
  const below = (limit: number) => Math.floor(random() * limit);
  const awaited = new AwaitedResponses(8 * MiB);
  const running: { method: number; bytes: number; ofAll: boolean }[] = [];
  let allowed = 8 * MiB, before = 0, bytes = 0;
  for (let now = 0; now < 10_000; now += below(40)) {
    allowed += (now - before) / 1000 * (8 * MiB + bytes / 16);
    before = now;
    for (let attempt = 0; attempt < 8; attempt++) {
      const method = below(3);
      if (awaited.isFull(method, now)) continue;
      const runs = running.some((one) => one.method === method);
      const size = MiB * (1 + below(3));
      const ofAll = awaited.add(method, size, now);
      running.push({ method, bytes: size, ofAll });
      bytes += size;
      if (runs) allowed -= size;
      assert(allowed > -3 * 4 * MiB, `at ${now}: ${allowed}`); // one of each
    }
    for (const one of running.splice(below(60), 1)) {
      awaited.remove(one.method, one.bytes, one.ofAll);
      allowed += one.bytes;
      bytes -= one.bytes;
    }
  }
  assert(running.length > 40, `${running.length}`);
});
