import { assertEquals } from "@std/assert";
import {
  RESERVATION_STEP,
  Reservations,
} from "../../../../lib/messages/session/calls/reservations.ts";

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
    reserved.advance(4 * RESERVATION_STEP);
    assertEquals(reserved.total, 0);
    reserved.release(10, first);
    assertEquals(reserved.total, 0);
  },
);

Deno.test("a reservation lasts for three to four steps", pure, () => {
  for (const start of [0, 1000.5, -40]) {
    const reserved = new Reservations();
    reserved.add(10, start);
    reserved.advance(start + 3 * RESERVATION_STEP - 0.1);
    assertEquals(reserved.total, 10, `from ${start}`);
    reserved.advance(start + 4 * RESERVATION_STEP);
    assertEquals(reserved.total, 0, `from ${start}`);
  }
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
