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

Deno.test("a simulation carries a call there and back", pure, () => {
  const simulation = new Simulation().open();
  const { dialler, listener } = simulation;
  listener.handle = (incoming, input) =>
    listener.session.respond(incoming, input.slice(), simulation.now);
  const asked = call(simulation, dialler, { method: ASK, value: body(10, 3) });
  simulation.settle();
  assertEquals(asked.results, [body(10, 3)]);
});

Deno.test("a simulation carries a stream of items", pure, () => {
  const simulation = new Simulation().open();
  const { dialler, listener } = simulation;
  const held = hold(listener);
  const down = call(simulation, dialler, { method: DOWN, value: body(1) });
  simulation.settle();
  readAll(simulation, dialler, down);
  const items = Array.from({ length: 50 }, (_, n) => body(5000 + n, n));
  sendAll(simulation, listener, held[0]!, items, () => {
    listener.session.respond(held[0]!.call, undefined, simulation.now);
  });
  simulation.settle();
  assertEquals(down.settled, 1);
  assertEquals(down.items, items);
});
