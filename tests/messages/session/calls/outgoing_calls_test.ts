import { accountsOf, heldBy, HOLDS_NOTHING, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import {
  Kind,
  MAX_ID,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { encodeGoaway } from "../../../../lib/messages/session/wire/goaway.ts";
import { frame, Lone } from "../lone_session.ts";
import { Account } from "../../../../lib/messages/session/flow/credit.ts";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  NOTE,
  notify,
  UP,
} from "../session_calls.ts";
import { Simulation, SMOOTH, TABLES } from "../simulation.ts";

const pure = { permissions: "none" } as const;
const SLOW = { ...SMOOTH, latency: [50, 50] as const };

Deno.test(
  "giveUp() notifies the observer at once, sends CANCEL, and keeps the slot until the reply",
  pure,
  () => {
    const simulation = new Simulation({ conditions: SLOW }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const asked = call(simulation, client, { value: body(1), timeout: 9000 });
    simulation.settle();
    const { session } = client;
    session.enter(simulation.now).outgoing.giveUp(asked.call, {
      code: "cancelled",
      message: "no",
      cause: 7,
    });
    session.enter(simulation.now).outgoing.giveUp(asked.call, {
      code: "cancelled",
      message: "no",
    });
    assertEquals([asked.error.code, asked.error.processed, asked.error.cause], [
      "cancelled",
      "maybe",
      7,
    ]);
    assertEquals([inFlightOf(session).outgoing, accountsOf(session).timers], [
      1,
      0,
    ]);
    simulation.settle();
    assertEquals([held[0]?.cancels, inFlightOf(session).outgoing], [
      ["cancelled"],
      1,
    ]);
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      body(1),
      NO_FIELDS,
    );
    simulation.settle();
    assertEquals([
      inFlightOf(session).outgoing,
      asked.settled,
      session.stats.lateFrames,
    ], [0, 1, 1]);
  },
);

Deno.test(
  "expire() ends a call at both ends, each by its own clock",
  pure,
  () => {
    const simulation = new Simulation({ conditions: SLOW }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const asked = call(simulation, client, { value: body(1), timeout: 200 });
    simulation.advance(205);
    assertEquals([asked.error.code, held[0]?.cancels], ["deadline", []]);
    simulation.advance(60);
    assertEquals([held[0]?.call.fields.timeout, held[0]?.cancels], [200, [
      "deadline",
    ]]);
  },
);

Deno.test(
  "end() settles every call once; calls that were not sent are not processed",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    hold(server);
    const left = call(simulation, client, { value: body(1), timeout: 500 });
    simulation.settle();
    client.pipe.stalled = true;
    const stays = call(simulation, client, { method: DOWN, value: body(1) });
    const half = call(simulation, client, {
      method: UP,
      value: body(900_000),
    });
    const queued = call(simulation, client, { value: body(1) });
    simulation.settle();
    simulation.cut();
    simulation.settle();
    const all = [left, stays, half, queued];
    assertEquals(all.map(({ error }) => error.processed), [
      "maybe",
      "no",
      "no",
      "no",
    ]);
    assertEquals(all.map(({ error }) => error.retry), [
      "never",
      "now",
      "now",
      "now",
    ]);
    assertEquals(
      all.map(({ error }) => error.code),
      new Array(4).fill("disconnected"),
    );
    assertEquals(inFlightOf(client.session), {
      outgoing: 0,
      incoming: 0,
      queued: 0,
    });
    assertEquals(heldBy(client.session), HOLDS_NOTHING);
    const error = assertThrows(() => call(simulation, client), CallError);
    assertEquals([error.code, error.processed, error.method], [
      "disconnected",
      "no",
      "ask",
    ]);
  },
);

Deno.test(
  "end() marks calls that are flushed with the GOAWAY as maybe processed",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const asked = call(simulation, client, { value: body(1) });
    client.session.enter(simulation.now).close(); // in the same turn
    assertEquals([asked.error.processed, client.session.sentGoaway], [
      "maybe",
      true,
    ]);
    simulation.settle();
    assertEquals(held.length, 1);
  },
);

