import { accountsOf, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { assert, assertEquals } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  ASK,
  body,
  call,
  DOWN,
  hold,
  type Incoming,
  readAll,
  sendAll,
  UP,
} from "../session_calls.ts";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";
import { RunningHandlers } from "../../../../lib/messages/session/calls/running_handlers.ts";
import { errorOf, Lone, request, total } from "../lone_session.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;
const TIGHT = { unsentSoft: 64 * 1024, unsentHard: 1024 * 1024 };

Deno.test(
  "respond() and fail() wait above three quarters of unsentSoft, and keep their slots",
  pure,
  () => {
    const lone = Lone.open("server", TIGHT);
    lone.sink.open = false;
    for (let id = 1; id < 20; id += 2) {
      lone.receive(
        Kind.REQUEST,
        id,
        request(ASK),
      );
    }
    for (const { call } of lone.calls.slice(1)) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(20_000),
        NO_FIELDS,
      );
    }
    lone.session.enter(0).incoming.responses.fail(
      lone.calls[0]!.call,
      new CallError("no", { code: "internal" }),
    );
    // Up to three quarters of unsentSoft, and one beyond.
    assertEquals(inFlightOf(lone.session).incoming, 7);
    assertEquals(lone.sent().length, 3);
    for (let n = 0; n < 9; n++) lone.write();
    const later = lone.sentKinds();
    assertEquals([later.length, later[0]], [7, "ERROR 1"]); // a small message first
    assertEquals(inFlightOf(lone.session).incoming, 0);
  },
);

Deno.test(
  "respond() sends large results frame by frame, and each completely",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.sink.open = false;
    for (let id = 1; id < 40; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK));
    }
    for (const { call } of lone.calls) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(2_000_000),
        NO_FIELDS,
      );
    }
    const { unsent } = lone.session.shared.writer;
    assert(unsent < 400_000, `${unsent} bytes are unsent`);
    assertEquals(inFlightOf(lone.session).incoming, 20);
    for (let n = 0; n < 1000 && inFlightOf(lone.session).incoming > 0; n++) {
      lone.write();
    }
    assertEquals(inFlightOf(lone.session).incoming, 0);
    assertEquals(
      lone.sent().filter(({ kind, more }) => kind === Kind.RESULT && !more)
        .length,
      20,
    );
  },
);

Deno.test(
  "respond() sends a waiting result even if the call is cancelled; every call gets one reply",
  pure,
  () => {
    const lone = Lone.open("server", TIGHT);
    lone.sink.open = false;
    for (const id of [1, 3, 5]) lone.receive(Kind.REQUEST, id, request(ASK));
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      body(70_000),
      NO_FIELDS,
    );
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[1]!.call,
      body(9),
      NO_FIELDS,
    );
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[2]!.call,
      body(9),
      NO_FIELDS,
    );
    lone.receive(Kind.CANCEL, 3, [1]);
    lone.write();
    assertEquals(lone.sentKinds(), ["RESULT 1", "RESULT 3", "RESULT 5"]);
    for (const { call } of lone.calls) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(1),
        NO_FIELDS,
      );
    }
    assertEquals(lone.sent(), []);
  },
);

Deno.test(
  "respond() and fail() send a substitute error if encoding fails",
  pure,
  () => {
    const lone = Lone.open("server", {}, { maxMessage: 65536 });
    const data = (size: number) =>
      new CallError("x", { code: "declared", data: body(size) });
    const ends: ((n: number) => void)[] = [
      (n) =>
        lone.session.enter(0).incoming.responses.respond(lone.calls[n]!.call, {
          not: "bytes",
        }, NO_FIELDS),
      (n) =>
        lone.session.enter(0).incoming.responses.respond(
          lone.calls[n]!.call,
          body(65537),
          NO_FIELDS,
        ),
      (n) =>
        lone.session.enter(0).incoming.responses.fail(
          lone.calls[n]!.call,
          new CallError("x", { code: "declared", data: {} }),
        ),
      (n) =>
        lone.session.enter(0).incoming.responses.fail(
          lone.calls[n]!.call,
          data(70_000),
        ),
    ];
    ends.forEach((end, n) => {
      lone.receive(Kind.REQUEST, 2 * n + 1, request(ASK));
      end(n);
      const sent = lone.sent();
      assertEquals([sent.length, sent[0]?.kind, errorOf(sent[0]!).code], [
        1,
        Kind.ERROR,
        5,
      ]);
    });
    assertEquals(inFlightOf(lone.session).incoming, 0);
  },
);

