import { assertEquals } from "@std/assert";
import { CALL_ERROR_CODES as CODES } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { RecentSizes } from "../../../../lib/messages/session/calls/recent_sizes.ts";
import { RunningHandlers } from "../../../../lib/messages/session/calls/running_handlers.ts";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";
import type { SessionBudget } from "../../../../lib/messages/session/session_host.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { errorOf, Lone, request, total } from "../lone_session.ts";
import { accountsOf, heldBy, HOLDS_NOTHING } from "../accounts.ts";
import { ASK, body, DOWN, UP } from "../session_calls.ts";
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";

const pure = { permissions: "none" } as const;

/** Sends requests with the ids from `first`. */
function ask(lone: Lone, count: number, first = 1, method = ASK): void {
  for (let n = 0; n < count; n++) {
    lone.receive(Kind.REQUEST, first + 2 * n, request(method, body(10)));
  }
}

function respond(lone: Lone, index: number, size: number): void {
  const { responses } = lone.session.enter(lone.now).incoming;
  responses.respond(lone.calls[index]!.call, body(size), NO_FIELDS); // the test has opened it
}

/** Returns a budget that bounds nothing but the handlers. */
function budgetOf(running: RunningHandlers): SessionBudget {
  return {
    raises: new CreditPool(Infinity),
    runningHandlers: () => running,
    dropsResults: false,
  };
}

/** Returns a session that knows no sizes. */
function unknown(running = new RunningHandlers(Infinity)): Lone {
  const sizes = new RecentSizes(1000);
  return Lone.open("server", {}, {}, undefined, sizes, budgetOf(running));
}

/** Returns sessions of a server whose handlers may return `limit` bytes. */
function together(count: number, limit: number): Lone[] {
  const sizes = new RecentSizes(10_000);
  const running = new RunningHandlers(limit);
  return Array.from(
    { length: count },
    () => Lone.open("server", {}, {}, undefined, sizes, budgetOf(running)),
  );
}

Deno.test(
  "handlers of unknown methods are entered a few at a time",
  pure,
  () => {
    const lone = unknown();
    ask(lone, 100);
    assertEquals(lone.calls.length, 8); // of 128 KiB each
    lone.advance(64);
    assertEquals(lone.calls.length, 24); // the next ones of 64 KiB each
  },
);

Deno.test(
  "handlers that run for long are bounded in all sessions until they reply",
  pure,
  () => {
    const sessions = together(6, 4 * 2 ** 20); // 4 of unknown size
    const entered = () => sessions.map(({ calls }) => calls.length);
    for (const lone of sessions) ask(lone, 12);
    assertEquals(entered(), [4, 1, 1, 1, 1, 1]);
    const advance = (ms: number) => {
      for (const lone of sessions) lone.advance(ms);
    };
    for (let at = 0; at < 900; at += 50) advance(50);
    assertEquals(entered(), [8, 1, 1, 1, 1, 1]); // one more each 250 ms
    for (let at = 900; at < 2000; at += 50) advance(50);
    assertEquals(entered(), [12, 1, 1, 1, 1, 1]);
    respond(sessions[0]!, 0, 100); // shows all others that results are small
    advance(20);
    assertEquals(entered(), Array(6).fill(12));
  },
);

Deno.test(
  "streams are bounded in all sessions until they send an item",
  pure,
  () => {
    const [one, other] = together(2, 4 * 2 ** 20) as [Lone, Lone]; // two
    ask(one, 3, 1, DOWN);
    ask(other, 8, 1, DOWN);
    assertEquals([one, other].map(({ calls }) => calls.length), [3, 1]);
    const { shared } = one.session.enter(one.now);
    const [held] = one.calls;
    sendItem(shared, held!.call, body(400_000), held!);
    other.advance(20); // 1 MiB is left, for items of 400 kB, and 80 KiB do not count
    assertEquals(other.calls.length, 1 + 3);
  },
);

