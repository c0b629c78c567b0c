import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Drain } from "../../../../lib/messages/session/control/drain.ts";
import {
  Flag,
  Kind,
  MAX_ID,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, call, hold, notify } from "../session_calls.ts";
import { goawayOf, Lone, request } from "../lone_session.ts";
import { Simulation, SMOOTH } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test("Drain passes through its stages in order, once", pure, () => {
  const log: string[] = [];
  let idle = false;
  const drain = new Drain({
    sendGoaway: (lastId) =>
      log.push(`goaway ${lastId === MAX_ID ? "max" : lastId}`),
    ping: () => 7,
    stopAccepting: () => 5,
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
      { code: 0, lastId: MAX_ID },
      Kind.PING,
    ]);
    lone.receive(Kind.REQUEST, 3, request(ASK)); // was in transit
    lone.receive(Kind.PONG, 0, ping!.body);
    assertEquals(goawayOf(lone.sent()[0]!), { code: 0, lastId: 3 });
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
    "drained",
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

for (const how of ["whole", "cancelled", "too large", "late"] as const) {
  Deno.test(
    `drain() drops a REQUEST above the last id without a reply: ${how}`,
    pure,
    () => {
      const lone = Lone.open("server", { assemblyTimeout: 5_000 });
      lone.receive(Kind.REQUEST, 1, request(ASK, [1]));
      const begun = how !== "whole";
      if (begun) lone.receive(Kind.REQUEST, 3, request(ASK, [1]), Flag.MORE);
      lone.session.enter(0).drain();
      const ping = lone.sent().find(({ kind }) => kind === Kind.PING)!;
      lone.receive(Kind.PONG, 0, ping.body);
      assertEquals(goawayOf(lone.sent()[0]!).lastId, 1);
      if (how === "whole") lone.receive(Kind.REQUEST, 3, request(ASK, [1]));
      if (how === "cancelled") lone.receive(Kind.CANCEL, 3, [0]);
      for (let n = 0; how === "too large" && n < 40; n++) {
        lone.receive(Kind.REQUEST, 3, body(128 * 1024), Flag.MORE);
      }
      if (how === "late") lone.advance(9_000);
      const answers = lone.sent().filter(({ kind }) => kind === Kind.ERROR);
      lone.session.enter(lone.now).close();
      const last = lone.sent().filter(({ kind }) => kind === Kind.GOAWAY);
      assertEquals([answers, last.map((each) => goawayOf(each).lastId)], [[], [
        1,
      ]]);
    },
  );
}