Deno.test(
  "refuseAbove() fails calls above the last id as not processed; the others continue",
  pure,
  () => {
    const simulation = new Simulation({ limits: { maxCalls: 32 } }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 34 },
      () => call(simulation, client, { value: body(1) }),
    );
    simulation.settle();
    const say = (lastId: number) => {
      const drain = { code: "drain", lastId, message: "" } as const;
      client.receive(frame(Kind.GOAWAY, 0, encodeGoaway(drain)));
    };
    say(MAX_ID);
    assertEquals(
      calls.map(({ settled }) => settled).indexOf(1),
      32,
    ); // the queued calls
    say(5);
    const errors = calls.slice(3).map(({ error }) => error);
    assertEquals(
      new Set(
        errors.map(({ code, processed, retry }) =>
          `${code} ${processed} ${retry}`
        ),
      ),
      new Set(["unavailable no now"]),
    );
    assertThrows(
      () => call(simulation, client),
      CallError,
      "the peer accepts no new calls",
    );
    server.session.enter(simulation.now).incoming.responses.respond(
      held[0]!.call,
      body(2),
      NO_FIELDS,
    );
    server.session.enter(simulation.now).incoming.responses.respond(
      held[20]!.call,
      body(2),
      NO_FIELDS,
    );
    simulation.settle();
    assertEquals([calls[0]?.results.length, client.session.stats.lateFrames], [
      1,
      1,
    ]);
    assertEquals([client.peerDraining, client.ended], [true, false]);
  },
);

for (
  const [how, refuse] of [
    ["the peer drains", (lone: Lone) => {
      const drain = { code: "drain", lastId: 1, message: "" } as const;
      lone.receive(Kind.GOAWAY, 0, encodeGoaway(drain));
    }],
    ["this side drains", (lone: Lone) => lone.session.enter(0).drain()],
    ["the session ends", (lone: Lone) => lone.session.enter(0).close()],
  ] as const
) {
  Deno.test(
    `a queued call is not sent after it has failed because ${how}`,
    pure,
    () => {
      const lone = Lone.open("client", {}, { maxAssembly: 100_000 });
      lone.sink.open = false;
      const begun = lone.call({ value: body(600_000) }); // exceeds the unsent bytes
      const large = lone.call({ value: body(200_000) });
      const next = lone.call({ value: body(150_000) });
      assertEquals(new Set(lone.sentKinds()), new Set(["REQUEST 1 +"]));
      refuse(lone);
      for (let n = 0; n < 100; n++) lone.write();
      for (const { error } of [large, next]) {
        assertEquals(error.processed, "no");
      }
      const requests = lone.sent().filter(({ kind }) => kind === Kind.REQUEST);
      assertEquals(requests.filter(({ id }) => id > 1), []);
      assertEquals(
        requests.at(-1)?.more,
        how === "the session ends" ? undefined : false,
      );
      assertEquals(begun.settled, how === "the session ends" ? 1 : 0);
    },
  );
}

Deno.test(
  "a reply before the REQUEST is complete fails the call as not processed",
  pure,
  () => {
    for (const kind of [Kind.RESULT, Kind.ERROR]) {
      const lone = Lone.open("client");
      lone.sink.open = false;
      const begun = lone.call({ value: body(600_000) });
      lone.receive(kind, 1, [0, 0]);
      assertEquals([begun.error.code, begun.error.processed], [
        "malformed",
        "no",
      ]);
    }
  },
);

Deno.test(
  "open() and notify() queue what they are given while unsentSoft is exceeded",
  pure,
  () => {
    const simulation = new Simulation({ limits: { unsentSoft: 65536 } }).open();
    const { client, server } = simulation;
    let notes = 0;
    server.notified = () => notes++;
    client.pipe.stalled = true;
    const calls = [40_000, 40_000, 1].map((size) =>
      call(simulation, client, { value: body(size) })
    );
    assertEquals(notify(simulation, client, body(1)), undefined); // accepted
    assertEquals(inFlightOf(client.session).queued, 2);
    client.pipe.resume();
    simulation.settle();
    assertEquals(calls.map(({ results }) => results.length), [1, 1, 1]);
    assertEquals(notes, 1);
  },
);

Deno.test(
  "open() throws too-large for a message above the peer's limit",
  pure,
  () => {
    const simulation = new Simulation({ serverLimits: { maxMessage: 65536 } })
      .open();
    const { client } = simulation;
    const error = assertThrows(() =>
      call(simulation, client, {
        method: ASK,
        value: body(65537),
        timeout: 10,
      }), CallError);
    assertEquals([error.code, error.processed], ["too-large", "no"]);
    assertThrows(() => call(simulation, client, { value: "no bytes" }));
    assertEquals(inFlightOf(client.session).outgoing, 0);
    assertEquals(accountsOf(client.session).timers, 0);
  },
);

Deno.test(
  "only the result of a call that was sent shows that it has arrived",
  pure,
  () => {
    const { writer } = Lone.open("client").session.shared;
    assertEquals(writer.arrived, 0);
    for (
      const [kind, sends, arrives] of [
        [Kind.RESULT, true, true],
        [Kind.RESULT, false, false], // malformed
        [Kind.ERROR, true, false], // may have been refused before
        [Kind.ERROR, false, false],
      ] as const
    ) {
      const lone = Lone.open("client");
      if (!sends) lone.sink.leaveUnsent(300_000); // room for one frame
      const { call } = lone.call({ value: body(sends ? 10 : 600_000) });
      assertEquals([call.started, call.sent], [true, sends]);
      const { writer } = lone.session.shared;
      const reply = kind === Kind.RESULT ? [0, 0] : [1, 0, 0, 0, 0, 0, 0];
      lone.receive(kind, call.id, reply);
      assertEquals(writer.arrived, arrives ? call.requestEnd : 0);
    }
  },
);

