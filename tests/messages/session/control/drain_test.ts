import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals, assertThrows } from "@std/assert";
import {
  CallError,
  SESSION_ERROR_CODES,
} from "../../../../lib/messages/errors/call_error.ts";
import { Drain } from "../../../../lib/messages/session/control/drain.ts";
import {
  Flag,
  Kind,
  MAX_ID,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { decodeError } from "../../../../lib/messages/session/wire/error_frame.ts";
import { decodeGoaway } from "../../../../lib/messages/session/wire/goaway.ts";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { ASK, body, call, hold, notify } from "../session_calls.ts";
import { frame, goawayOf, Lone, request } from "../lone_session.ts";
import { Simulation, SMOOTH } from "../simulation.ts";

const DRAIN = SESSION_ERROR_CODES.indexOf("drain");
const pure = { permissions: "none" } as const;

Deno.test("Drain passes through its stages in order, once", pure, () => {
  const log: string[] = [];
  let idle = false;
  const drain = new Drain({
    sendGoaway: (lastId) =>
      log.push(`goaway ${lastId === MAX_ID ? "max" : lastId}`),
    ping: () => 7,
    stopAccepting: () => 5,
    endCalls: () => log.push("end calls"),
    get idle() {
      return idle;
    },
    onDrained: () => log.push("drained"),
  });
  drain.onPong(9);
  drain.begin(100);
  drain.onPong(6);
  drain.finishIfIdle();
  drain.onPong(7);
  drain.onPong(7);
  idle = true;
  drain.finishIfIdle();
  drain.finishIfIdle();
  assertEquals(log, ["goaway max", "goaway 5", "drained"]);
  assertEquals([drain.stage, drain.deadline], ["over", Infinity]);
});

Deno.test(
  "drain() sends two GOAWAYs and waits for calls in flight",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).drain();
    const [first, ping] = lone.sent();
    assertEquals([goawayOf(first!), ping?.kind], [
      { code: DRAIN, lastId: MAX_ID },
      Kind.PING,
    ]);
    lone.receive(Kind.REQUEST, 3, request(ASK)); // was in transit
    lone.receive(Kind.PONG, 0, ping!.body);
    assertEquals(goawayOf(lone.sent()[0]!), { code: DRAIN, lastId: 3 });
    lone.receive(Kind.REQUEST, 5, request(ASK)); // above the last id: dropped
    assertEquals([lone.calls.length, lone.session.stats.lateFrames], [2, 1]);
    for (const { call } of lone.calls) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(1),
        NO_FIELDS,
      );
    }
    lone.write();
    assertEquals([lone.drained, lone.ends], [1, [undefined]]);
  },
);

Deno.test(
  "drain() ends both sides orderly and loses no notification",
  pure,
  () => {
    const simulation = new Simulation({
      conditions: { ...SMOOTH, capacity: 4096, latency: [5, 9] },
    }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const notes: number[] = [];
    server.notified = (_, note) => notes.push(note.length);
    const asked = call(simulation, client, { value: body(9) });
    simulation.settle();
    notify(simulation, client, body(300_000));
    client.session.enter(simulation.now).drain();
    const refused = (() => {
      try {
        call(simulation, client);
      } catch (error) {
        return error;
      }
    })();
    assertEquals(refused instanceof CallError && refused.code, "unavailable");
    simulation.at(
      300,
      () =>
        server.session.enter(simulation.now).incoming.responses.respond(
          held[0]!.call,
          body(3),
          NO_FIELDS,
        ),
    );
    simulation.settle();
    assertEquals([asked.results, notes], [[body(3)], [300_000]]);
    assertEquals([client.ends, server.ends, server.peerDraining], [
      [undefined],
      [undefined],
      true,
    ]);
  },
);

Deno.test("drain() works on both sides at once", pure, () => {
  const simulation = new Simulation().open();
  for (const side of simulation.sides) {
    side.session.enter(simulation.now).drain();
  }
  simulation.settle();
  for (const side of simulation.sides) {
    assertEquals([side.ends, side.drained], [[undefined], true]);
  }
});

Deno.test("drain() ends after drainGrace even without a PONG", pure, () => {
  const lone = Lone.open("server", { drainGrace: 500 });
  lone.receive(Kind.REQUEST, 1, request(ASK));
  lone.session.enter(0).drain();
  lone.advance(499);
  assertEquals(lone.drained, 0);
  lone.advance(1);
  assertEquals([lone.drained, lone.calls[0]?.cancels, lone.ends], [1, [
    "unavailable",
  ], [undefined]]);
});

Deno.test("drain() before the end of the handshake ends at once", pure, () => {
  for (const role of ["client", "server"] as const) {
    const lone = new Lone(role);
    if (role === "client") lone.session.enter(0).start(undefined);
    lone.session.enter(0).drain();
    assertEquals([lone.drained, lone.ends], [1, [undefined]]);
  }
});

Deno.test(
  "drain() lets a request that has begun finish, and refuses it after the grace",
  pure,
  () => {
    for (const how of ["finishes", "does not finish"] as const) {
      const lone = Lone.open("server", { drainGrace: 500 });
      lone.receive(Kind.REQUEST, 1, request(ASK, [1]), Flag.MORE);
      lone.session.enter(0).drain();
      const ping = lone.sent().find(({ kind }) => kind === Kind.PING)!;
      lone.receive(Kind.PONG, 0, ping.body);
      assertEquals(goawayOf(lone.sent()[0]!).lastId, 1);
      assertEquals(lone.drained, 0, "the request is in flight");
      if (how === "finishes") {
        lone.receive(Kind.REQUEST, 1, [2]);
        assertEquals(lone.calls.length, 1);
        continue;
      }
      lone.advance(500);
      const [error, closed] = lone.sent();
      assertEquals([error?.kind, error?.id], [Kind.ERROR, 1]);
      const { code, processed, retry } = decodeError(
        error!.body,
        bytes(),
        "ask",
      );
      assertEquals([code, processed, retry], ["unavailable", "no", "now"]);
      assertEquals(goawayOf(closed!), { code: 0, lastId: 1 });
    }
  },
);

Deno.test(
  "drain() ends running calls with unavailable after the grace",
  pure,
  () => {
    const lone = Lone.open("server", { drainGrace: 500 });
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).drain();
    lone.sent();
    lone.advance(500);
    const [error] = lone.sent();
    const { code, processed } = decodeError(error!.body, bytes(), "ask");
    assertEquals([code, processed], ["unavailable", "maybe"]);
  },
);

