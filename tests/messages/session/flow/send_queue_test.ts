import { assertEquals } from "@std/assert";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { SendCredit } from "../../../../lib/messages/session/flow/credit.ts";
import { FrameWriter } from "../../../../lib/messages/session/flow/frame_writer.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import {
  type Channel,
  type QueuedMessage,
  SendQueue,
} from "../../../../lib/messages/session/flow/send_queue.ts";
import { SharedState } from "../../../../lib/messages/session/flow/shared_state.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { body } from "../session_calls.ts";
import { Recorder } from "../lone_session.ts";

const pure = { permissions: "none" } as const;
const FRAME = 16 * 1024;

/** Returns a queue whose call and account of all items have credit. */
function setUp(credit = 0, itemCredit = 2 ** 20) {
  const sink = new Recorder();
  const limits = resolveSessionLimits();
  const writer = new FrameWriter(sink, bytes(), limits);
  const owner = { fail() {}, sendPing: () => 0, onCallEnded() {} };
  const budget = { raises: new CreditPool(0), dropsResults: false };
  const shared = new SharedState(writer, limits, owner, budget);
  shared.itemCredit.raise(itemCredit);
  const events: string[] = [];
  const channel = {
    id: 1,
    itemCredit: new SendCredit(credit),
    sendQueue: undefined as SendQueue | undefined,
    isOwn: false,
    started: true as boolean,
    heldUntil: -Infinity,
    itemSize: 0,
    onItemEncoded: (size: number) => size,
    onMessageSent: (kind: number) => events.push(`sent ${kind}`),
  } satisfies Channel;
  const sendQueue = channel.sendQueue = new SendQueue(shared, channel);
  const put = (kind: number, size: number) =>
    sendQueue.put({ kind, bytes: body(size), offset: 0 });
  const putValue = (value: unknown) => {
    const message: QueuedMessage = {
      kind: Kind.ITEM,
      bytes: undefined,
      offset: 0,
      value,
      sender: {
        onAccepted: () => events.push("accepted"),
        onRejected: () => events.push("rejected"),
        onDropped: () => events.push("dropped"),
      },
    };
    sendQueue.put(message);
    return message;
  };
  const frames = () =>
    sink.frames.splice(0).map(({ kind, body }) => [kind, body.length]);
  return { shared, channel, sendQueue, put, putValue, frames, events };
}

Deno.test(
  "SendQueue sends in order; items need credit, and later messages wait for them",
  pure,
  () => {
    const { channel, sendQueue, put, frames, events } = setUp(1);
    put(Kind.ITEM, FRAME + 5);
    put(Kind.RESULT, 5);
    assertEquals(sendQueue.mustWait(), false);
    assertEquals(sendQueue.sendNext(), FRAME + 64);
    assertEquals([sendQueue.mustWait(), sendQueue.holdsItems], [true, true]);
    channel.itemCredit.raise(FRAME + 65);
    assertEquals(sendQueue.mustWait(), false);
    assertEquals([sendQueue.sendNext(), sendQueue.holdsItems], [69, false]);
    assertEquals([sendQueue.mustWait(), sendQueue.sendNext()], [false, 69]);
    assertEquals(frames(), [
      [Kind.ITEM, FRAME],
      [Kind.ITEM, 5],
      [Kind.RESULT, 5],
    ]);
    assertEquals(events, [`sent ${Kind.ITEM}`, `sent ${Kind.RESULT}`]);
    assertEquals([channel.sendQueue, sendQueue.hasNext], [undefined, false]);
    assertEquals(sendQueue.sendNext(), 0);
  },
);

Deno.test(
  "SendQueue begins an item only while more than the reserve is available",
  pure,
  () => {
    const { shared, sendQueue, put } = setUp(2 ** 20, 100_000);
    const { writer, itemCredit } = shared;
    writer.peerLimits = { ...writer.peerLimits, itemsWindow: 100_000 };
    put(Kind.ITEM, FRAME + 5);
    itemCredit.charge(75_000);
    assertEquals(sendQueue.mustWait(), true);
    itemCredit.raise(100_001);
    let woken = 0;
    itemCredit.wake((sources) => woken += sources.length);
    assertEquals(woken, 1);
    assertEquals(sendQueue.mustWait(), false);
    sendQueue.sendNext();
    assertEquals(sendQueue.mustWait(), false); // the reserve is for the rest
    itemCredit.charge(itemCredit.available);
    assertEquals(sendQueue.mustWait(), true);
  },
);

Deno.test(
  "SendQueue charges an item to its call and to all items, a REQUEST to requests",
  pure,
  () => {
    const { shared, channel, sendQueue, put } = setUp(1000);
    const before = shared.requestCredit.available;
    put(Kind.ITEM, 36);
    sendQueue.putFirst({ kind: Kind.REQUEST, bytes: body(136), offset: 0 });
    sendQueue.sendNext();
    assertEquals(shared.requestCredit.available, before - 200);
    assertEquals(channel.itemCredit.available, 1000);
    sendQueue.sendNext();
    assertEquals(channel.itemCredit.available, 900);
    assertEquals(shared.itemCredit.available, 2 ** 20 - 100);
  },
);

Deno.test(
  "SendQueue encodes a queued item at its turn, and notifies its sender",
  pure,
  () => {
    const { sendQueue, putValue, frames, events } = setUp(2 ** 20);
    const first = putValue(body(10));
    assertEquals([sendQueue.nextSize, sendQueue.bytes], [0, 0]);
    assertEquals(sendQueue.sendNext(), 2 + 10 + 64);
    assertEquals(first.value, undefined);
    putValue(body(FRAME));
    sendQueue.sendNext();
    assertEquals(events.length, 2); // the item is not sent yet
    assertEquals([sendQueue.nextSize, sendQueue.bytes], [FRAME + 2, 2]);
    sendQueue.sendNext();
    assertEquals(frames(), [[Kind.ITEM, 12], [Kind.ITEM, FRAME], [
      Kind.ITEM,
      2,
    ]]);
    const sent = `sent ${Kind.ITEM}`;
    assertEquals(events, ["accepted", sent, "accepted", sent]);
  },
);