Deno.test(
  "a large result of one session leaves the size unknown to others",
  pure,
  () => {
    const [one, other, third] = together(3, 8 * 2 ** 20) as [Lone, Lone, Lone]; // three
    ask(one, 1);
    respond(one, 0, 2_000_000);
    for (const lone of [other, third]) ask(lone, 20);
    assertEquals([other, third].map(({ calls }) => calls.length), [5, 1]); // each of 2 MB
    ask(third, 1, 81, UP); // another method
    assertEquals(third.calls.at(-1)?.call.id, 81);
  },
);

Deno.test("a thousand handlers that do not respond are entered", pure, () => {
  const polls = unknown();
  ask(polls, 1000);
  for (let n = 0; n < 300; n++) polls.advance(8);
  assertEquals(polls.calls.length, 1000);
  const streams = unknown();
  ask(streams, 1000, 1, DOWN);
  for (let n = 0; n < 600; n++) streams.advance(8); // queueTimeout is 10 s
  assertEquals(streams.calls.length, 1000);
});

Deno.test(
  "the first response shows the size of the next ones",
  pure,
  () => {
    const lone = unknown();
    ask(lone, 100);
    respond(lone, 0, 100);
    assertEquals(lone.calls.length, 100);
    const large = unknown();
    ask(large, 100);
    large.sink.open = false;
    respond(large, 0, 600_000);
    assertEquals(large.calls.length, 9); // two of 600 kB exceed unsentSoft
  },
);

Deno.test(
  "a request may wait for the reservations of replies of another size",
  pure,
  () => {
    const sizes = new RecentSizes(1000);
    const limits = { unsentSoft: 64 * 1024 };
    const lone = Lone.open("server", limits, {}, undefined, sizes);
    ask(lone, 1, 1, UP);
    respond(lone, 0, 100);
    ask(lone, 64, 3, UP); // reserve all that small replies may occupy
    ask(lone, 2, 131); // of unknown size, so the second one waits
    respond(lone, 65, 100); // the size is known; it waits for the small ones now
    assertEquals(lone.calls.length, 66);
    lone.advance(80);
    assertEquals(lone.calls.length, 67);
  },
);

Deno.test(
  "the gate does not wake for reservations that have expired",
  pure,
  () => {
    const lone = unknown();
    ask(lone, 8);
    lone.sink.leaveUnsent(2 ** 20);
    ask(lone, 1, 17);
    lone.advance(100);
    assertEquals(lone.calls.length, 8);
    assertEquals(lone.session.wakeAt - lone.now > 1000, true);
  },
);

Deno.test(
  "a thousand handlers that wait hold no more than unsentSoft",
  pure,
  () => {
    const lone = unknown();
    lone.sink.open = false;
    ask(lone, 1000);
    let most = 0;
    for (let n = 0; n < lone.calls.length; n++) {
      lone.advance(10);
      if (lone.sink.unsent > 0) lone.sink.take(100);
      respond(lone, n, 200_000);
      const { queued, writer } = lone.session.shared;
      most = Math.max(most, writer.unsent + queued.responses[2]!); // the large ones
    }
    assertEquals(most < 3 * 1024 * 1024, true, `${most} bytes`);
  },
);

Deno.test(
  "large responses that wait do not hold back calls with small ones",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.sink.open = false;
    ask(lone, 3);
    for (const index of [0, 1, 2]) respond(lone, index, 2_000_000);
    ask(lone, 1, 7);
    assertEquals(lone.calls.length, 3);
    ask(lone, 1, 9, UP);
    assertEquals(lone.calls.length, 4);
  },
);

Deno.test(
  "replies that wait do not hold back the first call of a method",
  pure,
  () => {
    const lone = unknown();
    ask(lone, 1);
    respond(lone, 0, 100_000);
    lone.sink.leaveUnsent(900_000); // results wait, calls are entered
    ask(lone, 20, 3);
    const entered = lone.calls.length;
    for (let n = 1; n < entered; n++) respond(lone, n, 100_000);
    lone.advance(200);
    assertEquals(lone.calls.length < 21, true); // others wait
    ask(lone, 1, 43, UP);
    assertEquals(lone.calls.at(-1)?.call.id, 43);
  },
);

