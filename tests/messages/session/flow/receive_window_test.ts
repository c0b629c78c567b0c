import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { takeItem } from "../../../../lib/messages/session/flow/received_items.ts";
import { body, UP } from "../session_calls.ts";
import { Lone, message, request } from "../lone_session.ts";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";
import { ReceiveWindow } from "../../../../lib/messages/session/flow/receive_window.ts";
import { WindowRaises } from "../../../../lib/messages/session/flow/window_raises.ts";

const pure = { permissions: "none" } as const;

function newWindow(
  streamWindow: number,
  maxStreamWindow: number,
  pool: CreditPool,
) {
  const state = { now: 0, ping: () => 1 };
  const raises = new WindowRaises(state, pool, () => 0);
  return new ReceiveWindow({ streamWindow, maxStreamWindow }, raises, 0);
}

function item(length: number, charge = 1, claimed = 0) {
  const body = new Uint8Array(length);
  return { body, start: 0, hasValue: true, charge, claimed };
}

Deno.test(
  "ReceiveWindow.charge() allows a sender to overshoot by one frame only",
  pure,
  () => {
    const receiveWindow = newWindow(1000, 4000, new CreditPool(9000));
    assertEquals([
      receiveWindow.charge(999),
      receiveWindow.charge(5000),
      receiveWindow.charge(1),
    ], [true, true, false]);
  },
);

Deno.test(
  "ReceiveWindow.grant() returns the charges of taken items in batches, and raises the window",
  pure,
  () => {
    const pool = new CreditPool(1500);
    const receiveWindow = newWindow(1000, 4000, pool);
    const take = () => receiveWindow.owe(receiveWindow.take()!.charge);
    for (let n = 0; n < 10; n++) {
      receiveWindow.charge(100);
      receiveWindow.put(item(36, 100));
    }
    assertEquals(receiveWindow.unreturned, 1000);
    for (let n = 0; n < 4; n++) take();
    assertEquals(receiveWindow.grant(), 0);
    take();
    // A total: the window, 500 taken, and doubled.
    assertEquals([receiveWindow.grant(), pool.left], [1000 + 500 + 1000, 500]);
    for (let n = 0; n < 5; n++) take();
    assertEquals(receiveWindow.grant(), 0); // 500 of 2000
    receiveWindow.owe(500);
    // The rest of the pool.
    assertEquals([receiveWindow.grant(), pool.left], [2500 + 1000 + 500, 0]);
    receiveWindow.owe(2000);
    assertEquals(receiveWindow.grant(), 4000 + 2000);
    receiveWindow.close("ended");
    receiveWindow.close("discarding");
    assertEquals(pool.left, 1500);
    receiveWindow.owe(9000);
    assertEquals(receiveWindow.grant(), 0); // nothing more will arrive
  },
);

Deno.test("ReceiveWindow keeps many items in order", pure, () => {
  const receiveWindow = newWindow(1e6, 1e6, new CreditPool(0));
  let next = 0;
  for (let n = 0; n < 5000; n++) {
    receiveWindow.put({ ...item(1), body: Uint8Array.of(n & 255) });
    if (n % 3 > 0) {
      assertEquals(receiveWindow.take()?.body, Uint8Array.of(next++ & 255));
    }
  }
  const left = 5000 - next;
  assertEquals([receiveWindow.length, receiveWindow.held], [left, left]);
  assertEquals(receiveWindow.clear().length, left);
  assertEquals([
    receiveWindow.length,
    receiveWindow.held,
    receiveWindow.take(),
  ], [0, 0, undefined]);
});

Deno.test(
  "ReceiveWindow never shrinks its window, whatever the limits",
  pure,
  () => {
    const pool = new CreditPool(100);
    const receiveWindow = newWindow(1000, 10, pool);
    receiveWindow.owe(600);
    assertEquals([receiveWindow.grant(), pool.left], [1600, 100]);
  },
);

