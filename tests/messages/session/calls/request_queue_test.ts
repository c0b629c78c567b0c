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
  "calls above the peer's limit wait, notifications pass them, ids rise",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } });
    new Monitor(simulation);
    simulation.open();
    const { dialler, listener } = simulation;
    const held = hold(listener);
    let notes = 0;
    listener.notified = () => notes++;
    const calls = Array.from(
      { length: 40 },
      () => call(simulation, dialler, { value: body(5) }),
    );
    notify(simulation, dialler, body(3));
    simulation.settle();
    assertEquals([held.length, notes, dialler.session.inFlight.queued], [
      32,
      1,
      8,
    ]);
    for (const { call } of held.splice(0)) {
      listener.session.respond(call, body(1), simulation.now);
    }
    simulation.settle();
    assertEquals([held.length, dialler.session.inFlight.queued], [8, 0]);
    assertEquals(
      calls.filter(({ settled }) => settled === 1).length,
      32,
    );
  },
);

Deno.test(
  "more calls than may wait are overloaded, at once and safe to send again",
  pure,
  () => {
    const simulation = new Simulation({
      limits: { maxCalls: 32, maxQueuedCalls: 2 },
    }).open();
    const { dialler, listener } = simulation;
    hold(listener);
    for (let n = 0; n < 34; n++) {
      call(simulation, dialler, {
        value: body(5),
        timeout: 1e6,
      });
    }
    const error = assertThrows(
      () => call(simulation, dialler, { value: body(5), timeout: 1e6 }),
      CallError,
    );
    assertEquals([error.code, error.processed, error.retry], [
      "overloaded",
      "no",
      "later",
    ]);
    assertEquals(dialler.session.accounts.timers, 34);
  },
);

Deno.test(
  "with maxQueuedCalls 0 a long message still leaves in parts",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxQueuedCalls: 0 } }).open();
    const { dialler } = simulation;
    const asked = call(simulation, dialler, { value: body(3_000_000) });
    simulation.settle();
    assertEquals(asked.results.length, 1);
  },
);

Deno.test(
  "a deadline shrinks while a call waits, and ends a call that never left",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { dialler, listener } = simulation;
    const held = hold(listener);
    for (let n = 0; n < 32; n++) call(simulation, dialler, { value: body(5) });
    const waits = call(simulation, dialler, { value: body(5), timeout: 500 });
    const dies = call(simulation, dialler, { value: body(5), timeout: 100 });
    simulation.advance(300);
    assertEquals([dies.error.code, dies.error.processed], ["deadline", "no"]);
    listener.session.respond(held[0]!.call, body(0), simulation.now);
    simulation.settle();
    const { timeout } = held[32]!.call.fields;
    assert(timeout > 150 && timeout <= 200, `${timeout} ms are left`);
    simulation.advance(300);
    assertEquals([waits.error.code, waits.error.processed], [
      "deadline",
      "maybe",
    ]);
    assertEquals(held[32]!.cancels, ["deadline"]);
  },
);

Deno.test(
  "a call that waits may be read, written and ended before it leaves",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { dialler, listener } = simulation;
    const held = hold(listener);
    for (let n = 0; n < 32; n++) call(simulation, dialler, { value: body(5) });
    const down = call(simulation, dialler, { method: DOWN, value: body(1) });
    readAll(simulation, dialler, down);
    const up = call(simulation, dialler, { method: UP });
    dialler.session.endItems(up.call, simulation.now);
    const large = call(simulation, dialler, {
      method: UP,
      value: body(500_000),
    });
    dialler.session.endItems(large.call, simulation.now);
    simulation.settle();
    for (const { call } of held.splice(0)) {
      listener.session.respond(
        call,
        body(0),
        simulation.now,
      );
    }
    simulation.settle();
    assertEquals(held.map(({ itemsEnded }) => itemsEnded), [false, true, true]);
    sendAll(simulation, listener, held[0]!, [body(3)]);
    simulation.settle();
    assertEquals(down.items, [body(3)]);
  },
);

Deno.test(
  "a request whose call is given up half sent is cancelled first, and others follow",
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
    const { dialler, listener } = simulation;
    const held = hold(listener);
    const sent: number[] = [];
    simulation.delivering = (_, frame) => sent.push(frame[0]!);
    const large = call(simulation, dialler, { value: body(3_000_000) });
    const small = call(simulation, dialler, { value: body(5) });
    simulation.advance(30);
    dialler.session.cancel(
      large.call,
      { code: "cancelled", message: "no" },
      simulation.now,
    );
    simulation.settle();
    assertEquals([large.error.processed, held.length, small.settled], [
      "no",
      1,
      0,
    ]);
    assert(sent.includes(Kind.CANCEL));
    assertEquals(dialler.session.inFlight, {
      outgoing: 1,
      incoming: 0,
      queued: 0,
    });
    assertEquals(listener.ends, []);
  },
);

Deno.test("bulk in streams does not starve requests that wait", pure, () => {
  const simulation = new Simulation({
    limits: { maxStreamWindow: 2 ** 24, connectionWindow: 2 ** 25 },
  }).open();
  const { dialler, listener } = simulation;
  const held = hold(listener);
  const up = call(simulation, dialler, { method: UP });
  simulation.settle();
  readAll(simulation, listener, held[0]!);
  let items = 0;
  const more = () => {
    while (items < 60 && dialler.session.maySendItem(up.call)) {
      items++;
      dialler.session.sendItem(up.call, body(1_000_000), simulation.now);
    }
  };
  up.onSendable = () => simulation.at(0, more);
  more();
  simulation.advance(20);
  call(simulation, dialler, { method: ASK, value: body(1_000_000) });
  while (held.length < 2) simulation.advance(1);
  assert(items < 15, `${items} items went before the request`);
});
