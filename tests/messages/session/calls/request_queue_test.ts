import { accountsOf, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import {
  maySendItem,
  sendItem,
} from "../../../../lib/messages/session/flow/waiting_items.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  notify,
  readAll,
  sendAll,
  UP,
} from "../session_calls.ts";
import { Monitor } from "../monitor.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "RequestQueue holds calls above the peer's maxCalls; notifications overtake them",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } });
    new Monitor(simulation);
    simulation.open();
    const { client, server } = simulation;
    const held = hold(server);
    let notes = 0;
    server.notified = () => notes++;
    const calls = Array.from(
      { length: 40 },
      () => call(simulation, client, { value: body(5) }),
    );
    notify(simulation, client, body(3));
    simulation.settle();
    assertEquals([held.length, notes, inFlightOf(client.session).queued], [
      32,
      1,
      8,
    ]);
    for (const { call } of held.splice(0)) {
      server.session.enter(simulation.now).incoming.responses.respond(
        call,
        body(1),
        NO_FIELDS,
      );
    }
    simulation.settle();
    assertEquals([held.length, inFlightOf(client.session).queued], [8, 0]);
    assertEquals(
      calls.filter(({ settled }) => settled === 1).length,
      32,
    );
  },
);

Deno.test(
  "RequestQueue rejects calls above maxQueuedCalls as not processed",
  pure,
  () => {
    const simulation = new Simulation({
      limits: { maxCalls: 32, maxQueuedCalls: 2 },
    }).open();
    const { client, server } = simulation;
    hold(server);
    for (let n = 0; n < 34; n++) {
      call(simulation, client, {
        value: body(5),
        timeout: 1e6,
      });
    }
    const error = assertThrows(
      () => call(simulation, client, { value: body(5), timeout: 1e6 }),
      CallError,
    );
    assertEquals([error.code, error.processed, error.retry], [
      "overloaded",
      "no",
      "later",
    ]);
    assertEquals(accountsOf(client.session).timers, 34);
  },
);

Deno.test(
  "RequestQueue sends a long message in frames with maxQueuedCalls 0",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxQueuedCalls: 0 } }).open();
    const { client } = simulation;
    const asked = call(simulation, client, { value: body(3_000_000) });
    simulation.settle();
    assertEquals(asked.results.length, 1);
  },
);

Deno.test(
  "RequestQueue subtracts the waiting time from the timeout; a deadline ends a queued call",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { client, server } = simulation;
    const held = hold(server);
    for (let n = 0; n < 32; n++) call(simulation, client, { value: body(5) });
    const waits = call(simulation, client, { value: body(5), timeout: 500 });
    const dies = call(simulation, client, { value: body(5), timeout: 100 });
    simulation.advance(300);
    assertEquals([dies.error.code, dies.error.processed], ["deadline", "no"]);
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      body(0),
      NO_FIELDS,
    );
    simulation.settle();
    const { timeout } = held[32]!.call.fields;
    assert(timeout > 150 && timeout <= 200, `${timeout} ms left`);
    simulation.advance(300);
    assertEquals([waits.error.code, waits.error.processed], [
      "deadline",
      "maybe",
    ]);
    assertEquals(held[32]!.cancels, ["deadline"]);
  },
);

Deno.test(
  "a queued call may be read, and its items ended, before it is sent",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { client, server } = simulation;
    const held = hold(server);
    for (let n = 0; n < 32; n++) call(simulation, client, { value: body(5) });
    const down = call(simulation, client, { method: DOWN, value: body(1) });
    readAll(simulation, client, down);
    const up = call(simulation, client, { method: UP });
    client.session.enter(simulation.now).outgoing.endItems(up.call);
    const large = call(simulation, client, {
      method: UP,
      value: body(500_000),
    });
    client.session.enter(simulation.now).outgoing.endItems(large.call);
    simulation.settle();
    for (const { call } of held.splice(0)) {
      server.session.enter(simulation.now).incoming.responses.respond(
        call,
        body(0),
        NO_FIELDS,
      );
    }
    simulation.settle();
    assertEquals(held.map(({ itemsEnded }) => itemsEnded), [false, true, true]);
    sendAll(simulation, server, held[0]!, [body(3)]);
    simulation.settle();
    assertEquals(down.items, [body(3)]);
  },
);

Deno.test(
  "RequestQueue sends CANCEL for a partly sent request before the next request",
  pure,
  () => {
    const simulation = new Simulation({
      conditions: {
        latency: [5, 5],
        capacity: 16_384,
        chunk: 64 * 1024,
        take: Infinity,
      },
    });
    new Monitor(simulation);
    simulation.open();
    const { client, server } = simulation;
    const held = hold(server);
    const sent: number[] = [];
    simulation.delivering = (_, frame) => sent.push(frame[0]!);
    const large = call(simulation, client, { value: body(3_000_000) });
    const small = call(simulation, client, { value: body(5) });
    simulation.advance(30);
    client.session.enter(simulation.now).outgoing.giveUp(large.call, {
      code: "cancelled",
      message: "no",
    });
    simulation.settle();
    assertEquals([large.error.processed, held.length, small.settled], [
      "no",
      1,
      0,
    ]);
    assert(sent.includes(Kind.CANCEL));
    assertEquals(inFlightOf(client.session), {
      outgoing: 1,
      incoming: 0,
      queued: 0,
    });
    assertEquals(server.ends, []);
  },
);

Deno.test("RequestQueue is not starved by large stream items", pure, () => {
  const simulation = new Simulation({
    limits: { maxStreamWindow: 2 ** 24, connectionWindow: 2 ** 25 },
  }).open();
  const { client, server } = simulation;
  const held = hold(server);
  const up = call(simulation, client, { method: UP });
  simulation.settle();
  readAll(simulation, server, held[0]!);
  let items = 0;
  const more = () => {
    while (items < 60 && maySendItem(client.session.shared, up.call)) {
      items++;
      sendItem(
        client.session.enter(simulation.now).shared,
        up.call,
        body(1_000_000),
      );
    }
  };
  up.onSendable = () => simulation.at(0, more);
  more();
  simulation.advance(20);
  call(simulation, client, { method: ASK, value: body(1_000_000) });
  while (held.length < 2) simulation.advance(1);
  assert(items < 15, `${items} items were sent before the request`);
});