Deno.test(
  "a waiting request keeps its credit until it is entered or dropped",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.sink.leaveUnsent(2 ** 20);
    ask(lone, 3);
    assertEquals(lone.calls.length, 0);
    const { requestsGranted, requestsOwed, requestsWaiting } = accountsOf(
      lone.session,
    );
    assertEquals(requestsWaiting, 3 * 74);
    assertEquals(requestsGranted + requestsOwed, 4 * 2 ** 20 - 3 * 74);
    lone.receive(Kind.CANCEL, 3, [0]);
    assertEquals(accountsOf(lone.session).requestsWaiting, 2 * 74);
    lone.sink.take(2 ** 20);
    lone.write();
    assertEquals(lone.calls.map(({ call }) => call.id), [1, 5]);
    for (const index of [0, 1]) respond(lone, index, 1);
    lone.write();
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test(
  "a waiting request is answered when it is cancelled or its deadline passes",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.sink.leaveUnsent(2 ** 20);
    lone.receive(Kind.REQUEST, 1, request(ASK, [], [1, 0, 4, 0, 0, 0, 100]));
    lone.receive(Kind.REQUEST, 3, request(ASK));
    lone.receive(Kind.CANCEL, 3, [0]);
    lone.advance(200);
    lone.sink.take(2 ** 20);
    lone.write();
    const sent = lone.sent().map((frame) => [frame.id, errorOf(frame).code]);
    assertEquals(sent, [
      [3, CODES.indexOf("cancelled")],
      [1, CODES.indexOf("deadline")],
    ]);
    assertEquals([lone.calls.length, lone.session.incoming.calls.size], [0, 0]);
  },
);

Deno.test(
  "items and END that arrive for a waiting request are kept",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.sink.leaveUnsent(2 ** 20);
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.ITEM, 1, [0, 0, 7]);
    lone.receive(Kind.END, 1);
    lone.sink.take(2 ** 20);
    lone.write();
    const [up] = lone.calls;
    assertEquals([up?.call.receiveWindow?.length, up?.itemsEnded], [1, true]);
  },
);

Deno.test("streams wait while others hold items that lack credit", pure, () => {
  const lone = Lone.open("server", {}, { streamWindow: 1024 });
  ask(lone, 5, 1, DOWN);
  for (const held of lone.calls.slice()) {
    const { shared } = lone.session.enter(lone.now);
    sendItem(shared, held.call, body(900_000), held);
  }
  lone.advance(64);
  ask(lone, 1, 11, DOWN);
  lone.receive(Kind.REQUEST, 13, request(ASK)); // sends no items
  assertEquals(lone.calls.map(({ call }) => call.id), [1, 3, 5, 7, 9, 13]);
  lone.receive(Kind.CREDIT, 1, total(2 ** 20));
  assertEquals(lone.calls.at(-1)?.call.id, 11);
});

Deno.test("the end of a session drops waiting requests", pure, () => {
  const lone = Lone.open("server");
  lone.sink.leaveUnsent(2 ** 20);
  ask(lone, 3);
  lone.session.enter(lone.now).close();
  assertEquals([lone.calls.length, lone.session.incoming.gate.waiting], [0, 0]);
  assertEquals(heldBy(lone.session).timers, 0);
});

Deno.test(
  "items count as unread from the time at which the handler is entered",
  pure,
  () => {
    const lone = unknown();
    ask(lone, 8); // the next request waits
    lone.receive(Kind.REQUEST, 17, request(UP, body(10)));
    const { calls } = lone.session.enter(lone.now).incoming;
    const upload = calls.get(17)!; // it has just been received
    assertEquals(upload.receiveWindow?.readAt, Infinity);
    lone.advance(10);
    respond(lone, 0, 100);
    assertEquals(lone.calls.length, 9);
    assertEquals(upload.receiveWindow?.readAt, lone.now);
  },
);

