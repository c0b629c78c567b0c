import { assertEquals } from "@std/assert";
import { body, call, DOWN, hold, TALK, UP } from "../session_calls.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "maySend is true from the end of the REQUEST until endItems()",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    hold(server);
    const up = call(simulation, client, { method: UP, value: body(600_000) });
    assertEquals([up.call.state, up.call.maySend, up.call.sent], [
      "open",
      false,
      false,
    ]);
    simulation.settle();
    assertEquals([up.call.maySend, up.sendable], [true, 1]);
    client.session.enter(simulation.now).outgoing.endItems(up.call);
    client.session.enter(simulation.now).outgoing.endItems(up.call);
    assertEquals([up.call.state, up.call.maySend], ["ended", false]);
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
  assertEquals([made.on("send"), made.on("end"), made.state], [
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
