import { accountsOf, heldBy, HOLDS_NOTHING, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Account } from "../../../../lib/messages/session/flow/credit.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  NOTE,
  notify,
  readAll,
  sendAll,
  UP,
} from "../session_calls.ts";
import { hello, Lone, message, total } from "../lone_session.ts";
import { Monitor } from "../monitor.ts";
import { Simulation, TABLES } from "../simulation.ts";

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
  "RequestQueue rejects calls above maxQueuedBytes as not processed",
  pure,
  () => {
    const simulation = new Simulation({
      limits: { maxCalls: 32, maxQueuedBytes: 2 * 1040 },
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
  "RequestQueue sends a long message in frames with maxQueuedBytes 0",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxQueuedBytes: 0 } }).open();
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
  sendAll(
    simulation,
    client,
    up,
    Array.from({ length: 60 }, () => body(1_000_000)),
  );
  simulation.advance(20);
  call(simulation, client, { method: ASK, value: body(1_000_000) });
  while (held.length < 2) simulation.advance(1);
  const items = held[0]!.items.length;
  assert(items < 15, `${items} items arrived before the request`);
});

Deno.test(
  "RequestQueue lets a small REQUEST overtake large ones that have begun",
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
    const size = 900_000;
    for (let n = 0; n < 3; n++) call(simulation, client, { value: body(size) });
    call(simulation, client, { value: body(5) });
    simulation.settle();
    const sizes = held.map(({ input }) => input.length);
    assertEquals(sizes, [5, size, size, size]);
    assertEquals(accountsOf(client.session).unfinished, 0);
  },
);

Deno.test(
  "RequestQueue begins large REQUESTs only as far as the peer keeps their parts",
  pure,
  () => {
    const simulation = new Simulation({
      serverLimits: { maxAssembly: 2_000_000 },
    });
    new Monitor(simulation);
    simulation.open();
    const { client, server } = simulation;
    server.handle = (incoming, input) => {
      server.session.enter(simulation.now).incoming.responses.respond(
        incoming,
        body(input.length / 1000),
        NO_FIELDS,
      );
    };
    let most = 0;
    simulation.delivering = () => {
      most = Math.max(most, accountsOf(server.session).assembling);
    };
    const calls = Array.from(
      { length: 3 },
      () => call(simulation, client, { value: body(900_000) }),
    );
    simulation.settle();
    assertEquals(calls.flatMap(({ errors }) => errors), []);
    assertEquals(
      calls.map(({ results }) => results.length),
      calls.map(() => 1),
    );
    assert(
      most > 700_000 && most <= 1_000_000,
      `${most} bytes were unfinished`,
    );
    assertEquals(accountsOf(client.session).unfinished, 0);
  },
);

Deno.test(
  "drop() lets the next call start if the dropped one lacked room",
  pure,
  () => {
    const lone = Lone.open("client", {}, { maxAssembly: 600_000 });
    lone.sink.open = false;
    const [first, second] = [300_000, 400_000].map((size) =>
      lone.call({ value: body(size) })
    );
    const third = lone.call({ value: body(200_000) });
    lone.write();
    assertEquals([first?.call.started, second?.call.started], [true, false]);
    assertEquals(third.call.started, false); // long calls start in order
    lone.sink.take(lone.sink.unsent); // there is room for its first frame
    lone.session.enter(0).outgoing.giveUp(second!.call, {
      code: "cancelled",
      message: "no",
    });
    assertEquals([second?.error.processed, third.call.started], ["no", true]);
    for (let n = 0; n < 9; n++) lone.write();
    assertEquals([first?.call.sent, accountsOf(lone.session).unfinished], [
      true,
      0,
    ]);
  },
);

Deno.test(
  "a short call passes long ones that wait, and long ones are not starved",
  pure,
  () => {
    const lone = Lone.open("client", {}, { maxAssembly: 400_000 });
    lone.sink.open = false;
    const long = Array.from(
      { length: 8 },
      () => lone.call({ value: body(300_000) }),
    );
    const short = lone.call({ value: body(5) });
    lone.write();
    assertEquals([short.call.sent, long[0]?.call.sent], [true, false]);
    for (let n = 0; n < 400 && !long.every(({ call }) => call.sent); n++) {
      lone.call({ value: body(5) });
      lone.receive(Kind.WINDOW, Account.REQUESTS, total(2 ** 20 * n + 2 ** 21));
      lone.write();
      for (const { kind, id, more } of lone.sent()) {
        if (kind === Kind.REQUEST && !more) {
          lone.receive(Kind.RESULT, id, message());
        }
      }
    }
    assertEquals(
      long.map(({ results }) => results.length),
      new Array(8).fill(1),
    );
  },
);

