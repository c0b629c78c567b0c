import { accountsOf } from "../accounts.ts";
import {
  discardItems,
  takeItem,
} from "../../../../lib/messages/session/flow/received_items.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { SessionStream } from "../../../../lib/messages/session/flow/shared_state.ts";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { msgpack } from "../../../../lib/messages/codec/msgpack.ts";
import type { MessageCodec } from "../../../../lib/messages/codec/message_codec.ts";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  readAll,
  sendAll,
  TALK,
  UP,
} from "../session_calls.ts";
import { errorOf, Lone, message, request, total } from "../lone_session.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "an item without credit closes the connection; one frame may overshoot",
  pure,
  () => {
    const lone = Lone.open("server", { streamWindow: 1024 });
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.ITEM, 1, message(body(900)));
    lone.receive(Kind.ITEM, 1, message(body(9000)));
    assertEquals(lone.ends, []);
    lone.receive(Kind.ITEM, 1, message());
    assertEquals(lone.error.code, "flow-control");
  },
);

Deno.test(
  "credit returns as items are taken, and a stream that is read has its window raised",
  pure,
  () => {
    const lone = Lone.open("server", {
      streamWindow: 1024,
      maxStreamWindow: 4096,
      itemsWindow: 65536,
    });
    lone.receive(Kind.REQUEST, 1, request(UP));
    const { call } = lone.calls[0]!;
    lone.receive(Kind.ITEM, 1, message(body(600)));
    lone.receive(Kind.ITEM, 1, message(body(600)));
    assertEquals(lone.sentKinds(), []);
    takeItem(lone.session.enter(0).shared, call);
    const [credit] = lone.sent();
    assertEquals([credit?.kind, credit?.body], [
      Kind.CREDIT,
      total(1024 + 666 + 1024),
    ]);
    assertEquals(accountsOf(lone.session).raisePool, 65536 - 1024);
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals(accountsOf(lone.session).raisePool, 65536);
  },
);

Deno.test(
  "an item larger than the window arrives once it is the next one",
  pure,
  () => {
    const simulation = new Simulation({ limits: { streamWindow: 1024 } })
      .open();
    const { client, server } = simulation;
    const held = hold(server);
    const up = call(simulation, client, { method: UP });
    sendAll(simulation, client, up, [body(5), body(3_000_000, 9), body(5)]);
    simulation.settle();
    const unread = held[0]!.call.receiveWindow!.held;
    assert(
      unread > 0 && unread < 200_000,
      `${unread} bytes arrived before a read`,
    );
    // Parts count as soon as they are paid in advance, not before.
    assert(accountsOf(server.session).itemBudget <= unread);
    readAll(simulation, server, held[0]!);
    simulation.settle();
    assertEquals(held[0]?.items.map(({ length }) => length), [5, 3_000_000, 5]);
    assertEquals(accountsOf(server.session).itemBudget, 0);
  },
);

Deno.test(
  "sixteen unread streams block neither a stream that is read nor calls",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const items = Array.from({ length: 200 }, () => body(20_000));
    const calls = Array.from(
      { length: 17 },
      () => call(simulation, client, { method: DOWN, value: body(1) }),
    );
    simulation.settle();
    for (const one of held) sendAll(simulation, server, one, items);
    simulation.settle();
    readAll(simulation, client, calls[16]!);
    simulation.settle();
    assertEquals(calls[16]?.items.length, 200);
    for (const { call } of calls) {
      assert(
        call.receiveWindow!.held <= 32 * 1024 + 20_000,
      );
    }
    hold(server);
    server.handle = (incoming) =>
      server.session.enter(simulation.now).incoming.responses.respond(
        incoming,
        body(1),
        NO_FIELDS,
      );
    const asked = call(simulation, client, { method: ASK, value: body(1) });
    simulation.settle();
    assertEquals(asked.results.length, 1);
  },
);

