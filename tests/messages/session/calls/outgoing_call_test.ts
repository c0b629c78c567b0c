import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { Lone, message, request } from "../lone_session.ts";
import { ASK, body, call, DOWN, hold, TALK, UP } from "../session_calls.ts";
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

Deno.test(
  "a command that the state does not allow has no effect",
  pure,
  () => {
    const lone = Lone.open("client");
    const made = lone.call({ method: ASK });
    const { outgoing } = lone.session.enter(0);
    lone.sent();
    outgoing.endItems(made.call); // it sends no items
    assertEquals([lone.sentKinds(), made.call.state], [[], "ended"]);
    lone.receive(Kind.RESULT, 1, message());
    outgoing.giveUp(made.call, { code: "cancelled", message: "too late" });
    outgoing.endItems(made.call);
    assertEquals([lone.sentKinds(), made.call.state], [[], "done"]);
    assertEquals([made.results.length, made.errors], [1, []]);
  },
);

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

Deno.test("both ends count calls by how they ended", pure, () => {
  const server = Lone.open("server");
  const client = Lone.open("client");
  const ends = ["ok", "no", "no", "yes", "maybe", "maybe"] as const;
  for (const [index, end] of ends.entries()) {
    const id = 2 * index + 1;
    client.call();
    server.receive(Kind.REQUEST, id, request(ASK, body(1)));
    const { responses } = server.session.enter(0).incoming;
    const { call } = server.calls[index]!;
    if (end === "ok") responses.respond(call, body(1), NO_FIELDS);
    else {
      const code = end === "no" ? "overloaded" : "internal";
      responses.fail(call, new CallError("", { code, processed: end }));
    }
    for (const { kind, id, body } of server.sent()) {
      if (kind === Kind.RESULT || kind === Kind.ERROR) {
        client.receive(kind, id, body);
      }
    }
  }
  for (
    const counted of [
      client.session.stats.callsMade,
      server.session.stats.callsHandled,
    ]
  ) {
    const { ok, refused, failed } = counted;
    assertEquals({ ok, refused, failed }, { ok: 1, refused: 2, failed: 3 });
  }
});

Deno.test(
  "checkPosition() accepts rising numbers, and another numbering only if it is announced",
  pure,
  () => {
    const { call } = Lone.open("client").call({ method: DOWN });
    const check = (epoch: number, number: number, joins = false) => () =>
      call.checkPosition({ epoch, number }, joins);
    check(1, 5)();
    for (const wrong of [check(1, 5), check(1, 4), check(2, 6)]) {
      assertThrows(wrong, MalformedError, "its position is out of order");
    }
    call.checkPosition(undefined, false); // an item without a position
    check(1, 6)();
    assertThrows(check(1, 6), MalformedError);
    check(2, 3, true)();
    check(2, 4)();
    assertThrows(check(1, 7), MalformedError);
  },
);
