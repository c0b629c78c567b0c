/**
 * The memory that a peer can make this side hold: whatever the peer sends, it
 * stays within the bounds of PROTOCOL.md.
 *
 * @module
 */
import { accountsOf } from "./accounts.ts";
import {
  maySendItem,
  sendItem,
} from "../../../lib/messages/session/flow/waiting_items.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  metadataField,
  NO_FIELDS,
} from "../../../lib/messages/session/wire/fields.ts";
import {
  Flag,
  FRAME_CHARGE,
  Kind,
} from "../../../lib/messages/session/wire/frame_header.ts";
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
} from "./session_calls.ts";
import { Lone, message, request, u32 } from "./lone_session.ts";
import { Simulation, TABLES } from "./simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "decodeHello() of a server ignores MISMATCHES of a client",
  pure,
  () => {
    const lone = Lone.open("server", {}, {
      mismatches: [{ method: NOTE, reason: "missing" }],
    });
    lone.session.enter(0).outgoing.notify({
      method: NOTE,
      info: TABLES.calls[NOTE]!,
      value: body(1),
      hasValue: true,
      fields: NO_FIELDS,
    });
    assertEquals(lone.session.peer?.mismatches, []);
    assertEquals(lone.sentKinds(), ["NOTIFY 0"]);
  },
);

Deno.test(
  "sendItem() bounds the encoded items that wait for credit; further ones stay values",
  pure,
  () => {
    const lone = Lone.open("server", {}, {
      maxFrameBody: 16 * 1024,
      streamWindow: 1024,
    });
    const { maxAssembly } = lone.session.limits;
    for (let n = 0; n < 100; n++) {
      lone.receive(Kind.REQUEST, 1 + 2 * n, request(DOWN));
    }
    let taken = 0;
    for (const { call } of lone.calls) {
      assert(maySendItem(lone.session.shared, call));
      if (sendItem(lone.session.enter(0).shared, call, body(1_000_000))) {
        taken++;
      }
      lone.write();
    }
    const { itemBacklog, blocked } = accountsOf(lone.session);
    // One more is allowed beyond the bound.
    assert(itemBacklog <= maxAssembly + 1_000_002 && itemBacklog > maxAssembly);
    assertEquals([taken, blocked], [18, 100 - 18]);
    // A small item of any of them needs no such room.
    const { call } = lone.calls.at(-1)!;
    assert(sendItem(lone.session.enter(0).shared, call, body(10)));
    // As soon as one is dropped, the next may be sent.
    const woken = () =>
      lone.calls.filter(({ sendable }) => sendable > 0).length;
    const before = woken();
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals(woken() > before, true);
  },
);

Deno.test(
  "takeItem() returns raised credit to the pool only after the last waiting item",
  pure,
  () => {
    const lone = Lone.open("server");
    const { streamWindow, connectionWindow } = lone.session.limits;
    const item = message(body(4000));
    let held = 0;
    for (let n = 0; n < 100; n++) {
      const id = 1 + 2 * n;
      lone.receive(Kind.REQUEST, id, request(UP));
      const { call } = lone.calls[n]!;
      const receiveWindow = call.receiveWindow!;
      // The application reads until the window has grown, then is busy.
      while (
        receiveWindow.available > 0 && receiveWindow.available < 200 * 1024
      ) {
        lone.receive(Kind.ITEM, id, item);
        while (takeItem(lone.session.enter(0).shared, call) !== undefined);
        if (accountsOf(lone.session).creditPool === 0) break;
      }
      receiveWindow.readPending = false;
      while (receiveWindow.available > 0) lone.receive(Kind.ITEM, id, item);
      lone.receive(Kind.END, id);
      held += receiveWindow.held;
    }
    const most = 100 * (streamWindow + item.length) + connectionWindow;
    assert(held <= most, `${held} bytes wait, of at most ${most}`);
  },
);

Deno.test(
  "senders that respect their credit never exceed maxAssembly",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 256 },
      () => call(simulation, client, { method: UP, value: body(1) }),
    );
    simulation.settle();
    for (const incoming of held) readAll(simulation, server, incoming);
    for (const outgoing of calls) {
      sendAll(simulation, client, outgoing, [body(300_000)]);
    }
    simulation.settle();
    assertEquals(calls.flatMap(({ errors }) => errors), []);
    assertEquals(held.map(({ items }) => items.length), calls.map(() => 1));
  },
);

