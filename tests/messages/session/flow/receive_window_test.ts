import { assertEquals } from "@std/assert";
import { ReceiveWindow } from "../../../../lib/messages/session/flow/receive_window.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "ReceiveWindow.charge() allows a sender to overshoot by one frame only",
  pure,
  () => {
    const receiveWindow = new ReceiveWindow(1000, 4000, { left: 9000 });
    assertEquals([
      receiveWindow.charge(999),
      receiveWindow.charge(5000),
      receiveWindow.charge(1),
    ], [
      true,
      true,
      false,
    ]);
  },
);

Deno.test(
  "ReceiveWindow.grant() returns the charges of taken items in batches, and raises the window",
  pure,
  () => {
    const pool = { left: 1500 };
    const receiveWindow = new ReceiveWindow(1000, 4000, pool);
    for (let n = 0; n < 10; n++) {
      receiveWindow.charge(100);
      receiveWindow.put(new Uint8Array(36), 100);
    }
    for (let n = 0; n < 4; n++) receiveWindow.take();
    assertEquals(receiveWindow.grant(), 0);
    receiveWindow.take();
    assertEquals([receiveWindow.grant(), pool.left], [500 + 1000, 500]); // doubled
    for (let n = 0; n < 5; n++) receiveWindow.take();
    assertEquals(receiveWindow.grant(), 0); // 500 of 2000
    receiveWindow.release(500);
    assertEquals([receiveWindow.grant(), pool.left], [1000 + 500, 0]); // the rest of the pool
    receiveWindow.release(2000);
    assertEquals(receiveWindow.grant(), 2000);
    receiveWindow.close();
    receiveWindow.close();
    assertEquals(pool.left, 1500);
  },
);

Deno.test(
  "ReceiveWindow keeps many items in order",
  pure,
  () => {
    const receiveWindow = new ReceiveWindow(1e6, 1e6, { left: 0 });
    let next = 0;
    for (let n = 0; n < 5000; n++) {
      receiveWindow.put(Uint8Array.of(n & 255), 1);
      if (n % 3 > 0) {
        assertEquals(
          receiveWindow.take(),
          Uint8Array.of(next++ & 255),
        );
      }
    }
    assertEquals([receiveWindow.length, receiveWindow.held], [
      5000 - next,
      5000 - next,
    ]);
    receiveWindow.clear();
    assertEquals([
      receiveWindow.length,
      receiveWindow.held,
      receiveWindow.take(),
    ], [0, 0, undefined]);
  },
);

Deno.test(
  "ReceiveWindow never shrinks its window, whatever the limits",
  pure,
  () => {
    const pool = { left: 100 };
    const receiveWindow = new ReceiveWindow(1000, 10, pool);
    receiveWindow.release(600);
    assertEquals([receiveWindow.grant(), pool.left], [600, 100]);
  },
);

Deno.test(
  "ReceiveWindow returns its raise to the pool with its last item",
  pure,
  () => {
    const pool = { left: 1000 };
    const raised = () => {
      const receiveWindow = new ReceiveWindow(1000, 4000, pool);
      receiveWindow.release(1000);
      receiveWindow.grant();
      receiveWindow.put(new Uint8Array(1), 1);
      receiveWindow.put(new Uint8Array(1), 1);
      assertEquals(pool.left, 0);
      receiveWindow.close();
      receiveWindow.take();
      assertEquals(pool.left, 0);
      return receiveWindow;
    };
    raised().take();
    assertEquals(pool.left, 1000);
    raised().clear();
    assertEquals(pool.left, 1000);
  },
);