Deno.test(
  "fail() sends the items that are queued before its error",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const down = call(simulation, client, { method: DOWN, value: body(1) });
    simulation.settle();
    const { call: incoming } = held[0]!;
    const entered = server.session.enter(simulation.now);
    sendItem(entered.shared, incoming, body(900_000), held[0]!);
    entered.incoming.responses.fail(
      incoming,
      new CallError("no", { code: "internal" }),
    );
    server.touch();
    simulation.settle();
    readAll(simulation, client, down);
    simulation.settle();
    assertEquals(
      [down.items.map(({ length }) => length), down.error.code],
      [[900_000], "internal"],
    );
  },
);

Deno.test(
  "respond() waits for earlier items that lack credit",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const down = call(simulation, client, { method: DOWN, value: body(1) });
    simulation.settle();
    // Many times the window; the handler settles right after it.
    sendAll(
      simulation,
      server,
      held[0]!,
      [body(60_000), body(900_000)],
      () =>
        server.session.enter(simulation.now).incoming.responses.respond(
          held[0]!.call,
          undefined,
          NO_FIELDS,
        ),
    );
    simulation.settle();
    assertEquals([down.settled, inFlightOf(server.session).incoming], [0, 1]);
    readAll(simulation, client, down);
    simulation.settle();
    assertEquals([
      down.items.map(({ length }) => length),
      down.results.length,
    ], [[60_000, 900_000], 1]);
    assertEquals(inFlightOf(server.session).incoming, 0);
  },
);

Deno.test(
  "cancelResponse() ends a call whose result waits for items, at a CANCEL or deadline",
  pure,
  () => {
    for (const how of ["cancel", "deadline"] as const) {
      const lone = Lone.open("server");
      const fields = how === "deadline" ? [1, 0, 4, 0, 0, 0, 90] : [];
      lone.receive(Kind.REQUEST, 1, request(DOWN, [], fields));
      const { call } = lone.calls[0]!;
      sendItem(
        lone.session.enter(0).shared,
        call,
        body(900_000),
        lone.calls[0]!,
      );
      lone.session.enter(0).incoming.responses.respond(
        call,
        undefined,
        NO_FIELDS,
      );
      lone.sent();
      if (how === "cancel") lone.receive(Kind.CANCEL, 1, [0]);
      else lone.advance(100);
      const sent = lone.sent();
      assertEquals([sent.length, errorOf(sent[0]!).code], [
        1,
        how === "cancel" ? 1 : 2,
      ]);
      assertEquals([
        inFlightOf(lone.session).incoming,
        accountsOf(lone.session).timers,
      ], [0, 0]);
      lone.receive(Kind.CREDIT, 1, total(100));
      assertEquals([lone.sent(), lone.session.stats.lateFrames], [[], 1]);
    }
  },
);

Deno.test(
  "a small result passes results of any larger size that wait",
  pure,
  () => {
    for (const size of [30_000, 100_000, 500_000]) {
      const lone = Lone.open("server");
      lone.sink.open = false;
      const { responses } = lone.session.enter(0).incoming;
      for (let n = 0; n <= 60; n++) {
        lone.receive(Kind.REQUEST, 2 * n + 1, request(ASK));
      }
      for (let n = 0; n <= 60; n++) {
        const value = body(n < 60 ? size : 10);
        responses.respond(lone.calls[n]!.call, value, NO_FIELDS);
      }
      const before = lone.sentKinds(); // up to three quarters of unsentSoft
      if (before.includes("RESULT 121")) continue; // large ones had made room
      lone.write();
      assertEquals(lone.sentKinds()[0], "RESULT 121", `${size}`);
    }
  },
);

