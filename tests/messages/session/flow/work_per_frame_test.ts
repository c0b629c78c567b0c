/**
 * The work for one frame does not grow with the number of open streams.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { SendQueue } from "../../../../lib/messages/session/flow/send_queue.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { Lone, request, total } from "../lone_session.ts";
import { body, DOWN } from "../session_calls.ts";

const PURE = { permissions: "none" } as const;
const WINDOW = 65_536;
const PING = new Uint8Array(8);

const NO_SENDER = { onAccepted() {}, onRejected() {}, onDropped() {} };

/** Returns a session with streams whose items wait for credit. */
function withStreams(count: number): Lone {
  const lone = Lone.open("server", {}, {
    itemsWindow: WINDOW,
    streamWindow: 1_000_000,
  });
  const { shared } = lone.session;
  shared.itemCredit.charge(WINDOW);
  for (let i = 0; i < count; i++) {
    lone.receive(Kind.REQUEST, 2 * i + 1, request(DOWN));
    sendItem(shared, lone.calls[i]!.call, body(10), NO_SENDER);
  }
  lone.sent();
  return lone;
}

/** Returns how often a send queue was looked at while `use` ran. */
function looks(use: () => void): number {
  const { mustWait } = SendQueue.prototype;
  let count = 0;
  SendQueue.prototype.mustWait = function (this: SendQueue) {
    count++;
    return mustWait.call(this);
  };
  try {
    use();
  } finally {
    SendQueue.prototype.mustWait = mustWait;
  }
  return count;
}

/** Frames of a peer, with the open streams that they concern. */
const FRAMES: Record<string, (lone: Lone) => void> = {
  "WINDOW of one byte": (lone) => {
    for (let i = 1; i <= 10; i++) {
      lone.receive(Kind.WINDOW, 2, total(WINDOW + i));
    }
  },
  "WINDOW for one item": (lone) => {
    const first = WINDOW + WINDOW / 4;
    lone.receive(Kind.WINDOW, 2, total(first + 1));
  },
  "CREDIT of one stream": (lone) => {
    for (let i = 1; i <= 10; i++) {
      lone.receive(Kind.CREDIT, 1, total(1_000_000 + i));
    }
  },
  PING: (lone) => void lone.receive(Kind.PING, 0, PING),
  "write and tick": (lone) => void lone.write().advance(20_000),
};

for (const [name, use] of Object.entries(FRAMES)) {
  Deno.test(
    `a ${name} is as much work with 1,000 open streams as with 2`,
    PURE,
    () => {
      const counts = [2, 1000].map((streams) => {
        const lone = withStreams(streams);
        return looks(() => use(lone));
      });
      assertEquals(counts[1], counts[0]);
    },
  );
}

Deno.test(
  "cancelled streams that waited for credit are forgotten",
  PURE,
  () => {
    const lone = withStreams(100);
    for (let i = 0; i < 100; i++) lone.receive(Kind.CANCEL, 2 * i + 1, [0]);
    const { writer } = lone.session.shared;
    let woken = 0;
    writer.resumeAll = (sources) => void (woken += [...sources].length);
    lone.receive(Kind.WINDOW, 2, total(2 * WINDOW + 1_000_000));
    assertEquals(woken, 0);
  },
);
