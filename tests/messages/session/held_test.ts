/**
 * What a peer can make this side hold, whatever it sends: each of these is
 * within the bounds that PROTOCOL.md names.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  metadataField,
  NO_FIELDS,
} from "../../../lib/messages/session/fields.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire.ts";
import {
  body,
  call,
  DOWN,
  hold,
  Incoming,
  NOTE,
  readAll,
  sendAll,
  UP,
} from "./_calls.ts";
import { Lone, message, request } from "./_lone.ts";
import { Simulation, TABLES } from "./_simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test("MISMATCHES of a dialler mean nothing to a listener", pure, () => {
  const lone = Lone.open("listener", {}, {
    mismatches: [{ method: NOTE, reason: "missing" }],
  });
  lone.session.notify({
    method: NOTE,
    info: TABLES.calls[NOTE]!,
    value: body(1),
    hasValue: true,
    fields: NO_FIELDS,
  }, 0);
  assertEquals(lone.session.peer?.mismatches, []);
  assertEquals(lone.sentKinds(), ["NOTIFY 0"]);
});

Deno.test(
  "items that wait encoded for credit are bounded; beyond that they wait as values",
  pure,
  () => {
    const lone = Lone.open("listener", {}, {
      maxFrameBody: 16 * 1024,
      streamWindow: 1024,
    });
    const { maxAssembly } = lone.session.limits;
    for (let n = 0; n < 100; n++) {
      lone.receive(Kind.REQUEST, 1 + 2 * n, request(DOWN));
    }
    let taken = 0;
    for (const { call } of lone.calls) {
      assert(lone.session.maySendItem(call));
      if (lone.session.sendItem(call, body(1_000_000), 0)) taken++;
      lone.write();
    }
    const { itemBacklog, blocked } = lone.session.accounts;
    // And one for which there is no room.
    assert(itemBacklog <= maxAssembly + 1_000_002 && itemBacklog > maxAssembly);
    assertEquals([taken, blocked], [18, 100 - 18]);
    // A small one of any of them needs no such room.
    const { call } = lone.calls.at(-1)!;
    assert(lone.session.sendItem(call, body(10), 0));
    // As soon as one gives way, the next may go.
    const woken = () =>
      lone.calls.filter(({ sendable }) => sendable > 0).length;
    const before = woken();
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals(woken() > before, true);
  },
);

Deno.test(
  "what a stream was raised by is not lent again while its items wait",
  pure,
  () => {
    const lone = Lone.open("listener");
    const { streamWindow, connectionWindow } = lone.session.limits;
    const item = message(body(4000));
    let held = 0;
    for (let n = 0; n < 100; n++) {
      const id = 1 + 2 * n;
      lone.receive(Kind.REQUEST, id, request(UP));
      const { call } = lone.calls[n]!;
      const inbox = call.inbox!;
      // The application reads until the window has grown, then is busy.
      while (inbox.available > 0 && inbox.available < 200 * 1024) {
        lone.receive(Kind.ITEM, id, item);
        while (lone.session.takeItem(call, 0) !== undefined);
        if (lone.session.accounts.raisePool === 0) break;
      }
      inbox.waiting = false;
      while (inbox.available > 0) lone.receive(Kind.ITEM, id, item);
      lone.receive(Kind.END, id);
      held += inbox.held;
    }
    const most = 100 * (streamWindow + item.length) + connectionWindow;
    assert(held <= most, `${held} bytes wait, of at most ${most}`);
  },
);

Deno.test(
  "senders who keep to their credit never meet maxAssembly",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { dialler, listener } = simulation;
    const held = hold(listener);
    const calls = Array.from(
      { length: 256 },
      () => call(simulation, dialler, { method: UP, value: body(1) }),
    );
    simulation.settle();
    for (const incoming of held) readAll(simulation, listener, incoming);
    for (const outgoing of calls) {
      sendAll(simulation, dialler, outgoing, [body(300_000)]);
    }
    simulation.settle();
    assertEquals(calls.flatMap(({ errors }) => errors), []);
    assertEquals(held.map(({ items }) => items.length), calls.map(() => 1));
  },
);

Deno.test(
  "metadata larger than a frame are cut like any message, with and without a value",
  pure,
  () => {
    const limits = { maxFrameBody: 16 * 1024, maxMetadata: 60 * 1024 };
    const fields = metadataField({ trace: "x".repeat(20_000) }, 60 * 1024);
    const simulation = new Simulation({ limits });
    const { dialler, listener } = simulation;
    let largest = 0;
    simulation.framed = (_side, frame) => {
      largest = Math.max(largest, frame.length - 8);
    };
    listener.handle = (incoming) => {
      const value = incoming.method.index === DOWN ? undefined : body(1);
      listener.session.respond(incoming, value, simulation.now, fields);
    };
    dialler.session.start(undefined, simulation.now);
    const early = call(simulation, dialler, { method: UP, fields });
    simulation.settle();
    const down = call(simulation, dialler, {
      ...{ method: DOWN, value: body(1), fields },
    });
    simulation.settle();
    assertEquals([dialler.ends, listener.ends], [[], []]);
    assertEquals(early.errors, []);
    assertEquals([early, down].map(({ results }) => results.length), [1, 1]);
    assert(largest <= 16 * 1024, `a frame of ${largest} bytes`);
  },
);

Deno.test(
  "deadlines that run out on both sides do not count as cancels of the caller's",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { dialler, listener } = simulation;
    listener.handle = (incoming, input) => {
      const held = new Incoming(incoming, input);
      held.onCancelled = () =>
        simulation.at(0, () => {
          const { verdict } = incoming;
          listener.session.fail(incoming, verdict!, simulation.now);
          listener.touch();
        });
    };
    // 3,000 calls a second with 100 ms each; their handlers obey.
    for (let time = 0; time < 3000; time += 10) {
      simulation.at(time, () => {
        for (let n = 0; n < 30; n++) {
          call(simulation, dialler, { value: body(1), timeout: 100 });
        }
      });
    }
    simulation.advance(4000);
    assertEquals([dialler.ends, listener.ends], [[], []]);
    assert(listener.session.stats.lateFrames > 1000);
  },
);

Deno.test(
  "small parts of a message are held as one, in the bytes that they have",
  pure,
  () => {
    const lone = Lone.open("listener");
    lone.receive(Kind.REQUEST, 1, request(UP));
    const { call } = lone.calls[0]!;
    lone.session.takeItem(call, 0);
    for (let n = 0; n < 1000; n++) {
      lone.receive(Kind.ITEM, 1, n < 2 ? [0] : [n & 255], Flag.MORE);
    }
    assertEquals(call.inbox?.held, 1000);
    assertEquals(lone.session.accounts.assembling, 1000);
  },
);

Deno.test(
  "a large item that could not be encoded again keeps no small one waiting",
  pure,
  () => {
    const lone = Lone.open("listener", {}, { streamWindow: 1024 });
    for (let n = 0; n < 6; n++) {
      lone.receive(Kind.REQUEST, 1 + 2 * n, request(DOWN));
    }
    const large = body(4_000_000);
    const taken = lone.calls.map(({ call }) =>
      lone.session.sendItem(call, large, 0)
    );
    assertEquals(taken, [true, true, true, true, true, false]);
    const { call } = lone.calls[5]!;
    assertEquals(lone.session.maySendItem(call), false);
    assertThrows(() => lone.session.sendItem(call, "no bytes", 0));
    assertEquals(lone.session.maySendItem(call), true);
  },
);

Deno.test(
  "streams that waited for the listener's HELLO have their window once",
  pure,
  () => {
    for (const [count, size] of [[34, 0], [3, 60_000]] as const) {
      const simulation = new Simulation();
      const { dialler, listener } = simulation;
      hold(listener);
      dialler.session.start(undefined, simulation.now);
      for (let n = 0; n < count; n++) {
        const value = size === 0 ? undefined : body(size);
        const up = call(simulation, dialler, { method: UP, value });
        const items = Array.from({ length: 100 }, () => body(1000));
        sendAll(simulation, dialler, up, items);
      }
      simulation.settle();
      assertEquals([dialler.ends, listener.ends], [[], []]);
    }
  },
);
