import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  readAll,
  sendAll,
} from "./session_calls.ts";
import { Simulation } from "./simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test("Simulation carries a call and its result", pure, () => {
  const simulation = new Simulation().open();
  const { client, server } = simulation;
  server.handle = (incoming, input) =>
    server.session.enter(simulation.now).incoming.responses.respond(
      incoming,
      input.slice(),
      NO_FIELDS,
    );
  const asked = call(simulation, client, { method: ASK, value: body(10, 3) });
  simulation.settle();
  assertEquals(asked.results, [body(10, 3)]);
});

Deno.test("Simulation carries a stream of items", pure, () => {
  const simulation = new Simulation().open();
  const { client, server } = simulation;
  const held = hold(server);
  const down = call(simulation, client, { method: DOWN, value: body(1) });
  simulation.settle();
  readAll(simulation, client, down);
  const items = Array.from({ length: 50 }, (_, n) => body(5000 + n, n));
  sendAll(simulation, server, held[0]!, items, () => {
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      undefined,
      NO_FIELDS,
    );
  });
  simulation.settle();
  assertEquals(down.settled, 1);
  assertEquals(down.items, items);
});
