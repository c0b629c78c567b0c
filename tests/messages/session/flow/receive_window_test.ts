import { assertEquals } from "@std/assert";
import { Inbox } from "../../../../lib/messages/session/flow/receive_window.ts";

const pure = { permissions: "none" } as const;

Deno.test("Inbox lets a sender overshoot by one frame, no more", pure, () => {
  const inbox = new Inbox(1000, 4000, { left: 9000 });
  assertEquals([inbox.charge(999), inbox.charge(5000), inbox.charge(1)], [
    true,
    true,
    false,
  ]);
});

Deno.test(
  "Inbox.grant() returns what was taken, in portions worth a frame, and raises what is used up",
  pure,
  () => {
    const pool = { left: 1500 };
    const inbox = new Inbox(1000, 4000, pool);
    for (let n = 0; n < 10; n++) {
      inbox.charge(100);
      inbox.put(new Uint8Array(36), 100);
    }
    for (let n = 0; n < 4; n++) inbox.take();
    assertEquals(inbox.grant(), 0);
    inbox.take();
    assertEquals([inbox.grant(), pool.left], [500 + 1000, 500]); // doubled
    for (let n = 0; n < 5; n++) inbox.take();
    assertEquals(inbox.grant(), 0); // 500 of 2000
    inbox.owe(500);
    assertEquals([inbox.grant(), pool.left], [1000 + 500, 0]); // what is left
    inbox.owe(2000);
    assertEquals(inbox.grant(), 2000);
    inbox.close();
    inbox.close();
    assertEquals(pool.left, 1500);
  },
);

Deno.test("Inbox keeps items in order over many puts and takes", pure, () => {
  const inbox = new Inbox(1e6, 1e6, { left: 0 });
  let next = 0;
  for (let n = 0; n < 5000; n++) {
    inbox.put(Uint8Array.of(n & 255), 1);
    if (n % 3 > 0) assertEquals(inbox.take(), Uint8Array.of(next++ & 255));
  }
  assertEquals([inbox.length, inbox.held], [5000 - next, 5000 - next]);
  inbox.clear();
  assertEquals([inbox.length, inbox.held, inbox.take()], [0, 0, undefined]);
});

Deno.test("Inbox never shrinks its window, whatever the limits", pure, () => {
  const pool = { left: 100 };
  const inbox = new Inbox(1000, 10, pool);
  inbox.owe(600);
  assertEquals([inbox.grant(), pool.left], [600, 100]);
});

Deno.test(
  "Inbox gives back what it was raised by with the last item that it let in",
  pure,
  () => {
    const pool = { left: 1000 };
    const raised = () => {
      const inbox = new Inbox(1000, 4000, pool);
      inbox.owe(1000);
      inbox.grant();
      inbox.put(new Uint8Array(1), 1);
      inbox.put(new Uint8Array(1), 1);
      assertEquals(pool.left, 0);
      inbox.close();
      inbox.take();
      assertEquals(pool.left, 0);
      return inbox;
    };
    raised().take();
    assertEquals(pool.left, 1000);
    raised().clear();
    assertEquals(pool.left, 1000);
  },
);
