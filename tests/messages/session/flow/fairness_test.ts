/**
 * A link that one kind of traffic fills still carries every other kind: nothing
 * that a conforming peer does starves long messages, small calls or
 * notifications.
 *
 * @module
 */
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assert, assertEquals } from "@std/assert";
import {
  ASK,
  body,
  call,
  DOWN,
  Incoming,
  type Outgoing,
  readAll,
  UP,
} from "../session_calls.ts";
import { type Side, Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

/** About 3 MB/s. */
const SLOW = {
  latency: [20, 20] as const,
  capacity: 64 * 1024,
  chunk: 64 * 1024,
  take: Infinity,
};

const STREAMS = 16;
/** Inputs of this length request a long result. */
const WANTS_LONG = 2;
const LONG = 300_000;

/** Sends items without end, as credit and room allow. */
function pump(
  simulation: Simulation,
  side: Side,
  to: Outgoing | Incoming,
  item = body(8192),
) {
  const go = () => {
    const send = () =>
      sendItem(side.session.enter(simulation.now).shared, to.call, item, to);
    while (send() === "accepted") side.touch();
    side.touch();
  };
  to.onSendable = () => simulation.at(0, go);
  go();
}

/** Returns two sessions over a slow link. */
function slowLink(): Simulation {
  const simulation = new Simulation({ conditions: SLOW }).open();
  const { server } = simulation;
  server.handle = (incoming, input) => {
    const held = new Incoming(incoming, input);
    const { index } = incoming.method;
    if (index === UP) readAll(simulation, server, held);
    else if (index === DOWN) pump(simulation, server, held);
    else {
      const size = input.length === WANTS_LONG ? LONG : 64_000;
      server.session.enter(simulation.now).incoming.responses.respond(
        incoming,
        body(size),
        NO_FIELDS,
      );
    }
  };
  return simulation;
}

/** Returns a slow link that streams fill in one direction. */
function filled(method: typeof UP | typeof DOWN): Simulation {
  const simulation = slowLink();
  const { client } = simulation;
  for (let n = 0; n < STREAMS; n++) {
    const stream = call(simulation, client, { method, value: body(1) });
    if (method === DOWN) readAll(simulation, client, stream);
    else simulation.at(50, () => pump(simulation, client, stream));
  }
  simulation.advance(2000);
  const sender = method === DOWN ? simulation.server : client;
  const { unsent } = sender.pipe;
  assert(unsent > 64 * 1024, `${unsent} bytes wait: the link is not full`);
  return simulation;
}

/** Asserts that a call completes within seconds, while tens of MB are sent. */
function completes(simulation: Simulation, value: Uint8Array): void {
  const asked = call(simulation, simulation.client, { method: ASK, value });
  simulation.advance(5000);
  assertEquals([asked.results.length, asked.errors], [1, []]);
}

Deno.test("a long RESULT has its turns beside items", pure, () => {
  completes(filled(DOWN), body(WANTS_LONG));
});

Deno.test("a long REQUEST has its turns beside items", pure, () => {
  completes(filled(UP), body(200_000));
});

Deno.test("a long RESULT has its turns beside short ones", pure, () => {
  const simulation = slowLink();
  const ask = () => {
    const value = body(1);
    const asked = call(simulation, simulation.client, { method: ASK, value });
    asked.onResult = () => simulation.at(0, ask);
  };
  for (let n = 0; n < 64; n++) ask(); // each calls again as soon as it has its result
  simulation.advance(2000);
  completes(simulation, body(WANTS_LONG));
});

Deno.test("small calls succeed beside items", pure, () => {
  const simulation = filled(UP);
  const calls: Outgoing[] = [];
  for (let n = 0; n < 200; n++) {
    simulation.at(n * 17, () => {
      const value = body(10);
      calls.push(call(simulation, simulation.client, { method: ASK, value }));
    });
  }
  simulation.advance(10_000);
  assertEquals(calls.length, 200); // none was refused
  assertEquals(calls.flatMap(({ errors }) => errors), []);
  assert(calls.every(({ results }) => results.length === 1));
});

Deno.test("items have their turns beside long RESULTs", pure, () => {
  const simulation = slowLink();
  const { client } = simulation;
  const ask = () => {
    const value = body(WANTS_LONG);
    const asked = call(simulation, client, { method: ASK, value });
    asked.onResult = () => simulation.at(0, ask);
  };
  for (let n = 0; n < 16; n++) ask();
  simulation.advance(1000);
  const stream = call(simulation, client, { method: DOWN, value: body(1) });
  readAll(simulation, client, stream);
  simulation.advance(5000);
  assert(stream.items.length > 50, `${stream.items.length} items came`);
});

Deno.test("broadcast notifications may be sent beside items", pure, () => {
  const simulation = filled(DOWN);
  const { session } = simulation.server;
  let may = 0;
  for (let n = 0; n < 100; n++) {
    simulation.advance(13);
    if (session.mayNotify) may++;
  }
  assertEquals(may, 100);
});

/** Returns a link filled by responses of 4 MB; each is requested again on arrival. */
function filledByResults(): Simulation {
  const simulation = slowLink();
  const { client, server } = simulation;
  server.handle = (incoming) =>
    server.session.enter(simulation.now).incoming.responses.respond(
      incoming,
      body(4_000_000),
      NO_FIELDS,
    );
  client.handle = (incoming) =>
    client.session.enter(simulation.now).incoming.responses.respond(
      incoming,
      body(1),
      NO_FIELDS,
    );
  const ask = () => {
    const asked = call(simulation, client, { method: ASK, value: body(1) });
    asked.onResult = () => simulation.at(0, ask);
  };
  for (let n = 0; n < 4; n++) ask();
  simulation.advance(2000);
  return simulation;
}

Deno.test("broadcast notifications may be sent beside RESULTs", pure, () => {
  const simulation = filledByResults();
  let may = 0;
  for (let n = 0; n < 100; n++) {
    simulation.advance(13);
    if (simulation.server.session.mayNotify) may++;
  }
  assertEquals(may, 100);
});

Deno.test("calls succeed beside RESULTs that fill the link", pure, () => {
  const simulation = filledByResults();
  const { server } = simulation;
  const calls: Outgoing[] = [];
  for (let n = 0; n < 50; n++) {
    simulation.at(n * 17, () => {
      calls.push(call(simulation, server, { method: ASK, value: body(1) }));
    });
  }
  simulation.advance(10_000);
  assertEquals(calls.map(({ results }) => results.length), calls.map(() => 1));
});

Deno.test(
  "streams that wait for space take turns, including the one with the largest items",
  pure,
  () => {
    const limits = {
      maxAssembly: 512 * 1024,
      maxMessage: 512 * 1024,
      maxFrameBody: 16 * 1024,
      streamWindow: 4096,
      maxStreamWindow: 16 * 1024,
    };
    const simulation = new Simulation({ limits, conditions: SLOW }).open();
    const { client, server } = simulation;
    server.handle = (incoming, input) => {
      const item = body(input.length === WANTS_LONG ? LONG : 60_000);
      pump(simulation, server, new Incoming(incoming, input), item);
    };
    const streams = Array.from({ length: 41 }, (_, n) => {
      const value = body(n === 40 ? WANTS_LONG : 1);
      const stream = call(simulation, client, { method: DOWN, value });
      readAll(simulation, client, stream);
      return stream;
    });
    simulation.advance(20_000);
    const counts = streams.map(({ items }) => items.length);
    assert(Math.min(...counts) >= 3, `${counts} items came`);
    assert(
      Math.max(...counts) <= 3 * Math.min(...counts),
      `${counts} items came`,
    );
  },
);

Deno.test("notifications may be sent while calls are queued", pure, () => {
  const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
  const { client, server } = simulation;
  client.handle = (incoming, input) => void new Incoming(incoming, input);
  for (let n = 0; n < 33; n++) call(simulation, server, { value: body(1) });
  simulation.settle();
  const { queued } = server.session.outgoing;
  assertEquals([queued, server.session.mayNotify], [1, true]);
});
