import { assert, assertEquals, assertRejects } from "@std/assert";
import { ReceiveQueue } from "../../lib/transport/receive_queue.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function queue(): { queue: ReceiveQueue; taken: number[] } {
  const taken: number[] = [];
  return { queue: new ReceiveQueue((count) => taken.push(count)), taken };
}

Deno.test(
  "ReceiveQueue.read() returns the available bytes, across and within chunks",
  {
    permissions: "none",
  },
  async () => {
    const { queue: received, taken } = queue();
    received.push(bytes(1, 2, 3));
    received.push(bytes(4));
    received.push(bytes(5, 6));
    const buffer = new Uint8Array(4);
    assertEquals(await received.read(buffer.subarray(0, 2)), 2);
    assertEquals(received.held, 4);
    assertEquals(await received.read(buffer.subarray(2)), 2);
    assertEquals(buffer, bytes(1, 2, 3, 4));
    assertEquals(await received.read(buffer), 2);
    assertEquals(buffer.subarray(0, 2), bytes(5, 6));
    assertEquals(taken, [2, 2, 2]);
    assertEquals(received.held, 0);
  },
);

Deno.test("ReceiveQueue.read() waits and is served in order", {
  permissions: "none",
}, async () => {
  const { queue: received } = queue();
  const buffers = [bytes(0), bytes(0), bytes(0)];
  const reads = buffers.map((buffer) => received.read(buffer));
  received.push(bytes(1, 2));
  received.push(bytes(3));
  assertEquals(await Promise.all(reads), [1, 1, 1]);
  assertEquals(buffers, [bytes(1), bytes(2), bytes(3)]);
  assertEquals(await received.read(bytes()), 0);
});

Deno.test(
  "ReceiveQueue returns the bytes before the end, then the end on every read",
  {
    permissions: "none",
  },
  async () => {
    const { queue: received } = queue();
    received.push(bytes(1));
    received.end();
    received.push(bytes(2)); // after the end: dropped
    received.fail(new Error("too late"));
    assert(received.ended);
    assertEquals(await received.read(bytes(0)), 1);
    assertEquals(await received.read(bytes(0)), null);
    assertEquals(await received.read(bytes(0)), null);
  },
);

Deno.test(
  "ReceiveQueue returns the bytes before a failure, then rejects pending reads",
  {
    permissions: "none",
  },
  async () => {
    const { queue: received } = queue();
    const buffer = bytes(0, 0);
    const [first, second] = [received.read(buffer), received.read(buffer)];
    received.push(bytes(1));
    received.fail(new Error("broken"));
    assertEquals(await first, 1);
    await assertRejects(() => second, Error, "broken");
    await assertRejects(() => received.read(buffer), Error, "broken");
  },
);

Deno.test("ReceiveQueue.clear() drops unread bytes", {
  permissions: "none",
}, async () => {
  const { queue: received } = queue();
  received.push(bytes(1, 2));
  received.clear();
  assertEquals(received.held, 0);
  received.push(bytes(3));
  const buffer = bytes(0, 0);
  assertEquals(await received.read(buffer), 1);
  assertEquals(buffer[0], 3);
  received.end();
  assertEquals(await received.read(bytes(0)), null);
});

Deno.test(
  "ReceiveQueue keeps the order of chunks for any sizes of chunks and reads",
  {
    permissions: "none",
  },
  async () => {
    const { queue: received } = queue();
    let [sent, read] = [0, 0];
    for (let round = 0; round < 2_000; round++) {
      const size = [1, 3, 200, 4_095, 4_096, 9_000][(round * 7) % 6] ?? 1;
      received.push(Uint8Array.from({ length: size }, () => sent++ % 251));
      if (round % 3 > 0) continue;
      const buffer = new Uint8Array([5, 5_000, 30_000][round % 9 / 3] ?? 1);
      const count = await received.read(buffer) ?? 0;
      for (let at = 0; at < count; at++) {
        if (buffer[at] !== read++ % 251) throw new Error(`byte ${read - 1}`);
      }
    }
    assertEquals(received.held, sent - read);
  },
);

Deno.test("ReceiveQueue stores single bytes with little overhead", {
  permissions: "none",
}, () => {
  const { queue: received } = queue();
  const before = Deno.memoryUsage().heapUsed;
  for (let at = 0; at < 1_000_000; at++) received.push(new Uint8Array(1));
  const grown = Deno.memoryUsage().heapUsed - before;
  assertEquals(received.held, 1_000_000);
  // One object per byte would take more than 100 MB.
  assert(grown < 50_000_000, `${grown} bytes`);
});