Deno.test(
  "metadata larger than a frame is split like any message, with and without a value",
  pure,
  () => {
    const limits = { maxFrameBody: 16 * 1024, maxMetadata: 60 * 1024 };
    const fields = metadataField({ trace: "x".repeat(20_000) }, 60 * 1024);
    const simulation = new Simulation({ limits });
    const { client, server } = simulation;
    let largest = 0;
    simulation.framed = (_side, frame) => {
      largest = Math.max(largest, frame.length - 8);
    };
    server.handle = (incoming) => {
      const value = incoming.method.index === DOWN ? undefined : body(1);
      server.session.enter(simulation.now).incoming.responses.respond(
        incoming,
        value,
        fields,
      );
    };
    client.session.enter(simulation.now).start(undefined);
    const early = call(simulation, client, { method: UP, fields });
    simulation.settle();
    const down = call(simulation, client, {
      ...{ method: DOWN, value: body(1), fields },
    });
    simulation.settle();
    assertEquals([client.ends, server.ends], [[], []]);
    assertEquals(early.errors, []);
    assertEquals([early, down].map(({ results }) => results.length), [1, 1]);
    assert(largest <= 16 * 1024, `a frame of ${largest} bytes`);
  },
);

Deno.test(
  "deadlines that pass on both sides do not count as CANCELs of the caller",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    server.handle = (incoming, input) => {
      const held = new Incoming(incoming, input);
      held.onCancelled = () =>
        simulation.at(0, () => {
          const { cancelled } = incoming;
          server.session.enter(simulation.now).incoming.responses.fail(
            incoming,
            cancelled!,
          );
          server.touch();
        });
    };
    // 3,000 calls per second with 100 ms each; their handlers settle at once.
    for (let time = 0; time < 3000; time += 10) {
      simulation.at(time, () => {
        for (let n = 0; n < 30; n++) {
          call(simulation, client, { value: body(1), timeout: 100 });
        }
      });
    }
    simulation.advance(4000);
    assertEquals([client.ends, server.ends], [[], []]);
    assert(server.session.stats.lateFrames > 1000);
  },
);

Deno.test(
  "small parts of a message are held in one buffer, without overhead",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(UP));
    const { call } = lone.calls[0]!;
    takeItem(lone.session.enter(0).shared, call);
    for (let n = 0; n < 1000; n++) {
      lone.receive(Kind.ITEM, 1, n < 2 ? [0] : [n & 255], Flag.MORE);
    }
    assertEquals(call.receiveWindow?.held, 1000);
    assertEquals(accountsOf(lone.session).assembling, 1000);
  },
);

Deno.test(
  "sendItem() of an item that cannot be encoded blocks no small one",
  pure,
  () => {
    const lone = Lone.open("server", {}, { streamWindow: 1024 });
    for (let n = 0; n < 6; n++) {
      lone.receive(Kind.REQUEST, 1 + 2 * n, request(DOWN));
    }
    const large = body(4_000_000);
    const taken = lone.calls.map(({ call }) =>
      sendItem(lone.session.enter(0).shared, call, large)
    );
    assertEquals(taken, [true, true, true, true, true, false]);
    const { call } = lone.calls[5]!;
    assertEquals(maySendItem(lone.session.shared, call), false);
    assertThrows(() =>
      sendItem(lone.session.enter(0).shared, call, "no bytes")
    );
    assertEquals(maySendItem(lone.session.shared, call), true);
  },
);

Deno.test(
  "streams that waited for the server's HELLO receive their window once",
  pure,
  () => {
    for (const [count, size] of [[34, 0], [3, 60_000]] as const) {
      const simulation = new Simulation();
      const { client, server } = simulation;
      const held = hold(server);
      client.session.enter(simulation.now).start(undefined);
      for (let n = 0; n < count; n++) {
        const value = size === 0 ? undefined : body(size);
        const up = call(simulation, client, { method: UP, value });
        const items = Array.from({ length: 100 }, () => body(1000));
        sendAll(simulation, client, up, items);
      }
      simulation.settle();
      assertEquals([client.ends, server.ends], [[], []]);
      assertEquals(held.length, count);
      const { streamWindow } = server.session.limits;
      for (const { call: { receiveWindow } } of held) {
        // As much as fits; the last item may overshoot.
        assert(
          receiveWindow!.held > streamWindow - 2000,
          `${receiveWindow!.held} bytes`,
        );
        assert(
          receiveWindow!.held < streamWindow + 2000,
          `${receiveWindow!.held} bytes`,
        );
      }
    }
  },
);

const SCARCE = {
  limits: { maxAssembly: 64 * 1024, maxMessage: 256 * 1024 },
  hello: { maxFrameBody: 16 * 1024, streamWindow: 16 * 1024 },
};

