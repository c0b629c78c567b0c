import { accountsOf, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, DOWN, NOTE, TALK, UP } from "../session_calls.ts";
import { errorOf, Lone, message, request } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

/** Starts a call, cancels it, and lets its handler settle. */
function cancelNext(lone: Lone): void {
  const id = 2 * lone.calls.length + 1;
  lone.receive(Kind.REQUEST, id, request(ASK));
  lone.receive(Kind.CANCEL, id, [0]);
  settle(lone);
}

/** Settles the handler of the last call. */
function settle(lone: Lone): void {
  const { call } = lone.calls.at(-1)!;
  lone.session.enter(lone.now).incoming.responses.respond(
    call,
    body(1),
    NO_FIELDS,
  );
}

/** Returns a session that allows 40 CANCELs and has received some number of them. */
function cancelledFast(count: number, drainGrace = 1000): Lone {
  const limits = { maxCalls: 32, cancelsPerSecond: 40, drainGrace };
  const lone = Lone.open("server", limits);
  for (let n = 0; n < count; n++) cancelNext(lone);
  return lone;
}

Deno.test(
  "receiveRequest() refuses requests that are not served, as not processed",
  pure,
  () => {
    const cases: [Uint8Array, number][] = [
      [request(99), 3],
      [request(NOTE), 3],
      [request(ASK, [], [1, 0, 4, 0, 0, 0, 0]), 2], // no time left
      [request(ASK, [], [1, 0, 3, 0, 0, 0]), 11],
      [Uint8Array.of(0, ASK), 11],
      [request(ASK, [], [2, 0, 4, 1, 65, 0, 0]), 11],
    ];
    const lone = Lone.open("server");
    cases.forEach(([bytes, code], n) => {
      lone.receive(Kind.REQUEST, 2 * n + 1, bytes);
      const [sent] = lone.sent();
      assertEquals([sent?.kind, sent?.id], [Kind.ERROR, 2 * n + 1]);
      assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [code, 0]);
    });
    assertEquals([lone.calls.length, lone.session.stats.refusedCalls], [
      0,
      cases.length,
    ]);
    assertEquals(lone.ends, []);
  },
);

Deno.test(
  "receiveRequest() refuses calls beyond maxCalls until handlers settle",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 64; id += 2) {
      lone.receive(
        Kind.REQUEST,
        id,
        request(ASK),
      );
    }
    lone.receive(Kind.REQUEST, 65, request(ASK));
    const [sent] = lone.sent();
    assertEquals(errorOf(sent!), { code: 6, processed: 0, retry: 1 });
    // A CANCEL frees no slot: the handler still runs.
    lone.receive(Kind.CANCEL, 1, [0]);
    lone.receive(Kind.REQUEST, 67, request(ASK));
    assertEquals([lone.calls[0]?.cancels, lone.sentKinds()], [["cancelled"], [
      "ERROR 67",
    ]]);
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      body(1),
      NO_FIELDS,
    );
    lone.receive(Kind.REQUEST, 69, request(ASK));
    assertEquals([lone.sentKinds(), lone.calls.length], [["ERROR 1"], 33]);
  },
);

Deno.test(
  "fail() ends a broken call at once, but keeps its slot until the handler settles",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 64; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK));
      lone.receive(Kind.ITEM, id, message());
    }
    const sent = lone.sent();
    assertEquals(sent.map((one) => errorOf(one).code), new Array(32).fill(11));
    lone.receive(Kind.REQUEST, 65, request(ASK));
    assertEquals(errorOf(lone.sent()[0]!).code, 6);
    for (const { call } of lone.calls) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(1),
        NO_FIELDS,
      );
    }
    assertEquals(lone.sentKinds(), []);
    lone.receive(Kind.REQUEST, 67, request(ASK));
    assertEquals([lone.calls.length, lone.session.stats.malformedCalls], [
      33,
      32,
    ]);
  },
);

