import { assertEquals } from "@std/assert";
import { AwaitedResponses } from "../../../../lib/messages/session/calls/awaited_responses.ts";
import { seededRandom } from "../../../../lib/support/seeded_random.ts";

const PURE = { permissions: "none" } as const;
const MiB = 2 ** 20;

function sum(responses: readonly { bytes: number }[]): number {
  return responses.reduce((total, { bytes }) => total + bytes, 0);
}

/** Adds responses of 1 MiB until the method's next handler must wait. */
function fill(awaited: AwaitedResponses, method: number, now: number): number {
  let count = 0;
  while (!awaited.isFull(method, now)) {
    awaited.add(method, MiB, now);
    count++;
  }
  return count;
}

Deno.test(
  "isFull() admits as many handlers of a method as have run for long",
  PURE,
  () => {
    const awaited = new AwaitedResponses(8 * MiB);
    const filled = [0, 999, 1999, 2000, 3999, 4000, 6000].map((now) =>
      fill(awaited, 0, now)
    );
    assertEquals(filled, [8, 0, 0, 8, 0, 16, 32]);
    assertEquals(fill(awaited, 1, 6000), 1); // has none that run for long
    assertEquals(fill(awaited, 2, 6000), 1);
    assertEquals(fill(new AwaitedResponses(MiB), 0, 0), 1);
    assertEquals(fill(new AwaitedResponses(MiB + 1), 0, 0), 2);
  },
);

Deno.test("isFull() admits the first handler of a method", PURE, () => {
  const awaited = new AwaitedResponses(8 * MiB);
  assertEquals([0, 1, 2].map((method) => fill(awaited, method, 0)), [8, 1, 1]);
  awaited.remove(1, MiB, 0);
  assertEquals(fill(awaited, 1, 10), 1);
});

Deno.test(
  "remove() takes the bytes of a handler off its age, at any time",
  PURE,
  () => {
    const random = seededRandom(7);
    const below = (limit: number) => Math.floor(random() * limit);
    const awaited = new AwaitedResponses(8 * MiB);
    const running: { method: number; bytes: number; period: number }[] = [];
    for (let now = 0; now < 60_000; now += below(400)) {
      const method = below(3);
      const bytes = MiB * (1 + below(3));
      running.push({ method, bytes, period: awaited.add(method, bytes, now) });
      for (const one of running.splice(below(20), 3)) {
        awaited.remove(one.method, one.bytes, one.period);
      }
      const period = Math.floor(now / 1000);
      const late = running.filter((one) => one.period >= period - 1);
      for (const method of [0, 1, 2]) {
        const own = sum(late.filter((one) => one.method === method));
        const all = sum(running.filter((one) => one.method === method));
        const isFull = sum(late) >= 8 * MiB && own > 0 && own >= all - own;
        assertEquals(awaited.isFull(method, now), isFull);
      }
    }
    for (const one of running) {
      awaited.remove(one.method, one.bytes, one.period);
    }
    assertEquals(fill(awaited, 0, 60_000), 8);
  },
);