Deno.test("a call leaves no timer, however it ends", pure, () => {
  const deadline = [1, 0, 4, 0, 0, 3, 232];
  for (const method of [ASK, UP]) {
    const lone = Lone.open("server");
    const begin = () => {
      lone.receive(
        Kind.REQUEST,
        2 * lone.calls.length + 1,
        request(method, [], deadline),
      );
      return lone.calls.at(-1)!.call;
    };
    const timers = () => accountsOf(lone.session).timers;
    const { responses } = lone.session.enter(0).incoming;
    const error = new CallError("no", { code: "internal" });
    const ends: ((id: number) => void)[] = [
      (id) => lone.receive(Kind.CANCEL, id, [0]),
      (id) => lone.receive(Kind.ITEM, id, [0]), // malformed
    ];
    for (const end of ends) {
      const call = begin();
      assertEquals(timers(), 1);
      end(call.id);
      assertEquals(timers(), 0, "also while its handler runs");
      responses.respond(call, body(1), NO_FIELDS);
    }
    responses.respond(begin(), body(1), NO_FIELDS);
    responses.fail(begin(), error);
    responses.send(begin(), Kind.RESULT, body(2, 0));
    assertEquals([timers(), inFlightOf(lone.session).incoming], [0, 0]);
  }
});

Deno.test(
  "responses that wait are counted until they are sent or dropped",
  pure,
  () => {
    for (const drops of [false, true]) {
      const lone = Lone.open("server", TIGHT, { streamWindow: 1024 });
      const { queued } = lone.session.shared;
      lone.receive(Kind.REQUEST, 1, request(DOWN));
      const [stream] = lone.calls;
      const { shared, incoming } = lone.session.enter(0);
      for (let n = 0; n < 2; n++) {
        sendItem(
          shared,
          stream!.call,
          body(2000),
          stream!,
        );
      }
      const items = queued.items;
      assertEquals(items > 2000, true);
      incoming.responses.respond(stream!.call, undefined, NO_FIELDS);
      const small = queued.responses[0]!;
      assertEquals(small > 0, true);
      lone.sink.leaveUnsent(0.75 * TIGHT.unsentSoft); // results wait
      lone.receive(Kind.REQUEST, 3, request(ASK));
      incoming.responses.respond(lone.calls[1]!.call, body(5000), NO_FIELDS);
      const after = queued.responses.reduce((sum, bytes) => sum + bytes);
      assertEquals(after - small >= small + 5000, true);
      if (drops) lone.session.enter(0).close();
      else {
        lone.receive(Kind.CREDIT, 1, total(10_000));
        lone.write();
      }
      assertEquals([queued.items, ...queued.responses], [0, 0, 0, 0]);
    }
  },
);

Deno.test(
  "respond() drops a result if memory is scarce and much is unsent",
  pure,
  () => {
    const outcome = (dropsResults: boolean, unsent: number) => {
      const raises = new CreditPool(0);
      const running = new RunningHandlers(Infinity);
      const runningHandlers = () => running;
      const budget = { raises, runningHandlers, dropsResults };
      const lone = Lone.open("server", {}, {}, undefined, undefined, budget);
      lone.receive(Kind.REQUEST, 1, request(ASK));
      lone.sink.leaveUnsent(unsent);
      const [{ call }] = lone.calls as [Incoming]; // it has been entered
      const { responses } = lone.session.enter(0).incoming;
      responses.respond(call, body(1000), NO_FIELDS);
      lone.write();
      return lone.sentKinds();
    };
    assertEquals(outcome(true, 65_536), ["ERROR 1"]);
    assertEquals(outcome(true, 65_535), ["RESULT 1"]);
    assertEquals(outcome(true, 2 ** 20), ["ERROR 1"]); // it would wait
    assertEquals(outcome(false, 65_536), ["RESULT 1"]);
    assertEquals(outcome(false, 2 ** 20), ["RESULT 1"]);
  },
);