Deno.test(
  "receiveItem() and receiveEnd() break a call whose shape or state forbids them",
  pure,
  () => {
    const cases: [number, (lone: Lone) => void][] = [
      [DOWN, (lone) => lone.receive(Kind.ITEM, 1, message())],
      [DOWN, (lone) => lone.receive(Kind.END, 1)],
      [
        UP,
        (lone) => lone.receive(Kind.END, 1).receive(Kind.ITEM, 1, message()),
      ],
      [UP, (lone) => lone.receive(Kind.END, 1).receive(Kind.END, 1)],
      [
        TALK,
        (lone) => lone.receive(Kind.ITEM, 1, message(), 1).receive(Kind.END, 1),
      ],
      [UP, (lone) => lone.receive(Kind.ITEM, 1, [0, 9])],
    ];
    for (const [method, breakIt] of cases) {
      const lone = Lone.open("server");
      lone.receive(Kind.REQUEST, 1, request(method));
      breakIt(lone);
      const [sent] = lone.sent();
      assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [11, 1]);
      assertEquals([lone.calls[0]?.cancels, lone.ends], [["cancelled"], []]);
      assertEquals(accountsOf(lone.session).assembling, 0);
    }
  },
);

Deno.test(
  "receiveCancel() makes a caller above cancelsPerSecond wait for its slots",
  pure,
  () => {
    const lone = cancelledFast(40);
    assertEquals(lone.sent().length, 40); // the burst
    assertEquals(inFlightOf(lone.session).incoming, 0);
    for (let n = 0; n < 32; n++) cancelNext(lone);
    assertEquals([lone.sentKinds(), inFlightOf(lone.session).incoming], [
      [],
      32,
    ]);
    lone.receive(Kind.REQUEST, 201, request(ASK));
    assertEquals(errorOf(lone.sent()[0]!).code, 6); // every slot is in use
    lone.advance(110); // one slot for each 25 ms, up to 8 ms late
    assertEquals([lone.sent().length, inFlightOf(lone.session).incoming], [
      4,
      28,
    ]);
    lone.advance(1000);
    const sent = lone.sent();
    assertEquals(sent.map((one) => errorOf(one).code), new Array(28).fill(1));
    assertEquals([lone.ends, accountsOf(lone.session).timers], [[], 0]);
  },
);

Deno.test(
  "a CANCEL does not hold a result that waits for space",
  pure,
  () => {
    const limits = { maxCalls: 32, cancelsPerSecond: 1, unsentSoft: 65_536 };
    const lone = Lone.open("server", limits);
    for (let n = 0; n < 34; n++) cancelNext(lone); // later CANCELs are held
    lone.advance(10_000).sent();
    lone.sink.open = false;
    for (let id = 201; id <= 205; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK));
      lone.session.enter(lone.now).incoming.responses.respond(
        lone.calls.at(-1)!.call,
        body(30_000),
        NO_FIELDS,
      );
    }
    assertEquals(lone.sentKinds(), ["RESULT 201", "RESULT 203"]);
    lone.receive(Kind.CANCEL, 205, [0]);
    lone.write();
    assertEquals(lone.sentKinds().slice(0, 1), ["RESULT 205"]);
    assertEquals(inFlightOf(lone.session).incoming, 0);
  },
);

Deno.test(
  "receiveCancel() counts neither a late CANCEL nor a repeated one",
  pure,
  () => {
    const lone = cancelledFast(39);
    for (const id of [1, 3, 5]) lone.receive(Kind.CANCEL, id, [1]); // late
    lone.receive(Kind.REQUEST, 201, request(ASK));
    for (let n = 0; n < 9; n++) lone.receive(Kind.CANCEL, 201, [0]);
    lone.sent();
    settle(lone);
    assertEquals(lone.sentKinds(), ["ERROR 201"]);
  },
);

Deno.test(
  "end() and a drain free the slots of calls whose errors are held",
  pure,
  () => {
    const lone = cancelledFast(42);
    lone.session.enter(0).inputEnded(new Error("reset"));
    assertEquals([
      inFlightOf(lone.session).incoming,
      accountsOf(lone.session).timers,
    ], [0, 0]);
    const other = cancelledFast(42, 10);
    other.sent();
    other.session.enter(0).drain();
    other.advance(2000);
    // Their caller has given them up, and does not wait for the errors.
    assertEquals(other.sentKinds().filter((kind) => !kind.startsWith("P")), [
      "GOAWAY 0",
      "GOAWAY 0",
    ]);
    assertEquals([
      inFlightOf(other.session).incoming,
      other.session.incoming.responses.unsettled,
    ], [0, 0]);
  },
);