Deno.test(
  "two peers that both stop reading and then resume lose nothing",
  pure,
  () => {
    const simulation = new Simulation({
      conditions: {
        latency: [1, 1],
        capacity: 4096,
        chunk: 64 * 1024,
        take: Infinity,
      },
    }).open();
    const held = simulation.sides.map((side) => hold(side));
    const calls = simulation.sides.flatMap((side) =>
      Array.from(
        { length: 12 },
        () => call(simulation, side, { method: ASK, value: body(60_000) }),
      )
    );
    for (const side of simulation.sides) side.pipe.stalled = true;
    simulation.settle();
    for (const side of simulation.sides) side.pipe.resume();
    simulation.settle();
    simulation.sides.forEach((side, n) => {
      for (const { call } of held[n]!) {
        side.session.enter(simulation.now).incoming.responses.respond(
          call,
          body(200_000),
          NO_FIELDS,
        );
      }
      side.pipe.stalled = true;
    });
    simulation.settle();
    for (const side of simulation.sides) side.pipe.resume();
    simulation.settle();
    assertEquals(
      calls.map(({ results }) => results[0]?.length),
      new Array(24).fill(200_000),
    );
  },
);

Deno.test(
  "items wait while their reader pauses; dropItems() drops them and later ones",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const up = call(simulation, client, { method: TALK });
    const items = Array.from({ length: 30 }, (_, n) => body(5000, n));
    sendAll(simulation, client, up, items);
    simulation.settle();
    assertEquals(
      takeItem(server.session.enter(simulation.now).shared, held[0]!.call),
      items[0],
    );
    discardItems(
      server.session.enter(simulation.now).shared,
      held[0]!.call,
    );
    assertEquals([
      held[0]?.call.receiveWindow?.held,
      takeItem(server.session.enter(simulation.now).shared, held[0]!.call),
    ], [0, undefined]);
    simulation.settle();
    assertEquals([held[0]?.items.length, server.ends], [0, []]);
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      undefined,
      NO_FIELDS,
    );
    simulation.settle();
    assertEquals([up.results.length, up.call.sendQueue], [1, undefined]);
  },
);

Deno.test(
  "an unfinished item is bounded in frames, bytes and time",
  pure,
  () => {
    for (
      const [limits, code] of [
        [{ maxFragments: 3 }, 11],
        [{ maxMessage: 65536, maxMetadata: 0 }, 11],
      ] as const
    ) {
      const lone = Lone.open("server", {
        ...limits,
        streamWindow: 2 ** 20,
        maxStreamWindow: 2 ** 20,
      });
      lone.receive(Kind.REQUEST, 1, request(UP));
      takeItem(lone.session.enter(0).shared, lone.calls[0]!.call); // the application waits
      for (let n = 0; n < 5; n++) {
        lone.receive(
          Kind.ITEM,
          1,
          body(16_000),
          Flag.MORE,
        );
      }
      const errors = lone.sent().filter(({ kind }) => kind === Kind.ERROR);
      assertEquals([errors.length, errorOf(errors[0]!).code], [1, code]);
      const { itemBudget } = accountsOf(lone.session);
      assertEquals([itemBudget, lone.ends], [0, []]);
    }
    const lone = Lone.open("server", { assemblyTimeout: 1000 });
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.ITEM, 1, message(body(16)));
    lone.receive(Kind.ITEM, 1, body(16), Flag.MORE);
    lone.advance(5000); // it is not the next item: the caller is not at fault
    assertEquals(lone.sentKinds(), []);
    takeItem(lone.session.enter(lone.now).shared, lone.calls[0]!.call);
    lone.advance(1100);
    assertEquals([lone.sentKinds(), accountsOf(lone.session).timers], [
      ["ERROR 1"],
      0,
    ]);
  },
);

Deno.test(
  "credit that adds up to more than 2^31 - 1 closes the connection",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(DOWN));
    lone.receive(Kind.CREDIT, 1, total(2 ** 31 - 1 + 1024));
    assertEquals(lone.error.code, "flow-control");
  },
);

