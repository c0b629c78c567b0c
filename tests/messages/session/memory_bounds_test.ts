/**
 * The memory that a peer can make this side hold: whatever the peer sends, it
 * stays within the bounds of PROTOCOL.md.
 *
 * @module
 */
import { accountsOf } from "./accounts.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { assert, assertEquals } from "@std/assert";
import {
  metadataField,
  NO_FIELDS,
} from "../../../lib/messages/session/wire/fields.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
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
import { Lone, message, request } from "./lone_session.ts";
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
      timeout: Infinity,
      fields: NO_FIELDS,
    });
    assertEquals(lone.session.peer?.mismatches, []);
    assertEquals(lone.sentKinds(), ["NOTIFY 0"]);
  },
);

Deno.test(
  "unread items of all streams stay within the account of all items",
  pure,
  () => {
    const lone = Lone.open("server");
    const { itemsWindow } = lone.session.limits;
    const item = message(body(4000));
    let held = 0;
    for (let id = 1; id < 601; id += 2) {
      lone.receive(Kind.REQUEST, id, request(UP));
      const { receiveWindow } = lone.calls.at(-1)!.call;
      // The application does not read; the peer sends whatever it may send.
      while (
        receiveWindow!.available > 0 &&
        accountsOf(lone.session).itemsGranted > 0
      ) lone.receive(Kind.ITEM, id, item);
      held += receiveWindow!.held;
    }
    assertEquals(lone.ends, []);
    assert(held <= itemsWindow + item.length, `${held} bytes wait`);
    // Another item is refused, whatever its stream may send.
    lone.receive(Kind.REQUEST, 601, request(UP));
    lone.receive(Kind.ITEM, 601, item);
    assertEquals(lone.ends[0]?.code, "flow-control");
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
    assertEquals(accountsOf(lone.session).itemBudget, 1000);
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
