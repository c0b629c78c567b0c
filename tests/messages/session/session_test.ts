import { accountsOf, HOLDS_NOTHING, inFlightOf } from "./accounts.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, call, hold, NOTE } from "./session_calls.ts";
import { goawayOf, Lone, request } from "./lone_session.ts";
import { Simulation, TABLES } from "./simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "call() works in both directions at once, with separate ids",
  pure,
  () => {
    const simulation = new Simulation().open();
    const [one, other] = simulation.sides.map((side) =>
      call(simulation, side, { value: body(1) })
    );
    simulation.settle();
    assertEquals([one?.call.id, other?.call.id], [1, 2]);
    assertEquals([one?.results.length, other?.results.length], [1, 1]);
  },
);

Deno.test(
  "call() throws unavailable before the handshake allows calls",
  pure,
  () => {
    for (const role of ["client", "server"] as const) {
      const lone = new Lone(role);
      assertEquals(
        assertThrows(() => lone.call(), CallError).code,
        "unavailable",
      );
      assertEquals(lone.sentKinds(), []);
    }
  },
);

Deno.test(
  "notify() of an unserved method throws without a round trip",
  pure,
  () => {
    const lone = Lone.open("client", {}, {
      mismatches: [{ method: NOTE, reason: "missing" }],
    });
    const message = {
      method: NOTE,
      info: TABLES.calls[NOTE]!,
      value: body(1),
      hasValue: true,
      timeout: Infinity,
      fields: NO_FIELDS,
    };
    const error = assertThrows(
      () => lone.session.enter(0).outgoing.notify(message),
      CallError,
    );
    assertEquals([error.code, error.method, lone.sentKinds()], [
      "unimplemented",
      "note",
      [],
    ]);
  },
);

Deno.test(
  "notifyEncoded() rejects a body over the peer's maxMessage",
  pure,
  () => {
    const lone = Lone.open("client", {}, { maxMessage: 65_536 });
    const entered = lone.session.enter(0).outgoing;
    const send = (length: number) =>
      entered.notifyEncoded(NOTE, TABLES.calls[NOTE]!, body(length));
    const { code } = assertThrows(() => send(65_537), CallError);
    assertEquals([code, lone.sent().length], ["too-large", 0]);
    send(65_536);
    assertEquals(lone.sent().length > 0, true);
  },
);

Deno.test(
  "notifyEncoded() sends an encoded body, in several frames if it is large",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const notes: number[] = [];
    client.notified = (_, note) => notes.push(note.length);
    assertEquals(server.session.mayNotify, true);
    for (const size of [3, 400_000]) {
      server.session.enter(simulation.now).outgoing.notifyEncoded(
        NOTE,
        TABLES.calls[NOTE]!,
        body(size),
      );
    }
    simulation.settle();
    assertEquals([notes, client.ends], [[3, 400_000], []]);
  },
);

Deno.test(
  "close() sends the id of the last call that has begun, once",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).close();
    lone.session.enter(0).close();
    lone.session.enter(0).inputEnded(undefined);
    lone.session.enter(0).expel("too-many", "again");
    assertEquals(lone.sent().map(goawayOf), [{ code: 0, lastId: 1 }]);
    assertEquals([lone.ends, lone.session.wakeAt, lone.calls[0]?.cancels], [
      [undefined],
      Infinity,
      ["disconnected"],
    ]);
    lone.receive(Kind.REQUEST, 3, request(ASK));
    lone.session.enter(0).written();
    lone.session.enter(1e9).tick();
    assertEquals([lone.calls.length, lone.sent()], [1, []]);
  },
);

Deno.test(
  "expel() and framingFailed() send the reason to the peer",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.session.enter(0).expel("too-many", "slow");
    assertEquals([goawayOf(lone.sent()[0]!).code, lone.error.code], [
      6,
      "too-many",
    ]);
    const other = Lone.open("server");
    other.session.enter(0).framingFailed("no frames");
    assertEquals([goawayOf(other.sent()[0]!).code, other.error.code], [
      1,
      "protocol",
    ]);
  },
);

Deno.test(
  "receiveGoaway() of a closed session is an orderly end, with or without calls",
  pure,
  () => {
    for (const inFlight of [true, false]) {
      const simulation = new Simulation().open();
      const { client, server } = simulation;
      hold(server);
      const calls = inFlight ? [call(simulation, client)] : [];
      simulation.settle();
      server.session.enter(simulation.now).close();
      simulation.settle();
      assertEquals([client.ends, client.peerDraining], [[undefined], false]);
      for (const { error: { code, processed, retry } } of calls) {
        assertEquals([code, processed, retry], [
          "disconnected",
          "maybe",
          "never",
        ]);
      }
    }
  },
);

Deno.test("inputEnded() without a GOAWAY that closes is a lost connection", {
  ...pure,
}, () => {
  for (const drains of [true, false]) {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    hold(server);
    call(simulation, client, { value: body(1) });
    simulation.settle();
    if (drains) server.session.enter(simulation.now).drain();
    simulation.settle();
    client.inputEnded(undefined);
    assertEquals(client.ends[0]?.code, "disconnected");
  }
});

Deno.test("accounts of an idle session hold the full credit", pure, () => {
  const { session } = Lone.open("client");
  const accounts = accountsOf(session);
  assertEquals(accounts, {
    ...accounts,
    ...HOLDS_NOTHING,
    requestCredit: 4 * 2 ** 20,
    notifyCredit: 2 ** 20,
    itemCredit: 4 * 2 ** 20,
    requestsGranted: 4 * 2 ** 20,
    notificationsGranted: 2 ** 20,
    itemsGranted: 4 * 2 ** 20,
    raisePool: 4 * 2 ** 20,
  });
  assertEquals(inFlightOf(session), { outgoing: 0, incoming: 0, queued: 0 });
});