Deno.test(
  "items wait while much is unsent; their sender is notified when there is room",
  pure,
  () => {
    const lone = Lone.open("server", {}, { streamWindow: 2 ** 24 });
    lone.sink.open = false;
    lone.receive(Kind.REQUEST, 1, request(DOWN));
    const [held] = lone.calls;
    let sent = 0;
    const send = () =>
      sendItem(lone.session.enter(0).shared, held!.call, body(10_000), held!);
    while (send() === "accepted") sent++;
    // Up to an eighth of unsentSoft, and one more.
    assertEquals([sent, held?.sendable, lone.sent().length], [14, 0, 14]);
    assertEquals(held?.call.sendQueue?.hasNext, true);
    lone.write();
    assertEquals([held?.sendable, lone.sentKinds()], [1, ["ITEM 1"]]);
    assertEquals([held?.call.sendQueue, send()], [undefined, "accepted"]);
  },
);

Deno.test(
  "CREDIT has no effect if this side sends no items, or no more of them",
  pure,
  () => {
    for (const [method, cancelled] of [[ASK, false], [DOWN, true]] as const) {
      const lone = Lone.open("server");
      lone.receive(Kind.REQUEST, 1, request(method, [1]));
      if (cancelled) lone.receive(Kind.CANCEL, 1, [0]);
      lone.receive(Kind.CREDIT, 1, total(2 ** 31 - 1));
      lone.receive(Kind.CREDIT, 1, total(2 ** 31 - 1));
      assertEquals(lone.sent().filter(({ kind }) => kind === Kind.ITEM), []);
      assertEquals(lone.ends, []);
    }
  },
);

Deno.test(
  "takeItem() takes nothing while a value is being encoded",
  pure,
  () => {
    const codec = bytes();
    const taking: MessageCodec = {
      ...codec,
      encodeInto(...given) {
        assertThrows(take, TypeError, "inside");
        return codec.encodeInto(...given);
      },
    };
    const lone = Lone.open("server", { streamWindow: 1024 }, {}, [taking]);
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.REQUEST, 3, request(DOWN));
    lone.receive(Kind.ITEM, 1, message(body(900, 7)));
    const [up, down] = lone.calls;
    const take = () => takeItem(lone.session.enter(0).shared, up!.call);
    sendItem(lone.session.enter(0).shared, down!.call, body(1), down!);
    assertEquals(take(), body(900, 7));
    assertEquals(lone.sentKinds(), ["ITEM 3", "CREDIT 1"]);
  },
);

Deno.test(
  "an item without credit for the items of all calls closes the connection",
  pure,
  () => {
    const lone = Lone.open("server", {
      itemsWindow: 65536,
      streamWindow: 2 ** 20,
      maxStreamWindow: 2 ** 20,
    });
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.REQUEST, 3, request(UP));
    lone.receive(Kind.ITEM, 1, message(body(60_000)));
    lone.receive(Kind.ITEM, 3, message(body(60_000))); // the last may exceed it
    assertEquals(lone.ends, []);
    lone.receive(Kind.ITEM, 1, message());
    assertEquals(lone.error.code, "flow-control");
  },
);

Deno.test(
  "a late item is charged to the items of all calls, and its credit returns",
  pure,
  () => {
    const lone = Lone.open("server", { itemsWindow: 65536 });
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.CANCEL, 1, [0]);
    for (let n = 0; n < 50; n++) {
      lone.receive(Kind.ITEM, 1, message(body(10_000)));
    }
    const { itemsGranted, itemsOwed } = accountsOf(lone.session);
    assertEquals([lone.ends, itemsGranted + itemsOwed], [[], 65536]);
    assertEquals(lone.session.stats.lateFrames, 50);
    assert(
      lone.sent().every(({ kind, id }) => kind === Kind.WINDOW && id === 2),
    );
  },
);