Deno.test("requests are entered up to each limit, exactly", pure, () => {
  /** Returns whether a request enters while this much is in use. */
  const enters = (
    method: number,
    use: (shared: Lone["session"]["shared"], lone: Lone) => void,
  ) => {
    const limits = { unsentSoft: 64 * 1024, maxInputs: 100_000 };
    const lone = Lone.open("server", limits);
    use(lone.session.shared, lone);
    ask(lone, 1, 1, method);
    return lone.calls.length === 1;
  };
  const soft = 64 * 1024;
  const { unsentHard } = Lone.open("server").session.limits;
  const small = 1024; // what a small reply reserves
  const steps: [number, (over: number) => Parameters<typeof enters>[1]][] = [
    [ASK, (over) => (shared) => shared.inputs.held = 99_999 + over],
    [ASK, (over) => (_, { sink }) => sink.leaveUnsent(soft - 1 + over)],
    [ASK, (over) => ({ queued }) => queued.responses[0] = soft - 1 + over],
    [ASK, (over) => (shared, { sink }) => {
      sink.leaveUnsent(1000);
      shared.queued.responses[0] = soft - 1001 + over;
    }],
    [DOWN, (over) => ({ queued }) => queued.items = 2 * unsentHard - 1 + over],
  ];
  for (const [index, [method, use]] of steps.entries()) {
    assertEquals(
      [enters(method, use(0)), enters(method, use(1))],
      [true, false],
      `limit ${index}`,
    );
  }
  // Those of other sizes, and of other directions, do not matter.
  assertEquals(
    enters(ASK, ({ queued }) => {
      queued.responses[1] = queued.responses[2] = queued.items = 2 ** 30;
    }),
    true,
  );
  assertEquals(small < soft, true);
});