Deno.test(
  "large calls that wait for credit do not make small ones fail",
  pure,
  () => {
    const limits = { maxQueuedBytes: 8_000_000 };
    const lone = Lone.open("client", limits, { connectionWindow: 65_536 });
    const large = [1, 2, 3].map(() => lone.call({ value: body(2_000_000) }));
    const small = lone.call({ value: body(5) });
    assertEquals(small.errors, []);
    assertThrows(
      () => lone.call({ value: body(2_000_000) }),
      CallError,
      "already queued",
    );
    lone.receive(Kind.WINDOW, Account.REQUESTS, total(70_000_000));
    for (let n = 0; n < 9; n++) lone.write();
    assertEquals([...large, small].map(({ call }) => call.sent), [
      true,
      true,
      true,
      true,
    ]);
  },
);

Deno.test(
  "a call that cannot be sent names the limit that it waits for",
  pure,
  () => {
    const reasons = [
      [{ maxCalls: 32 }, (lone: Lone) => {
        for (let n = 0; n < 32; n++) lone.call();
      }, "limit maxCalls"],
      [
        { connectionWindow: 65_536 },
        (lone: Lone) => lone.call({ value: body(65_536) }),
        "limit connectionWindow",
      ],
      [
        {},
        (lone: Lone) => lone.sink.leaveUnsent(lone.session.limits.unsentSoft),
        "limit unsentSoft",
      ],
    ] as const;
    for (const [limits, use, reason] of reasons) {
      const lone = Lone.open("client", { queueTimeout: 1000 }, limits);
      use(lone);
      lone.sent();
      // Its deadline passes half a ms after its time to wait.
      const waits = lone.call({ timeout: 1000.5 });
      assertEquals(lone.sent(), []);
      lone.advance(1000);
      assertEquals(waits.error.code, "overloaded");
      assert(waits.error.message.includes(reason), waits.error.message);
      assertEquals(waits.error.message.includes("limit queueTimeout"), true);
    }
  },
);

Deno.test(
  "a new call leaves credit to requests that have begun, exactly",
  pure,
  () => {
    const { shared, outgoing } = Lone.open("client").session.enter(0);
    const { requestCredit, queued } = shared;
    const waits = (left: number) => {
      requestCredit.charge(requestCredit.available - left);
      return outgoing.queue.mustQueue;
    };
    assertEquals([waits(2), waits(1), waits(0)], [false, false, true]);
    queued.requests = 1;
    assertEquals([waits(2), waits(1), waits(0)], [false, true, true]);
  },
);

Deno.test("what waits for HELLO is sent when it arrives", pure, () => {
  const lone = new Lone("client");
  const { outgoing, shared } = lone.session.enter(0);
  lone.session.start(undefined);
  const large = lone.call({ value: body(60_000) });
  const second = lone.call({ value: body(60_000) });
  const small = lone.call();
  for (let n = 0; n < 3; n++) {
    outgoing.notifyEncoded(NOTE, TABLES.calls[NOTE]!, body(30_000));
  }
  for (let n = 0; n < 20; n++) lone.write();
  assertEquals([second.call.sent, outgoing.queued > 0], [false, true]);
  assertEquals(outgoing.unsentNotifications > 0, true);
  lone.receive(Kind.HELLO, 0, hello("server"));
  for (let n = 0; n < 20; n++) lone.write();
  const calls = [large, second, small];
  assertEquals(calls.map(({ call }) => call.sent), [true, true, true]);
  assertEquals([outgoing.unsentNotifications, outgoing.queued], [0, 0]);
  assertEquals([shared.unfinished.bytes, heldBy(lone.session)], [
    0,
    HOLDS_NOTHING,
  ]);
});
