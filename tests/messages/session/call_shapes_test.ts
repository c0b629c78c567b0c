import { assertEquals } from "@std/assert";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  notify,
  sendAll,
  TALK,
} from "./session_calls.ts";
import { Simulation } from "./simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "the five shapes carry bodies in both directions, including empty ones",
  pure,
  () => {
    for (const from of [0, 1] as const) {
      const simulation = new Simulation().open();
      const [caller, callee] = [
        simulation.sides[from]!,
        simulation.sides[1 - from]!,
      ];
      const held = hold(callee);
      const notes: Uint8Array[] = [];
      callee.notified = (_, note) => notes.push(note.slice());
      notify(simulation, caller, body(0));
      const empty = call(simulation, caller, { method: ASK, value: body(0) });
      const talk = call(simulation, caller, { method: TALK });
      sendAll(
        simulation,
        caller,
        talk,
        [body(0), body(2)],
        () => caller.session.endItems(talk.call, simulation.now),
      );
      simulation.settle();
      assertEquals([
        notes,
        held.map(({ input }) => input.length),
      ], [[body(0)], [0, 0]]);
      callee.session.respond(held[0]!.call, body(0), simulation.now);
      assertEquals(
        callee.session.takeItem(held[1]!.call, simulation.now),
        body(0),
      );
      assertEquals(
        callee.session.takeItem(held[1]!.call, simulation.now),
        body(2),
      );
      assertEquals([
        callee.session.takeItem(held[1]!.call, simulation.now),
        held[1]?.itemsEnded,
      ], [undefined, true]);
      callee.session.respond(held[1]!.call, undefined, simulation.now);
      simulation.settle();
      assertEquals([empty.results, talk.results], [[body(0)], [body(0)]]);
    }
  },
);

Deno.test("takeItem() returns received items after the result", pure, () => {
  const simulation = new Simulation().open();
  const { client, server } = simulation;
  const held = hold(server);
  const down = call(simulation, client, { method: DOWN, value: body(1) });
  simulation.settle();
  sendAll(simulation, server, held[0]!, [body(1), body(2)]);
  server.session.respond(held[0]!.call, undefined, simulation.now);
  simulation.settle();
  const taken = [1, 2, 3].map(() =>
    client.session.takeItem(down.call, simulation.now)?.length
  );
  assertEquals([down.results.length, taken], [1, [1, 2, undefined]]);
  assertEquals(
    client.session.accounts.creditPool,
    client.session.limits.connectionWindow,
  );
});
