import { assertEquals } from "@std/assert";
import {
  type Channel,
  SendQueue,
} from "../../../../lib/messages/session/flow/send_queue.ts";
import type { PendingMessage } from "../../../../lib/messages/session/flow/round_robin.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";

const pure = { permissions: "none" } as const;

function setUp(credit: number) {
  const sent: string[] = [];
  const writer = {
    backlog: 0,
    itemBacklog: 0,
    fragment(message: PendingMessage) {
      const size = Math.min(10, message.bytes.length - message.offset);
      message.offset += size;
      sent.push(`${message.kind}:${size}`);
      return size;
    },
  };
  const channel: Channel = {
    id: 1,
    credit,
    sendQueue: undefined,
    onFlushed: () => sent.push("flushed"),
  };
  const sendQueue = channel.sendQueue = new SendQueue(writer, channel);
  const put = (kind: number, size: number) =>
    sendQueue.put({ kind, bytes: new Uint8Array(size), offset: 0 });
  return { sent, writer, channel, sendQueue, put };
}

Deno.test(
  "SendQueue sends in order; items need credit, and later messages wait for them",
  pure,
  () => {
    const { sent, channel, sendQueue, put } = setUp(1);
    put(Kind.ITEM, 15);
    put(Kind.RESULT, 5);
    assertEquals([
      sendQueue.sendNext(),
      sendQueue.sendNext(),
      sendQueue.holdsItems,
    ], [
      true,
      false,
      true,
    ]);
    channel.credit = 1;
    while (sendQueue.sendNext());
    assertEquals(sent, [
      `${Kind.ITEM}:10`,
      `${Kind.ITEM}:5`,
      `${Kind.RESULT}:5`,
      "flushed",
    ]);
    assertEquals([channel.sendQueue, sendQueue.hasNext], [undefined, false]);
  },
);

Deno.test(
  "SendQueue counts responses that wait for space, but not for credit",
  pure,
  () => {
    const { writer, channel, sendQueue, put } = setUp(0);
    put(Kind.ITEM, 5);
    put(Kind.RESULT, 25);
    assertEquals(writer.backlog, 0);
    channel.credit = 1;
    sendQueue.sendNext();
    assertEquals(writer.backlog, 25);
    sendQueue.sendNext();
    assertEquals(writer.backlog, 15);
    sendQueue.clear();
    assertEquals([writer.backlog, sendQueue.sendNext()], [0, false]);
  },
);

Deno.test(
  "SendQueue counts the unsent bytes of queued items",
  pure,
  () => {
    const { writer, channel, sendQueue, put } = setUp(1);
    put(Kind.ITEM, 15);
    put(Kind.ITEM, 7);
    assertEquals([writer.itemBacklog, sendQueue.lacksCredit], [22, false]);
    sendQueue.sendNext();
    assertEquals([writer.itemBacklog, sendQueue.lacksCredit], [12, true]);
    channel.credit = 1;
    assertEquals(sendQueue.lacksCredit, false);
    sendQueue.sendNext();
    assertEquals(writer.itemBacklog, 7);
    sendQueue.clear();
    assertEquals(writer.itemBacklog, 0);
  },
);