Deno.test(
  "SendQueue rejects an item that cannot be encoded, and sends the next message",
  pure,
  () => {
    const { channel, sendQueue, put, putValue, frames, events } = setUp(9);
    putValue("no bytes");
    put(Kind.RESULT, 5);
    assertEquals([sendQueue.sendNext(), sendQueue.sendNext()], [0, 69]);
    assertEquals(events, ["rejected", `sent ${Kind.RESULT}`]);
    assertEquals([frames(), channel.sendQueue], [
      [[Kind.RESULT, 5]],
      undefined,
    ]);
  },
);

Deno.test("SendQueue sends END without a body or credit", pure, () => {
  const { sendQueue, frames } = setUp(0, 0);
  sendQueue.put({ kind: Kind.END, bytes: undefined, offset: 0 });
  assertEquals([sendQueue.mustWait(), sendQueue.sendNext()], [false, 64]);
  assertEquals(frames(), [[Kind.END, 0]]);
});

Deno.test(
  "SendQueue waits until its call is started",
  pure,
  () => {
    const { channel, sendQueue, put } = setUp(9);
    channel.started = false;
    put(Kind.ITEM, 5);
    assertEquals(sendQueue.mustWait(), true);
    channel.started = true;
    assertEquals(sendQueue.mustWait(), false);
  },
);

Deno.test(
  "SendQueue counts a RESULT of several frames as unfinished until its end, or clear()",
  pure,
  () => {
    const { shared, sendQueue, put, putValue, events } = setUp();
    shared.unfinished.begin(64 * 1024);
    put(Kind.RESULT, 2 * FRAME);
    putValue(body(1));
    assertEquals([sendQueue.nextSize, sendQueue.mustWait()], [2 * FRAME, true]);
    shared.unfinished.end(64 * 1024);
    assertEquals(sendQueue.mustWait(), false);
    sendQueue.sendNext();
    assertEquals(shared.unfinished.bytes, 2 * FRAME);
    sendQueue.clear();
    assertEquals([shared.unfinished.bytes, sendQueue.hasNext], [0, false]);
    assertEquals(events, ["dropped"]);
    put(Kind.RESULT, 2 * FRAME);
    for (let n = 0; n < 2; n++) sendQueue.sendNext();
    assertEquals(shared.unfinished.bytes, 0);
  },
);

Deno.test(
  "SendQueue waits until exactly the time for which it is held",
  pure,
  () => {
    const { shared, channel, sendQueue, put } = setUp();
    put(Kind.ERROR, 10);
    channel.heldUntil = 500;
    for (
      const [now, waits] of [[499, true], [499.5, true], [500, false]] as const
    ) {
      shared.now = now;
      assertEquals(sendQueue.mustWait(), waits, `at ${now}`);
    }
  },
);

Deno.test(
  "SendQueue counts what is queued by kind, until it is sent or dropped",
  pure,
  () => {
    for (const drops of [false, true]) {
      const { shared, sendQueue, put, putValue } = setUp(2 ** 20);
      const counts = () => {
        const { items, requests, responses } = shared.queued;
        return [items, requests, ...responses];
      };
      const empty = [0, 0, 0, 0, 0];
      assertEquals(counts(), empty);
      sendQueue.putFirst({ kind: Kind.REQUEST, bytes: body(10), offset: 0 });
      const [, request] = counts();
      assertEquals(counts(), [0, request, 0, 0, 0]);
      assertEquals(request! > 10, true);
      put(Kind.ITEM, 2000);
      const [item] = counts();
      assertEquals([item! > 4000, counts().slice(1)], [true, [
        request,
        0,
        0,
        0,
      ]]);
      putValue(body(100));
      const [items] = counts();
      assertEquals(items! > item! + 100, true);
      put(Kind.END, 0);
      put(Kind.ERROR, 200_000);
      assertEquals(counts().slice(0, 2), [items, request]);
      assertEquals(counts().slice(3)[0], 0);
      assertEquals([counts()[2]! > 0, counts()[4]! > 200_000], [true, true]);
      if (drops) sendQueue.clear();
      else while (sendQueue.hasNext) sendQueue.sendNext();
      assertEquals(counts(), empty);
    }
  },
);

Deno.test("SendQueue frees owned bytes once sent or dropped", pure, () => {
  for (const drops of [false, true]) {
    const { sendQueue } = setUp();
    const owned = body(100), other = body(100);
    const kind = Kind.RESULT;
    sendQueue.put({ kind, bytes: owned, offset: 0, owned: true });
    sendQueue.put({ kind, bytes: other, offset: 0 });
    if (drops) sendQueue.clear();
    else while (sendQueue.hasNext) sendQueue.sendNext();
    assertEquals([owned.length, other.length], [0, 100]);
  }
});

Deno.test("SendQueue frees an item that it has encoded", pure, () => {
  for (const drops of [false, true]) {
    const { sendQueue, putValue } = setUp(2 ** 20);
    const message = putValue(body(40_000));
    sendQueue.sendNext();
    const { bytes } = message;
    assertEquals(bytes?.length, 40_002);
    if (drops) sendQueue.clear();
    else while (sendQueue.hasNext) sendQueue.sendNext();
    assertEquals(bytes?.length, 0);
  }
});
