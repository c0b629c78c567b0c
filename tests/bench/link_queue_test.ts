import { assertEquals } from "@std/assert";
import { LinkQueue } from "./link_queue.ts";

const permissions = "none";
/** 25 MB/s, 10 ms. */
const LINK = { delay: 10, rate: 25e6, queue: 250_000 };

Deno.test("LinkQueue delays bytes by the time in transit and on the wire", {
  permissions,
}, () => {
  const queue = new LinkQueue(LINK);
  assertEquals(queue.take(25_000, 100), 111); // 1 ms on the wire
  assertEquals(queue.take(25_000, 100), 112);
  assertEquals(queue.take(25_000, 200), 211); // idle in between
  assertEquals(queue.take(0, 200), 211); // the end does not overtake
});

Deno.test("LinkQueue sends 25 MB in a second", { permissions }, () => {
  const queue = new LinkQueue(LINK);
  let now = 0, arrived = 0;
  for (let sent = 0; sent < 25_000_000; sent += 16_000) {
    now += queue.full(now);
    arrived = queue.take(16_000, now);
  }
  assertEquals(Math.round(arrived), 1010); // 1563 chunks of 0.64 ms, and 10 ms
});

Deno.test("LinkQueue is full while its queue waits", { permissions }, () => {
  const queue = new LinkQueue(LINK);
  queue.take(250_000, 0);
  assertEquals(queue.full(0), 0); // as much as may wait
  queue.take(25_000, 0);
  assertEquals(queue.full(0), 1);
  assertEquals(queue.full(1), 0);
});
