import { accountsOf } from "./accounts.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
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
        () => caller.session.enter(simulation.now).outgoing.endItems(talk.call),
      );
      simulation.settle();
      assertEquals([
        notes,
        held.map(({ input }) => input.length),
      ], [[body(0)], [0, 0]]);
      callee.session.enter(simulation.now).incoming.responses.respond(
        held[0]!.call,
        body(0),
        NO_FIELDS,
      );
      assertEquals(
        takeItem(callee.session.enter(simulation.now).shared, held[1]!.call),
        body(0),
      );
      assertEquals(
        takeItem(callee.session.enter(simulation.now).shared, held[1]!.call),
        body(2),
      );
      assertEquals([
        takeItem(callee.session.enter(simulation.now).shared, held[1]!.call),
        held[1]?.itemsEnded,
      ], [undefined, true]);
      callee.session.enter(simulation.now).incoming.responses.respond(
        held[1]!.call,
        undefined,
        NO_FIELDS,
      );
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
  server.session.enter(simulation.now).incoming.responses.respond(
    held[0]!.call,
    undefined,
    NO_FIELDS,
  );
  simulation.settle();
  const taken = [1, 2, 3].map(() =>
    takeItem(client.session.enter(simulation.now).shared, down.call)?.length
  );
  assertEquals([down.results.length, taken], [1, [1, 2, undefined]]);
  assertEquals(
    accountsOf(client.session).raisePool,
    client.session.limits.itemsWindow,
  );
});
