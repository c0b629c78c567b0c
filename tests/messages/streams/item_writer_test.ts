import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ItemWriter, SENT } from "../../../lib/messages/streams/item_writer.ts";
import type { SendOutcome } from "../../../lib/messages/session/flow/outgoing_items.ts";
import type { SessionStream } from "../../../lib/messages/session/flow/shared_state.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function writing(known = true) {
  const state = {
    outcome: "accepted" as SendOutcome,
    sent: [] as unknown[],
    failure: undefined as { error: unknown } | undefined,
  };
  const call = {} as SessionStream; // the writer uses none of its members
  const writer: ItemWriter = new ItemWriter({
    send: (_, item, sender) => {
      if (item === "bad") throw new Error("cannot encode");
      assertEquals(sender, writer);
      state.sent.push(item);
      return state.outcome;
    },
    unsendable: (error) => new Error(`unsendable: ${error}`),
    failure: () => state.failure,
  }, known ? call : undefined);
  return { state, writer, call };
}

/** Lets the steps of a writer run. */
async function pause(): Promise<void> {
  for (let n = 0; n < 20; n++) await undefined;
}

Deno.test(
  "send() sends at once if it can, and keeps the order if it must wait",
  none,
  async () => {
    const { state, writer } = writing();
    state.outcome = "queued";
    const sending = [1, 2, 3].map((item) => writer.send(item));
    assertEquals(state.sent, [1]);
    await pause();
    assertEquals(state.sent, [1]); // one item is queued at a time
    writer.onAccepted();
    await sending[0];
    await pause();
    assertEquals(state.sent, [1, 2]);
    state.outcome = "accepted";
    writer.onAccepted();
    await Promise.all(sending);
    await writer.settled();
    await writer.send(4);
    assertEquals(state.sent, [1, 2, 3, 4]);
  },
);

Deno.test(
  "send() sends at once again when a queued item was accepted",
  none,
  async () => {
    const { state, writer } = writing();
    state.outcome = "queued";
    const sending = [1, 2].map((item) => writer.send(item));
    writer.onAccepted();
    await sending[0];
    await pause();
    state.outcome = "accepted";
    writer.onAccepted();
    await sending[1];
    assertStrictEquals(writer.send(3), SENT);
    assertEquals(state.sent, [1, 2, 3]);
  },
);

Deno.test("send() waits for a call that is not known yet", none, async () => {
  const { state, writer, call } = writing(false);
  const sending = [1, 2].map((item) => writer.send(item));
  await pause();
  assertEquals(state.sent, []);
  writer.open(call);
  await Promise.all(sending);
  assertEquals(state.sent, [1, 2]);
});

Deno.test(
  "open() may be called before the step that waits for the call",
  none,
  async () => {
    const { state, writer, call } = writing(false);
    const sending = writer.send(1);
    writer.open(call);
    await sending;
    assertEquals(state.sent, [1]);
  },
);

Deno.test(
  "send() rejects for an item that cannot be encoded, and sends the others",
  none,
  async () => {
    const { state, writer } = writing();
    const failing = writer.send("bad");
    const sending = writer.send(1);
    await assertRejects(() => failing, Error, "unsendable: Error: cannot enc");
    await sending;
    await assertRejects(() => writer.send("bad"), Error, "cannot encode");
    state.outcome = "queued";
    const queued = writer.send(2);
    const later = writer.send(3);
    state.outcome = "accepted";
    writer.onRejected(new Error("too large"));
    await assertRejects(() => queued, Error, "unsendable: Error: too large");
    await later;
    assertEquals(state.sent, [1, 2, 3]);
  },
);

Deno.test(
  "send() rejects waiting items once the call has failed",
  none,
  async () => {
    for (const known of [true, false]) {
      const { state, writer } = writing(known);
      state.outcome = "queued";
      const sending = [1, 2].map((item) =>
        assertRejects(() => writer.send(item), Error, "over")
      );
      await pause();
      writer.onDropped();
      state.failure = { error: new Error("over") }; // set after the queue was dropped
      await Promise.all(sending);
      assertEquals(state.sent, known ? [1] : []);
    }
  },
);

Deno.test(
  "send() rejects an item that the call refuses because it has failed",
  none,
  async () => {
    const { state, writer } = writing();
    state.outcome = "refused";
    const sending = writer.send(1);
    state.failure = { error: new Error("over") };
    await assertRejects(() => sending, Error, "over");
  },
);

Deno.test(
  "send() resolves for items that the peer no longer wants",
  none,
  async () => {
    const { state, writer } = writing();
    state.outcome = "queued";
    const sending = [1, 2].map((item) => writer.send(item));
    state.outcome = "refused";
    writer.onDropped();
    await Promise.all(sending);
    await writer.settled();
    assertEquals(state.sent, [1, 2]);
  },
);