Deno.test(
  "expire() cancels a call at the callee's own deadline",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK, [], [1, 0, 4, 0, 0, 0, 50]));
    const [held] = lone.calls;
    lone.advance(60);
    assertEquals(held?.cancels, ["deadline"]);
    lone.session.enter(lone.now).incoming.responses.respond(
      held!.call,
      body(1),
      NO_FIELDS,
    );
    const [sent] = lone.sent();
    assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [2, 2]);
    assertEquals(accountsOf(lone.session).timers, 0);
  },
);

Deno.test(
  "end() cancels every handler with the code of the reason",
  pure,
  () => {
    for (const code of ["disconnected", "unavailable"] as const) {
      const lone = Lone.open("server", { drainGrace: 100 });
      lone.receive(Kind.REQUEST, 1, request(TALK));
      if (code === "unavailable") {
        lone.session.enter(0).drain();
        lone.advance(100);
      } else lone.session.enter(0).inputEnded(new Error("reset"));
      assertEquals([lone.calls[0]?.cancels, lone.calls[0]?.itemsEnded], [[
        code,
      ], true]);
      lone.session.enter(0).incoming.responses.respond(
        lone.calls[0]!.call,
        undefined,
        NO_FIELDS,
      );
      assertEquals(inFlightOf(lone.session).incoming, 0);
    }
  },
);

Deno.test(
  "fail() sends one reply if the handler settles when notified, and frees the slot",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 100; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK, [1]));
      const held = lone.calls.at(-1)!;
      held.onCancelled = () =>
        lone.session.enter(lone.now).incoming.responses.fail(
          held.call,
          held.call.cancelled!,
        );
      lone.receive(Kind.END, id); // breaks it
      assertEquals(lone.sentKinds(), [`ERROR ${id}`]);
    }
  },
);

Deno.test(
  "receiveRequest() and receiveNotification() ignore fields of other messages",
  pure,
  () => {
    const lone = Lone.open("server");
    const one = (type: number) => [type, 0, 1, 9]; // neither a u32 nor pairs of text
    lone.receive(Kind.REQUEST, 1, request(ASK, [1], one(0x13)));
    lone.receive(Kind.NOTIFY, 0, request(NOTE, [1], one(0x01)));
    assertEquals([lone.calls.length, lone.notes.length], [1, 1]);
  },
);

Deno.test(
  "each request is counted once, by its end and by its method",
  pure,
  () => {
    const lone = Lone.open("server", {
      queueTimeout: 1000,
      maxInputs: 100_000,
    });
    const { incoming, stats } = lone.session.enter(0);
    const counts = () => {
      const { started, ok, failed, refused } = stats.callsHandled;
      return [started, ok, failed, refused];
    };
    const served = incoming.methods[ASK]!;
    if (!("counters" in served)) throw new Error("it is served");
    const { counters } = served;
    let id = -1;
    const ask = (method = ASK, fields: number[] = []) =>
      lone.receive(Kind.REQUEST, id += 2, request(method, [], fields));
    const before = [counters.started, counters.ok, counters.refused];
    ask();
    assertEquals(counts(), [1, 0, 0, 0]);
    lone.now = 7;
    lone.session.enter(7).incoming.responses.respond(
      lone.calls[0]!.call,
      body(1),
      NO_FIELDS,
    );
    assertEquals(counts(), [1, 1, 0, 0]);
    ask();
    incoming.responses.fail(
      lone.calls[1]!.call,
      new CallError("", { code: "internal" }),
    );
    assertEquals(counts(), [2, 1, 1, 0]);
    ask(99); // not served
    ask(NOTE);
    ask(ASK, [1, 0, 4, 0, 0, 0, 0]); // its deadline has passed
    assertEquals(counts(), [5, 1, 1, 3]);
    incoming.holdInput(100_000);
    ask(); // waits
    assertEquals([lone.calls.length, counts()], [2, [6, 1, 1, 3]]);
    lone.receive(Kind.CANCEL, id, [0]);
    assertEquals(counts(), [6, 1, 1, 4]);
    ask();
    lone.advance(1010); // queueTimeout
    assertEquals(counts(), [7, 1, 1, 5]);
    incoming.releaseInput(100_000);
    ask();
    lone.session.enter(lone.now).close();
    assertEquals(counts(), [8, 1, 2, 5]);
    assertEquals(
      [counters.started, counters.ok, counters.refused].map((count, at) =>
        count - before[at]!
      ),
      [6, 1, 3],
    );
  },
);
