import { assertEquals } from "@std/assert";
import {
  type Channel,
  Outbox,
} from "../../../../lib/messages/session/flow/send_queue.ts";
import type { Pending } from "../../../../lib/messages/session/flow/round_robin.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";

const pure = { permissions: "none" } as const;

function setUp(credit: number) {
  const sent: string[] = [];
  const writer = {
    backlog: 0,
    itemBacklog: 0,
    fragment(message: Pending) {
      const size = Math.min(10, message.bytes.length - message.offset);
      message.offset += size;
      sent.push(`${message.kind}:${size}`);
      return size;
    },
  };
  const channel: Channel = {
    id: 1,
    credit,
    outbox: undefined,
    onFlushed: () => sent.push("flushed"),
  };
  const outbox = channel.outbox = new Outbox(writer, channel);
  const put = (kind: number, size: number) =>
    outbox.put({ kind, bytes: new Uint8Array(size), offset: 0 });
  return { sent, writer, channel, outbox, put };
}

Deno.test(
  "Outbox sends in order; items need credit, what is behind them waits",
  pure,
  () => {
    const { sent, channel, outbox, put } = setUp(1);
    put(Kind.ITEM, 15);
    put(Kind.RESULT, 5);
    assertEquals([outbox.sendNext(), outbox.sendNext(), outbox.holdsItems], [
      true,
      false,
      true,
    ]);
    channel.credit = 1;
    while (outbox.sendNext());
    assertEquals(sent, [
      `${Kind.ITEM}:10`,
      `${Kind.ITEM}:5`,
      `${Kind.RESULT}:5`,
      "flushed",
    ]);
    assertEquals([channel.outbox, outbox.hasNext], [undefined, false]);
  },
);

Deno.test(
  "Outbox counts answers that wait for room, not those that wait for credit",
  pure,
  () => {
    const { writer, channel, outbox, put } = setUp(0);
    put(Kind.ITEM, 5);
    put(Kind.RESULT, 25);
    assertEquals(writer.backlog, 0);
    channel.credit = 1;
    outbox.sendNext();
    assertEquals(writer.backlog, 25);
    outbox.sendNext();
    assertEquals(writer.backlog, 15);
    outbox.clear();
    assertEquals([writer.backlog, outbox.sendNext()], [0, false]);
  },
);

Deno.test(
  "Outbox counts the items that wait, as far as they have not left",
  pure,
  () => {
    const { writer, channel, outbox, put } = setUp(1);
    put(Kind.ITEM, 15);
    put(Kind.ITEM, 7);
    assertEquals([writer.itemBacklog, outbox.lacksCredit], [22, false]);
    outbox.sendNext();
    assertEquals([writer.itemBacklog, outbox.lacksCredit], [12, true]);
    channel.credit = 1;
    assertEquals(outbox.lacksCredit, false);
    outbox.sendNext();
    assertEquals(writer.itemBacklog, 7);
    outbox.clear();
    assertEquals(writer.itemBacklog, 0);
  },
);