/** Returns a server with little room for items, and its streams to the client. */
function scarce(): { lone: Lone; open: () => Incoming; send: Send } {
  const lone = Lone.open("server", SCARCE.limits, SCARCE.hello);
  let next = 1;
  return {
    lone,
    open() {
      lone.receive(Kind.REQUEST, next, request(DOWN));
      next += 2;
      return lone.calls.at(-1)!;
    },
    send({ call }, size) {
      const { session } = lone;
      return maySendItem(session.shared, call) &&
        sendItem(session.enter(lone.now).shared, call, body(size));
    },
  };
}

type Send = (to: Incoming, size: number) => boolean;

Deno.test(
  "calls that end while their items wait for room are released",
  pure,
  () => {
    for (const cancelled of [true, false]) {
      const { lone, open, send } = scarce();
      assert(send(open(), 100_000));
      for (let id = 3; id < 103; id += 2) {
        const held = open();
        assert(!send(held, 100_000));
        assertEquals(accountsOf(lone.session).waitingForSpace, 1);
        if (cancelled) lone.receive(Kind.CANCEL, id, [0]);
        lone.session.enter(lone.now).incoming.responses.respond(
          held.call,
          body(0),
          NO_FIELDS,
        );
        lone.write();
        assertEquals(accountsOf(lone.session).waitingForSpace, 0);
        assertEquals(lone.ends, []);
      }
    }
  },
);

Deno.test(
  "a stream that sent one item beyond the bound takes turns with the others",
  pure,
  () => {
    const { lone, open, send } = scarce();
    assert(send(open(), 64_000)); // never read
    const steady = open();
    assert(send(steady, 40_000)); // beyond the bound
    lone.write();
    maySendItem(lone.session.shared, steady.call);
    const waits = open();
    assert(!send(waits, 60_000));
    const taken: number[] = [];
    waits.onSendable = () => {
      if (send(waits, 60_000)) taken.push(60_000);
    };
    steady.onSendable = () => {
      if (send(steady, 17_500)) taken.push(17_500);
      maySendItem(lone.session.shared, steady.call);
    };
    // Grants what was sent and a little more, so that it may continue at once.
    const { streamWindow } = SCARCE.hello;
    for (let n = 0; n < 10; n++) {
      const parts = n === 0
        ? 40_002 - streamWindow + 3 * FRAME_CHARGE + 100
        : 17_502 + 2 * FRAME_CHARGE;
      lone.receive(Kind.CREDIT, 3, u32(parts));
      lone.write();
      lone.sent();
    }
    assertEquals(taken.slice(0, 2), [17_500, 60_000]);
  },
);

Deno.test(
  "onSendable() is called for the next stream when an item before it is dropped",
  pure,
  () => {
    const ways: Record<string, (first: Incoming, lone: Lone) => void> = {
      "cannot be encoded"({ call }, { session }) {
        assertThrows(() => sendItem(session.enter(0).shared, call, "no bytes"));
      },
      "its caller cancels": (_, lone) => lone.receive(Kind.CANCEL, 3, [0]),
      "its handler ends": ({ call }, { session }) =>
        session.enter(0).incoming.responses.respond(call, body(0), NO_FIELDS),
    };
    for (const [name, leave] of Object.entries(ways)) {
      const { lone, open, send } = scarce();
      const large = open();
      assert(send(large, 100_000));
      const [first, second] = [open(), open()];
      assert(!send(first, 40_000) && !send(second, 40_000));
      lone.receive(Kind.CREDIT, 1, u32(60_000));
      lone.write();
      lone.sent();
      assertEquals([first.sendable, second.sendable], [1, 0], name);
      leave(first, lone);
      assertEquals(second.sendable, 1, name);
      assert(send(second, 40_000), name);
    }
  },
);

Deno.test(
  "close() does linear work for the calls that wait for room",
  pure,
  () => {
    const { lone, open, send } = scarce();
    assert(send(open(), 100_000));
    let looked = 0;
    for (let n = 0; n < 200; n++) {
      const held = open();
      assert(!send(held, n % 2 === 0 ? 100_000 : 40_000));
      // Read once for each stream that may be next.
      const { call } = held;
      const { credit } = call;
      Object.defineProperty(call, "credit", {
        get: () => (looked++, credit),
      });
    }
    looked = 0;
    lone.session.enter(lone.now).close();
    assert(looked <= 10 * 200, `${looked} looks at 200 calls`);
    assertEquals(accountsOf(lone.session).waitingForSpace, 0);
  },
);
