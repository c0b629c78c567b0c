import { assertEquals } from "@std/assert";
import { body, call, DOWN, hold, TALK, UP } from "../session_calls.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "maySendItems is true until endItems(), also while the REQUEST is being sent",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    hold(server);
    const up = call(simulation, client, { method: UP, value: body(600_000) });
    assertEquals([up.call.state, up.call.maySendItems, up.call.sent], [
      "open",
      true,
      false,
    ]);
    simulation.settle();
    assertEquals([up.call.maySendItems, up.call.sent], [true, true]);
    client.session.enter(simulation.now).outgoing.endItems(up.call);
    client.session.enter(simulation.now).outgoing.endItems(up.call);
    assertEquals([up.call.state, up.call.maySendItems], ["ended", false]);
  },
);

Deno.test("OutgoingCall of a shape without items starts as ended", pure, () => {
  const simulation = new Simulation().open();
  const { client } = simulation;
  const states = [0, DOWN, UP, TALK].map((method) => {
    const made = call(simulation, client, { method, value: body(1) }).call;
    return [made.state, made.receiveWindow !== undefined];
  });
  assertEquals(states, [["ended", false], ["ended", true], ["open", false], [
    "open",
    true,
  ]]);
});

Deno.test("on() ignores an event that the state does not list", pure, () => {
  const simulation = new Simulation().open();
  const { call: made } = call(simulation, simulation.client, {
    value: body(1),
  });
  assertEquals([made.on("settle"), made.on("end"), made.state], [
    false,
    false,
    "ended",
  ]);
  simulation.settle();
  assertEquals([made.on("cancel"), made.on("terminal"), made.state], [
    false,
    false,
    "done",
  ]);
});

Deno.test(
  "started is true once a call has an id, and sent once its REQUEST has left",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { client, server } = simulation;
    const held = hold(server);
    for (let n = 0; n < 32; n++) call(simulation, client, { value: body(1) });
    const { call: waits } = call(simulation, client, { value: body(1) });
    simulation.settle();
    assertEquals([waits.id, waits.started, waits.sent], [0, false, false]);
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      body(1),
      NO_FIELDS,
    );
    simulation.settle();
    assertEquals([waits.id, waits.started, waits.sent], [65, true, true]);
  },
);