Deno.test(
  "ReceiveWindow returns its raise to the pool with its last item",
  pure,
  () => {
    const pool = new CreditPool(1000);
    const raised = () => {
      const receiveWindow = newWindow(1000, 4000, pool);
      receiveWindow.owe(1000);
      receiveWindow.grant();
      receiveWindow.put(item(1));
      receiveWindow.put(item(1));
      assertEquals(pool.left, 0);
      receiveWindow.close("ended");
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

Deno.test(
  "holdsItems is true until the items and parts are taken or dropped",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(UP));
    const { call } = lone.calls[0]!;
    const take = () => takeItem(lone.session.enter(0).shared, call);
    const holds = () => call.receiveWindow?.holdsItems;
    assertEquals(holds(), false);
    lone.receive(Kind.ITEM, 1, message(body(1)));
    assertEquals(holds(), true);
    assertEquals([take()?.length, holds()], [1, false]);
    lone.receive(Kind.ITEM, 1, message(body(1)), Flag.MORE);
    assertEquals([take(), holds()], [undefined, true]);
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals(holds(), false);
  },
);

Deno.test(
  "ReceiveWindow.copy() keeps each queued item intact, whatever is taken meanwhile",
  pure,
  () => {
    const receiveWindow = newWindow(1000, 1000, new CreditPool(0));
    const frame = new Uint8Array(5000); // reused for all items
    const expected: number[] = [];
    let byte = 0;
    const put = (length: number) => {
      frame.fill(++byte);
      expected.push(byte);
      const body = receiveWindow.copy(frame.subarray(0, length));
      receiveWindow.put({ ...item(1), body });
    };
    const take = () => {
      const bytes = new Set(receiveWindow.take()?.body);
      assertEquals([...bytes], [expected.shift()]);
    };
    for (let round = 0; round < 3; round++) {
      for (const length of [900, 1, 900, 900, 4000, 900, 900, 1024, 1]) {
        put(length);
      }
      for (let n = 0; n < 5; n++) take();
      for (const length of [900, 900, 900]) put(length);
      while (receiveWindow.length > 0) take();
    }
  },
);

Deno.test(
  "ReceiveWindow.copy() uses one buffer for all small items that are taken in time",
  pure,
  () => {
    const receiveWindow = newWindow(1000, 1000, new CreditPool(0));
    const buffers = new Set<unknown>();
    for (let n = 0; n < 1000; n++) {
      const body = receiveWindow.copy(new Uint8Array(100));
      receiveWindow.put({ ...item(1), body });
      buffers.add(receiveWindow.take()?.body.buffer);
    }
    assertEquals(buffers.size, 1);
  },
);

Deno.test("ReceiveWindow copies small items into one chunk", pure, () => {
  const window = newWindow(1000, 1000, new CreditPool(0));
  const put = (size: number) => {
    const body = window.copy(new Uint8Array(size).fill(size & 255));
    window.put({ ...item(0), body });
    return body;
  };
  const [first, second, large] = [1024, 1, 1025].map(put);
  assertEquals(first!.buffer, second!.buffer);
  assertEquals(second!.byteOffset, 1024);
  assertEquals(large!.buffer.byteLength, 1025);
  const rest = put(4096 - 1025);
  assertEquals(rest.buffer.byteLength, 4096 - 1025); // not a small one
  const [filled, next] = [put(1024), put(1024)];
  assertEquals([filled.byteOffset, next.byteOffset], [1025, 2049]);
  const exact = put(1023);
  assertEquals([exact.buffer === first!.buffer, exact.byteOffset], [
    true,
    3073,
  ]);
  assertEquals(put(1).buffer === first!.buffer, false); // the chunk is full
  for (
    const [size, body] of [[1024, first], [1, second], [1023, exact]] as const
  ) {
    assertEquals(body!.every((byte) => byte === (size & 255)), true);
  }
  while (window.take() !== undefined);
  const again = put(10);
  put(20);
  assertEquals(again.byteOffset, 0); // filled from its start
});

Deno.test(
  "ReceiveWindow.take() frees items, and moves the others rarely",
  pure,
  () => {
    const window = newWindow(1e6, 1e6, new CreditPool(0));
    for (let n = 0; n < 3000; n++) window.put(item(0));
    const splice = Array.prototype.splice;
    const removed: number[] = [];
    Array.prototype.splice = function (this: unknown[], start, count = 0) {
      removed.push(count);
      return splice.call(this, start, count);
    };
    try {
      while (window.take() !== undefined);
    } finally {
      Array.prototype.splice = splice;
    }
    assertEquals(removed, [1024, 1024, 952]);
  },
);

Deno.test(
  "ReceiveWindow.grant() grants from exactly half of the window on",
  pure,
  () => {
    const window = newWindow(1000, 1000, new CreditPool(0));
    window.charge(1000);
    window.owe(499);
    assertEquals(window.grant(), 0);
    window.owe(1);
    assertEquals(window.grant(), 1500);
    assertEquals([window.grant(), window.available], [0, 500]);
  },
);

Deno.test(
  "ReceiveWindow.clear() leaves the items that it returns alone",
  pure,
  () => {
    const window = newWindow(1000, 1000, new CreditPool(0));
    for (const byte of [1, 2]) {
      const body = window.copy(new Uint8Array(4).fill(byte));
      window.put({ ...item(0), body });
    }
    const cleared = window.clear();
    window.copy(new Uint8Array(8).fill(3));
    assertEquals(
      cleared.map(({ body }) => [...body]),
      [[1, 1, 1, 1], [2, 2, 2, 2]],
    );
  },
);
