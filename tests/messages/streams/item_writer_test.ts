import { assertEquals, assertRejects } from "@std/assert";
import { ItemWriter } from "../../../lib/messages/streams/item_writer.ts";
import type { SessionStream } from "../../../lib/messages/session/flow/shared_state.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function writing(known = true) {
  const state = {
    credit: 0,
    room: true,
    sent: [] as unknown[],
    failure: undefined as { error: unknown } | undefined,
  };
  const call = {} as SessionStream; // the writer uses none of its members
  const writer = new ItemWriter({
    maySend: () => state.credit > 0,
    send: (_, item) => {
      if (item === "bad") throw new Error("cannot encode");
      if (item === "large" && !state.room) return false;
      state.credit--;
      state.sent.push(item);
      return true;
    },
    failure: () => state.failure,
  }, known ? call : undefined);
  return { state, writer, call };
}

Deno.test(
  "send() sends at once if it can, and keeps the order if it must wait",
  none,
  async () => {
    const { state, writer } = writing();
    state.credit = 1;
    const sending = [1, 2, 3].map((item) => writer.send(item));
    assertEquals(state.sent, [1]);
    await sending[0];
    state.credit = 1;
    writer.sendable();
    await sending[1];
    assertEquals(state.sent, [1, 2]);
    state.credit = 5;
    writer.sendable();
    await sending[2];
    await writer.settled();
    await writer.send(4);
    assertEquals(state.sent, [1, 2, 3, 4]);
  },
);

Deno.test("send() waits for a call that is not known yet", none, async () => {
  const { state, writer, call } = writing(false);
  state.credit = 1;
  const sending = writer.send(1);
  writer.call = call;
  writer.sendable();
  await sending;
  assertEquals(state.sent, [1]);
});

Deno.test(
  "send() rejects for an item that cannot be encoded, and sends the others",
  none,
  async () => {
    const { state, writer } = writing();
    const sending = ["bad", 1].map((item) => writer.send(item));
    sending[0]?.catch(() => {});
    state.credit = 9;
    writer.sendable();
    await assertRejects(
      () => sending[0] ?? sending[1]!,
      Error,
      "cannot encode",
    );
    await sending[1];
    await assertRejects(() => writer.send("bad"), Error, "cannot encode");
    assertEquals(state.sent, [1]);
  },
);

Deno.test(
  "send() rejects waiting items once the call has failed",
  none,
  async () => {
    const { state, writer } = writing();
    const sending = [1, 2].map((item) =>
      assertRejects(() => writer.send(item), Error, "over")
    );
    await Promise.resolve();
    state.failure = { error: new Error("over") };
    writer.sendable();
    await Promise.all(sending);
    assertEquals(state.sent, []);
  },
);

Deno.test(
  "send() waits while an item does not fit, and later items wait too",
  none,
  async () => {
    const { state, writer } = writing();
    state.credit = 9;
    state.room = false;
    const sending = ["large", 2].map((item) => writer.send(item));
    writer.sendable();
    await Promise.resolve();
    assertEquals(state.sent, []);
    state.room = true;
    writer.sendable();
    await Promise.all(sending);
    assertEquals(state.sent, ["large", 2]);
  },
);