Deno.test(
  "drain() sends its code, pause and spread in both GOAWAYs",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.session.enter(0).drain({ code: "age", retryAfter: 250, spread: 2000 });
    const [ping] = lone.sent().filter(({ kind }) => kind === Kind.PING);
    lone.receive(Kind.PONG, 0, ping!.body);
    const [second] = lone.sent();
    const { code, retryAfter, spread } = decodeGoaway(
      frame(Kind.GOAWAY, 0, second!.body),
    );
    assertEquals([code, retryAfter, spread], ["age", 250, 2000]);
  },
);

Deno.test(
  "receiveGoaway() of a drain passes its pause to the calls that fail",
  pure,
  () => {
    for (const [retryAfter, retry] of [[0, "now"], [250, "later"]] as const) {
      for (const code of ["drain", "age"] as const) {
        const simulation = new Simulation().open();
        const { client, server } = simulation;
        hold(server);
        call(simulation, client, { value: body(1) }); // keeps the session open
        simulation.settle();
        server.session.enter(simulation.now).drain({ code, retryAfter });
        simulation.advance(100);
        const error = assertThrows(() => call(simulation, client), CallError);
        assertEquals([error.code, error.retry, error.retryAfter], [
          "unavailable",
          retry,
          retryAfter,
        ]);
      }
    }
  },
);

for (const how of ["whole", "cancelled", "too large", "late"] as const) {
  Deno.test(
    `drain() drops a REQUEST above the last id without a reply: ${how}`,
    pure,
    () => {
      const lone = Lone.open("server", { assemblyTimeout: 5_000 });
      lone.receive(Kind.REQUEST, 1, request(ASK, [1]));
      lone.session.enter(0).drain();
      const ping = lone.sent().find(({ kind }) => kind === Kind.PING)!;
      lone.receive(Kind.PONG, 0, ping.body);
      assertEquals(goawayOf(lone.sent()[0]!).lastId, 1);
      const begun = how !== "whole";
      lone.receive(Kind.REQUEST, 3, request(ASK, [1]), begun ? Flag.MORE : 0);
      if (how === "cancelled") lone.receive(Kind.CANCEL, 3, [0]);
      for (let n = 0; how === "too large" && n < 40; n++) {
        lone.receive(Kind.REQUEST, 3, body(128 * 1024), Flag.MORE);
      }
      if (how === "late") lone.advance(9_000);
      const kinds = lone.sentKinds();
      assertEquals(kinds.filter((kind) => kind.startsWith("ERROR")), []);
      assertEquals(lone.calls.length, 1);
    },
  );
}

Deno.test("a drain needs the PONG of its own PING", pure, () => {
  const lone = Lone.open("server");
  const { shared } = lone.session;
  shared.ping();
  const [earlier] = lone.sent();
  lone.receive(Kind.REQUEST, 1, request(ASK));
  lone.session.enter(0).drain();
  const [, own] = lone.sent();
  assertEquals([earlier?.kind, own?.kind], [Kind.PING, Kind.PING]);
  lone.receive(Kind.PONG, 0, earlier!.body);
  assertEquals(lone.sent(), []);
  lone.receive(Kind.REQUEST, 3, request(ASK)); // still accepted
  lone.receive(Kind.PONG, 0, own!.body);
  assertEquals(lone.sent().map((frame) => goawayOf(frame).lastId), [3]);
  lone.receive(Kind.REQUEST, 5, request(ASK)); // dropped
  assertEquals([lone.calls.length, lone.drained], [2, 0]);
});

Deno.test("an idle session that drains ends with the PONG", pure, () => {
  const lone = Lone.open("server");
  lone.session.enter(0).drain();
  lone.session.enter(0).drain(); // has no effect
  const [announced, ping, ...more] = lone.sent();
  assertEquals([announced?.kind, ping?.kind, more], [
    Kind.GOAWAY,
    Kind.PING,
    [],
  ]);
  lone.receive(Kind.PONG, 0, ping!.body);
  assertEquals([lone.drained, lone.session.state], [1, "closed"]);
});

Deno.test(
  "a second drain shortens the grace, and never extends it",
  pure,
  () => {
    const graces: [second: number, effective: number][] = [
      [100, 100],
      [9_000, 5_000],
    ];
    for (const [grace, effective] of graces) {
      const lone = Lone.open("server");
      lone.receive(Kind.REQUEST, 1, request(ASK));
      lone.session.enter(0).drain({ grace: 5_000 });
      lone.session.enter(0).drain({ grace });
      lone.session.enter(0).drain(); // has no effect
      lone.advance(effective - 1);
      assertEquals(lone.drained, 0);
      lone.advance(1);
      assertEquals(lone.drained, 1);
    }
  },
);
