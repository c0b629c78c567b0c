import { assert, assertEquals, assertRejects } from "@std/assert";
import { ReceiveQueue } from "../../lib/transport/_receive_queue.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function queue(): { queue: ReceiveQueue; taken: number[] } {
  const taken: number[] = [];
  return { queue: new ReceiveQueue((count) => taken.push(count)), taken };
}

Deno.test("ReceiveQueue.read() takes what is there, over and within chunks", {
  permissions: "none",
}, async () => {
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
});

Deno.test("ReceiveQueue.read() waits, and is served in order", {
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

Deno.test("ReceiveQueue gives the bytes before the end, and the end for ever", {
  permissions: "none",
}, async () => {
  const { queue: received } = queue();
  received.push(bytes(1));
  received.end();
  received.push(bytes(2)); // behind the end: dropped
  received.fail(new Error("too late"));
  assert(received.ended);
  assertEquals(await received.read(bytes(0)), 1);
  assertEquals(await received.read(bytes(0)), null);
  assertEquals(await received.read(bytes(0)), null);
});

Deno.test(
  "ReceiveQueue gives the bytes before the failure, and rejects what waits",
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

Deno.test("ReceiveQueue.clear() drops what nobody has read", {
  permissions: "none",
}, async () => {
  const { queue: received } = queue();
  received.push(bytes(1));
  received.clear();
  received.end();
  assertEquals(received.held, 0);
  assertEquals(await received.read(bytes(0)), null);
});
