import { assertEquals } from "@std/assert";
import {
  RESERVATION_STEP,
  Reservations,
} from "../../../../lib/messages/session/calls/reservations.ts";
import { mulberry32 } from "../../../framing/random.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "release() releases a reservation once, and none that expired",
  pure,
  () => {
    const reserved = new Reservations();
    const first = reserved.add(10, 0);
    const second = reserved.add(5, RESERVATION_STEP);
    assertEquals(reserved.total, 15);
    reserved.release(5, second);
    assertEquals(reserved.total, 10);
    for (let n = 2; n <= 4; n++) reserved.advance(n * RESERVATION_STEP);
    assertEquals(reserved.total, 0);
    reserved.release(10, first);
    assertEquals(reserved.total, 0);
  },
);

Deno.test("a reservation lasts for three to four steps", pure, () => {
  for (const start of [0, 1000.5, -40]) {
    const reserved = new Reservations();
    reserved.add(10, start);
    for (let n = 1; n < 4; n++) reserved.advance(start + n * RESERVATION_STEP);
    reserved.advance(start + 4 * RESERVATION_STEP - 0.1);
    assertEquals(reserved.total, 10, `from ${start}`);
    reserved.advance(start + 4 * RESERVATION_STEP);
    assertEquals(reserved.total, 0, `from ${start}`);
  }
});

Deno.test("a time in which the process does not run is one step", pure, () => {
  const reserved = new Reservations();
  reserved.add(10, 0);
  let now = 0;
  for (let n = 0; n < 3; n++) reserved.advance(now += 900);
  assertEquals(reserved.total, 10);
  reserved.advance(now + 900);
  assertEquals(reserved.total, 0);
});

Deno.test("advance() expires everything after a long pause", pure, () => {
  const reserved = new Reservations();
  for (let n = 0; n < 4; n++) reserved.add(1, n * RESERVATION_STEP);
  assertEquals(reserved.total, 4);
  reserved.advance(1e6);
  assertEquals(reserved.total, 0);
  reserved.add(3, 1e6);
  assertEquals(reserved.total, 3);
});

Deno.test(
  "total is the sum of the reservations of the last four steps",
  pure,
  () => {
    const reserved = new Reservations();
    const random = mulberry32(5);
    const all: { bytes: number; step: number }[] = [];
    let now = 0;
    let nextAt = 0;
    let step = 4; // the first call begins four
    for (let round = 0; round < 2000; round++) {
      now += random(2 * RESERVATION_STEP);
      if (now >= nextAt) {
        if (round > 0) step++;
        nextAt = now + RESERVATION_STEP;
      }
      const kept = all[random(all.length + 1)];
      if (kept === undefined) {
        const bytes = 1 + random(9);
        assertEquals(reserved.add(bytes, now), step);
        all.push({ bytes, step });
      } else {
        reserved.release(kept.bytes, kept.step);
        all.splice(all.indexOf(kept), 1);
      }
      reserved.advance(now);
      while (all.length > 0 && all[0]!.step <= step - 4) all.shift();
      const sum = all.reduce((sum, { bytes }) => sum + bytes, 0);
      assertEquals(reserved.total, sum, `round ${round}`);
    }
  },
);