Deno.test(
  "a request that only waits for its turn fails after queueTimeout",
  pure,
  () => {
    const lone = Lone.open("server", {
      queueTimeout: 1000,
      maxInputs: 100_000,
    });
    const inputs = (bytes: number) =>
      lone.session.enter(lone.now).incoming.holdInput(bytes);
    inputs(100_000);
    ask(lone, 2);
    lone.advance(500);
    ask(lone, 1, 5);
    lone.advance(499);
    assertEquals(lone.sent(), []);
    lone.advance(9); // the timer wheel's resolution
    assertEquals(
      lone.sent().map((frame) => [frame.id, errorOf(frame).code]),
      [1, 3].map((id) => [id, CODES.indexOf("overloaded")]),
    );
    assertEquals(lone.session.stats.refusedCalls, 2);
    lone.advance(480);
    assertEquals(lone.session.incoming.gate.waiting, 1);
    // Room for it, in time.
    lone.session.enter(lone.now).incoming.releaseInput(1);
    assertEquals(lone.calls.map(({ call }) => call.id), [5]);
    respond(lone, 0, 1);
    lone.advance(1000);
    assertEquals(lone.sentKinds(), ["RESULT 5"]);
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test("a waiting request that is dropped reserved nothing", pure, () => {
  const lone = unknown();
  ask(lone, 10); // two wait
  assertEquals(lone.calls.length, 8);
  lone.receive(Kind.CANCEL, 17, [0]);
  assertEquals(lone.session.incoming.gate.waiting, 1);
  assertEquals(lone.calls.length, 8);
});

Deno.test("a waiting request that is cancelled leaves no timer", pure, () => {
  const lone = Lone.open("server", { queueTimeout: 1000, maxInputs: 100_000 });
  lone.session.enter(lone.now).incoming.holdInput(100_000);
  const { wakeAt } = lone.session;
  ask(lone, 2);
  assertEquals(lone.session.wakeAt < wakeAt, true);
  lone.receive(Kind.CANCEL, 1, [0]);
  assertEquals(lone.session.wakeAt < wakeAt, true, "the other one waits");
  lone.receive(Kind.CANCEL, 3, [0]);
  assertEquals(lone.session.wakeAt, wakeAt);
});

Deno.test(
  "large replies of running handlers are counted until they settle",
  pure,
  () => {
    const running = new RunningHandlers(16 * 2 ** 20);
    for (const size of [100, 50_000, 2_000_000]) {
      const lone = unknown(running);
      ask(lone, 1);
      respond(lone, 0, size);
      assertEquals(running.expected, 0, "its size was not known");
      const { gate } = lone.session.incoming;
      ask(lone, 1, 3);
      const { call } = lone.calls[1]!;
      // Small replies are bounded by the reservations alone.
      assertEquals(running.expected > size, size > 1000, `${size} bytes`);
      assertEquals(running.expected < size + 100, true);
      respond(lone, 1, 1);
      for (let times = 0; times < 2; times++) gate.left(call);
      assertEquals(running.expected, 0);
    }
  },
);

Deno.test("a stream remembers the size of its largest item", pure, () => {
  const lone = unknown();
  ask(lone, 1, 1, DOWN);
  const { call } = lone.calls[0]!;
  assertEquals(call.itemSize, 1024, "nothing is known");
  const sizes: number[] = [];
  for (const size of [300, 5000, 700, 5001, 10]) {
    const { shared } = lone.session.enter(lone.now);
    sendItem(shared, call, body(size), lone.calls[0]!);
    sizes.push(call.itemSize);
  }
  assertEquals(sizes, [302, 5002, 5002, 5003, 5003]);
  ask(lone, 1, 3, DOWN);
  const next = lone.calls[1]!.call;
  assertEquals([next.itemSize, next.reserved], [5003, 2 * 5003]);
});

Deno.test(
  "the wait of a request stops while the session has no link",
  pure,
  () => {
    const lone = Lone.open("server", {
      queueTimeout: 1000,
      maxInputs: 100_000,
    });
    lone.session.enter(lone.now).incoming.holdInput(100_000);
    ask(lone, 1);
    const { linkTime } = lone.session.shared;
    const { gate } = lone.session.incoming;
    lone.advance(900);
    lone.session.enter(lone.now);
    linkTime.cut();
    gate.restartTimer();
    lone.advance(5000);
    assertEquals(gate.waiting, 1);
    lone.session.enter(lone.now);
    linkTime.resume();
    gate.restartTimer();
    lone.advance(90);
    assertEquals(gate.waiting, 1);
    lone.advance(20);
    assertEquals([gate.waiting, lone.sentKinds()], [0, ["ERROR 1"]]);
  },
);

Deno.test(
  "requests may wait up to the windows of the session, exactly",
  pure,
  () => {
    const { gate } = Lone.open("server").session.incoming;
    const { connectionWindow, maxAssembly } =
      Lone.open("server").session.limits;
    const most = connectionWindow + maxAssembly;
    assertEquals([gate.mayWait(most), gate.mayWait(most + 1)], [true, false]);
    gate.held = 100;
    assertEquals([gate.mayWait(most - 100), gate.mayWait(most - 99)], [
      true,
      false,
    ]);
  },
);

Deno.test(
  "requests that wait keep their order when some are dropped",
  pure,
  () => {
    const lone = Lone.open("server", { maxInputs: 100_000 });
    const { incoming } = lone.session.enter(0);
    incoming.holdInput(100_000);
    ask(lone, 4);
    assertEquals(incoming.gate.waiting, 4);
    const { held } = incoming.gate;
    lone.receive(Kind.CANCEL, 3, [0]);
    assertEquals([incoming.gate.waiting, incoming.gate.held], [3, 0.75 * held]);
    assertEquals(lone.session.shared.timerWheel.size, 1, "others still wait");
    incoming.releaseInput(100_000);
    assertEquals(lone.calls.map(({ call }) => call.id), [1, 5, 7]);
    assertEquals([incoming.gate.waiting, incoming.gate.held], [0, 0]);
    assertEquals(lone.session.shared.timerWheel.size, 0);
    incoming.holdInput(100_000);
    ask(lone, 2, 9);
    const { requestCredit } = incoming.reader;
    assertEquals(requestCredit.unreturned, incoming.gate.held);
    incoming.gate.clear();
    assertEquals([incoming.gate.waiting, incoming.gate.held], [0, 0]);
    assertEquals(requestCredit.unreturned, 0);
  },
);