Deno.test(
  "sendItem() refuses items once the call sends no more, and drops queued ones",
  pure,
  () => {
    const lone = Lone.open("server", {}, { streamWindow: 1024 });
    lone.receive(Kind.REQUEST, 1, request(DOWN));
    const [held] = lone.calls;
    const send = () =>
      sendItem(lone.session.enter(0).shared, held!.call, body(2000), held!);
    assertEquals([send(), send()], ["accepted", "queued"]);
    assertEquals(lone.sentKinds(), ["ITEM 1"]);
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals([held?.sendable, held?.call.sendQueue], [1, undefined]);
    assertEquals(send(), "refused");
  },
);

Deno.test(
  "sendItem() accepts an item of several frames once its last one is sent",
  pure,
  () => {
    const lone = Lone.open("server", {}, { streamWindow: 1024 });
    lone.receive(Kind.REQUEST, 1, request(DOWN));
    const [held] = lone.calls;
    const send = (size: number) =>
      sendItem(lone.session.enter(0).shared, held!.call, body(size), held!);
    assertEquals([send(200_000), held?.sendable], ["queued", 0]);
    assertEquals(lone.sentKinds(), ["ITEM 1 +"]);
    lone.receive(Kind.CREDIT, 1, total(500_000));
    assertEquals([lone.sentKinds(), held?.sendable], [["ITEM 1"], 1]);
    assertEquals(send(200_000), "accepted");
  },
);

Deno.test(
  "sendItem() leaves the last quarter of the window to items that have begun",
  pure,
  () => {
    const lone = Lone.open("server", {}, {
      itemsWindow: 100_000,
      streamWindow: 2 ** 20,
    });
    for (const id of [1, 3]) lone.receive(Kind.REQUEST, id, request(DOWN));
    const [one, other] = lone.calls;
    const { shared } = lone.session.enter(0);
    const send = (held: typeof one, size: number) =>
      sendItem(shared, held!.call, body(size), held!);
    assertEquals(send(one, 80_000), "accepted");
    assertEquals(send(other, 5), "queued");
    assertEquals(lone.sentKinds(), ["ITEM 1"]);
    lone.receive(Kind.WINDOW, 2, total(110_000));
    assertEquals([lone.sentKinds(), other?.sendable], [["ITEM 3"], 1]);
  },
);

Deno.test("a repeated or lower total in CREDIT has no effect", pure, () => {
  const lone = Lone.open("server", {}, { streamWindow: 1024 });
  lone.receive(Kind.REQUEST, 1, request(DOWN));
  const { call } = lone.calls[0]!;
  for (const granted of [3000, 3000, 10]) {
    lone.receive(Kind.CREDIT, 1, total(granted));
    assertEquals(call.itemCredit?.available, 3000);
  }
  assertEquals(lone.ends, []);
});

Deno.test(
  "items of a call that is queued are sent after its REQUEST, in order",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { client, server } = simulation;
    const held = hold(server);
    for (let n = 0; n < 32; n++) call(simulation, client, { value: body(1) });
    const up = call(simulation, client, { method: UP, value: body(300_000) });
    const items = [body(5, 1), body(200_000, 2), body(5, 3)];
    sendAll(
      simulation,
      client,
      up,
      items,
      () => client.session.enter(simulation.now).outgoing.endItems(up.call),
    );
    simulation.settle();
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      body(1),
      NO_FIELDS,
    );
    simulation.settle();
    readAll(simulation, server, held[32]!);
    simulation.settle();
    assertEquals(held[32]?.items, items);
    assertEquals([held[32]?.itemsEnded, up.errors], [true, []]);
  },
);