Deno.test(
  "CANCEL says whether the deadline has passed",
  pure,
  () => {
    const lone = Lone.open("client");
    for (const code of ["deadline", "cancelled", "malformed"] as const) {
      const { call } = lone.call();
      lone.sent();
      lone.session.enter(0).outgoing.giveUp(call, {
        code,
        message: "given up",
      });
      const [cancel] = lone.sent();
      assertEquals([cancel?.kind, [...cancel!.body]], [Kind.CANCEL, [
        code === "deadline" ? 1 : 0,
      ]]);
      lone.receive(Kind.CREDIT, call.id, new Uint8Array(8)); // late, and without effect
      lone.receive(Kind.RESULT, call.id, [0, 0]);
      assertEquals(
        [lone.ends, lone.sent(), inFlightOf(lone.session).outgoing],
        [[], [], 0],
      );
    }
  },
);

Deno.test(
  "frames that come before a call was sent are faults of the peer",
  pure,
  () => {
    for (const kind of [Kind.CREDIT, Kind.ITEM, Kind.RESULT]) {
      const lone = Lone.open("client");
      lone.sink.leaveUnsent(300_000); // room for one frame
      const talk = lone.call({ method: UP, value: body(600_000) });
      assertEquals([talk.call.started, talk.call.sent], [true, false]);
      lone.receive(
        kind,
        talk.call.id,
        kind === Kind.CREDIT ? new Uint8Array(8) : [0, 0],
      );
      assertEquals([talk.error.code, talk.error.processed], [
        "malformed",
        "no",
      ]);
      assertEquals(lone.session.stats.malformedCalls, 1);
    }
    for (const id of [0, 3, 5]) { // 1 is in flight
      const lone = Lone.open("client");
      lone.call();
      lone.receive(Kind.CREDIT, id, new Uint8Array(8));
      assertEquals(lone.error.code, "protocol", `${id}`);
    }
  },
);

Deno.test(
  "refuseAbove() cancels only calls that the peer has begun to receive",
  pure,
  () => {
    const lone = Lone.open("client");
    const whole = lone.call();
    const left = lone.call();
    lone.session.enter(0).outgoing.giveUp(left.call, {
      code: "cancelled",
      message: "",
    });
    lone.sink.leaveUnsent(300_000);
    const begun = lone.call({ value: body(600_000) });
    const waits = lone.call({ value: body(600_000) });
    assertEquals([begun.call.sent, waits.call.started], [false, false]);
    lone.sent();
    const goaway = { code: "drain", lastId: 0, message: "" } as const;
    lone.receive(Kind.GOAWAY, 0, encodeGoaway(goaway));
    assertEquals(
      [whole, begun, waits].map(({ error }) => [error.code, error.processed]),
      Array(3).fill(["unavailable", "no"]),
    );
    assertEquals(lone.sentKinds(), [`CANCEL ${begun.call.id}`]);
    assertEquals(left.errors.length, 1);
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test(
  "mayNotify and onRoom() say when a notification is sent at once",
  pure,
  () => {
    const lone = Lone.open("client", {}, { notifyWindow: 16_384 });
    const { outgoing } = lone.session;
    const state = () => [lone.session.mayNotify, lone.rooms];
    assertEquals(state(), [true, 0]);
    const info = TABLES.calls[NOTE]!;
    const credit = (bytes: number) => {
      const grant = new Uint8Array(8);
      new DataView(grant.buffer).setBigUint64(0, BigInt(bytes));
      lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, grant);
    };
    outgoing.notifyEncoded(NOTE, info, body(16_384));
    assertEquals(state(), [false, 0]);
    credit(16_384 + 68); // exactly what was charged
    assertEquals(state(), [false, 0]);
    credit(16_384 + 69);
    assertEquals(state(), [true, 1]);
    lone.sink.leaveUnsent(lone.session.limits.unsentSoft / 4);
    outgoing.notifyEncoded(NOTE, info, body(1));
    credit(10 ** 6);
    const after = lone.rooms;
    lone.sink.leaveUnsent(lone.session.limits.unsentSoft);
    assertEquals(lone.session.mayNotify, false, "too much is unsent");
    lone.write();
    assertEquals([lone.session.mayNotify, lone.rooms > after], [true, true]);
    lone.session.enter(0).close();
    assertEquals(lone.session.mayNotify, false);
  },
);