Deno.test(
  "an item is sent at once if there is credit for it, exactly",
  pure,
  () => {
    const lacks: Record<
      string,
      [number, (lone: Lone, call: SessionStream, left: number) => void]
    > = {
      "credit of the stream": [
        1,
        (_, { itemCredit }, left) =>
          itemCredit!.charge(itemCredit!.available - left),
      ],
      "credit of all items": [
        25_001,
        ({ session: { shared } }, _, left) =>
          shared.itemCredit.charge(shared.itemCredit.available - left),
      ],
      "room for bulk": [1, ({ session: { shared }, sink }, _, left) => {
        const bytes = shared.limits.unsentSoft / 8 - left;
        sink.leaveUnsent(bytes);
        shared.writer.bulk.add(bytes);
      }],
    };
    for (const [what, [least, leave]] of Object.entries(lacks)) {
      const outcomes = [least, least - 1].map((left) => {
        const lone = Lone.open("client", {}, { itemsWindow: 100_000 });
        const up = lone.call({ method: UP });
        leave(lone, up.call, left);
        return sendItem(lone.session.shared, up.call, body(10), up);
      });
      assertEquals(outcomes, ["accepted", "queued"], what);
    }
  },
);

Deno.test("a call that is given up waits for nothing any more", pure, () => {
  const lone = Lone.open("client");
  const { shared, outgoing } = lone.session.enter(0);
  const { requestCredit, itemCredit } = shared;
  const up = lone.call({ method: UP });
  requestCredit.charge(requestCredit.available - 10);
  itemCredit.charge(itemCredit.available);
  const large = lone.call({ value: body(300_000) });
  assertEquals([large.call.started, large.call.sent], [true, false]);
  assertEquals(sendItem(shared, up.call, body(10), up), "queued");
  for (const { call } of [large, up]) {
    outgoing.giveUp(call, { code: "cancelled", message: "given up" });
  }
  for (const credit of [requestCredit, itemCredit]) {
    credit.raise(2 ** 31 - 1);
    const woken: unknown[] = [];
    credit.wake((sources) => woken.push(...sources));
    assertEquals(woken, []);
  }
  assertEquals([up.sendable, shared.unfinished.bytes], [1, 0]);
});

Deno.test(
  "a result that is dropped waits for no other to be sent",
  pure,
  () => {
    const lone = Lone.open("server", {}, { maxAssembly: 600_000 });
    const { shared, incoming: { responses } } = lone.session.enter(0);
    lone.sink.open = false;
    for (const id of [1, 3]) lone.receive(Kind.REQUEST, id, request(ASK));
    for (const { call } of lone.calls) {
      responses.respond(
        call,
        body(400_000),
        NO_FIELDS,
      );
    }
    lone.write();
    assertEquals(shared.unfinished.bytes, 400_000 + 2);
    lone.session.enter(0).close();
    assertEquals([...shared.unfinished.end(0)], []);
    assertEquals(shared.unfinished.bytes, 0);
  },
);

Deno.test(
  "an item that waits counts with its size, whatever its value and earlier ones",
  pure,
  () => {
    const text = "x".repeat(50_000);
    const binary = new Uint8Array(50_000);
    const numbers = new Array(50_000).fill(1);
    for (const value of [binary, text, { text }, [binary], numbers]) {
      const peer = { codecs: ["msgpack"], streamWindow: 1024 };
      const lone = Lone.open("server", {}, peer, [msgpack()]);
      const { shared } = lone.session.enter(0);
      const sender = { onAccepted() {}, onRejected() {}, onDropped() {} };
      for (const id of [1, 3, 5]) {
        lone.receive(Kind.REQUEST, id, request(DOWN));
        const { call } = lone.calls.at(-1)!; // it has just been entered
        while (call.itemCredit!.available > 0) { // it sends items
          assertEquals(sendItem(shared, call, 1, sender), "accepted");
        }
        const before = shared.queued.items;
        assertEquals(sendItem(shared, call, value, sender), "queued");
        const held = shared.queued.items - before;
        assert(held >= 100_000 && held < 102_000, `${held} bytes`);
      }
      lone.sent();
      for (const { call } of lone.calls) {
        lone.receive(Kind.CREDIT, call.id, total(2 ** 20));
      }
      assertEquals(shared.queued.items, 0);
      const items = lone.sent().filter(({ kind }) => kind === Kind.ITEM)
        .map(({ body }) => msgpack().decode(body.slice(2)));
      assertEquals(items, [value, value, value]);
    }
  },
);
