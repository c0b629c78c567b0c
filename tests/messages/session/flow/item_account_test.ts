import { accountsOf, heldBy, HOLDS_NOTHING } from "../accounts.ts";
import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import type { SessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { takeItem } from "../../../../lib/messages/session/flow/received_items.ts";
import {
  body,
  call,
  DOWN,
  hold,
  readAll,
  sendAll,
  UP,
} from "../session_calls.ts";
import { errorOf, Lone, message, request, total } from "../lone_session.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

const WINDOW = 65536;
const LIMITS = {
  itemsWindow: WINDOW,
  maxMessage: 65536,
  maxAssembly: 2 ** 20,
  unreadTimeout: 1000,
};

/** Returns a session with calls 1, 3, 5, which send it items. */
function setUp(limits: Partial<SessionLimits> = {}) {
  const lone = Lone.open("server", { ...LIMITS, ...limits });
  for (const id of [1, 3, 5]) lone.receive(Kind.REQUEST, id, request(UP));
  const item = (id: number, size: number, flags = 0) =>
    lone.receive(Kind.ITEM, id, message(body(size - 66)), flags);
  const take = (id: number) =>
    takeItem(
      lone.session.enter(lone.now).shared,
      lone.calls[(id - 1) / 2]!.call,
    );
  const windows = () =>
    lone.sent().filter(({ kind }) => kind === Kind.WINDOW).map(({ body }) =>
      body
    );
  return { lone, item, take, windows };
}

Deno.test(
  "release() grants once a quarter of the window is owed",
  pure,
  () => {
    const { lone, item, take, windows } = setUp();
    for (let n = 0; n < 4; n++) item(1, 5000);
    for (let n = 0; n < 3; n++) take(1);
    assertEquals([windows(), accountsOf(lone.session).itemsOwed], [[], 15_000]);
    take(1);
    assertEquals(windows(), [total(WINDOW + 20_000)]);
    assertEquals(accountsOf(lone.session).itemsOwed, 0);
  },
);

Deno.test(
  "relieve() grants what is owed at once when a reader waits",
  pure,
  () => {
    const { item, take, windows } = setUp({ streamWindow: WINDOW });
    item(1, 1000);
    item(1, 48_500);
    take(1);
    assertEquals(windows(), []);
    assertEquals(take(3), undefined); // its application waits
    const [first] = windows();
    assertEquals(first, total(WINDOW + 1000));
  },
);

Deno.test(
  "relieve() lends from the item budget, and is repaid as items are taken",
  pure,
  () => {
    const { lone, item, take, windows } = setUp({ streamWindow: WINDOW });
    item(1, 60_000);
    assertEquals([take(3), accountsOf(lone.session).readers], [undefined, 1]);
    const { itemsLent, itemBudget, itemsGranted } = accountsOf(lone.session);
    assertEquals([itemsLent, itemBudget], [itemsGranted - 5536, itemsLent]);
    assertEquals(itemsGranted, WINDOW / 2);
    assertEquals(windows(), [total(WINDOW + itemsLent)]);
    take(1);
    const after = accountsOf(lone.session);
    assertEquals([after.itemsLent, after.itemBudget], [0, 0]);
    assertEquals(after.itemsGranted + after.itemsOwed, WINDOW);
  },
);

Deno.test("nothing is lent while no application waits", pure, () => {
  const { lone, item, windows } = setUp({ streamWindow: WINDOW });
  item(1, 60_000);
  item(3, 60_000);
  lone.advance(5000);
  assertEquals([windows(), accountsOf(lone.session).itemsLent], [[], 0]);
  assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 0, 0]);
});

Deno.test(
  "expire() ends the stream that was unread longest once nothing can be lent",
  pure,
  () => {
    const { lone, item, take } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 262_144, // all of the item budget is its reserve
    });
    lone.advance(100);
    item(3, 30_000);
    item(1, 5000);
    item(1, 29_000);
    lone.advance(100);
    take(1); // read later than call 3
    assertEquals(take(5), undefined);
    lone.sent();
    lone.advance(900);
    assertEquals(lone.sentKinds(), []);
    lone.advance(200);
    const [error] = lone.sent().filter(({ kind }) => kind === Kind.ERROR);
    assertEquals([error?.id, errorOf(error!).code, errorOf(error!).retry], [
      3,
      6,
      1,
    ]);
    assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 1, 0]);
    assertEquals([lone.ends, accountsOf(lone.session).timers], [[], 0]);
  },
);

Deno.test(
  "expire() waits for a stream that was read while others lacked credit",
  pure,
  () => {
    const { lone, item, take } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 262_144, // all of the item budget is its reserve
    });
    item(3, 1000);
    item(3, 60_000);
    assertEquals(take(5), undefined);
    lone.advance(900);
    take(3);
    lone.advance(900);
    assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 0, 0]);
    lone.advance(200);
    assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 1, 0]);
  },
);

Deno.test(
  "expire() ends no stream if the reader got its item meanwhile",
  pure,
  () => {
    const { lone, item, take } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 262_144,
    });
    item(3, 60_000);
    take(5);
    item(5, 1000);
    lone.advance(5000);
    assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 0, 0]);
    assertEquals(accountsOf(lone.session).timers, 0);
  },
);

Deno.test(
  "the item that uses the reserve is lent frame by frame until it is complete",
  pure,
  () => {
    const { lone, item, take, windows } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 262_144,
    });
    item(1, 10_000);
    item(3, 54_000); // unread
    assertEquals(take(5), undefined);
    item(5, 16_000, Flag.MORE);
    const before = accountsOf(lone.session);
    assertEquals([before.itemsGranted > 0, windows().length > 0], [true, true]);
    lone.receive(Kind.ITEM, 5, body(16_000));
    assertEquals(lone.calls[2]?.items.length, 1);
    for (const id of [1, 3]) take(id);
    const { itemsGranted, itemsOwed } = accountsOf(lone.session);
    assertEquals(itemsGranted + itemsOwed, WINDOW);
    assertEquals({ ...heldBy(lone.session), timers: 0 }, HOLDS_NOTHING);
  },
);

Deno.test(
  "a reader makes progress however many streams are unread",
  pure,
  () => {
    const simulation = new Simulation({ limits: LIMITS }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 20 },
      () => call(simulation, client, { method: DOWN, value: body(1) }),
    );
    simulation.settle();
    const items = Array.from({ length: 20 }, () => body(30_000));
    for (const one of held.slice(1)) sendAll(simulation, server, one, items);
    simulation.advance(100);
    sendAll(simulation, server, held[0]!, items);
    readAll(simulation, client, calls[0]!);
    simulation.advance(30_000);
    assertEquals([calls[0]?.items.length, calls[0]?.errors], [20, []]);
    assertEquals([client.ended, server.ended], [false, false]);
  },
);

Deno.test(
  "expire() ends unread streams until a reader has its item",
  pure,
  () => {
    const simulation = new Simulation({ limits: LIMITS }).open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 60 },
      () => call(simulation, client, { method: DOWN, value: body(1) }),
    );
    simulation.settle();
    const items = Array.from({ length: 5 }, () => body(10_000));
    for (const one of held.slice(1)) sendAll(simulation, server, one, items);
    simulation.advance(100);
    sendAll(simulation, server, held[0]!, items);
    readAll(simulation, client, calls[0]!);
    simulation.advance(10 * LIMITS.unreadTimeout);
    assertEquals([calls[0]?.items.length, calls[0]?.errors], [5, []]);
    assertEquals([client.ended, server.ended], [false, false]);
  },
);

Deno.test(
  "expire() ends unread streams at shorter and shorter intervals",
  pure,
  () => {
    const { lone, item, take } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 262_144, // all of the item budget is its reserve
    });
    for (let id = 7; id <= 41; id += 2) {
      lone.receive(Kind.REQUEST, id, request(UP));
    }
    item(3, 60_000);
    assertEquals(take(1), undefined); // its application waits
    const times: number[] = [];
    for (let next = 5; next <= 41; next += 2) {
      const ended = lone.calls[(next - 3) / 2]!;
      while (ended.cancels.length === 0) lone.advance(1);
      times.push(lone.now);
      item(next, 60_000); // another one uses up what was released
    }
    const pauses = times.map((at, index) => at - (times[index - 1] ?? 0));
    // A tenth, then half as long each time; timers have steps of 8 ms.
    assertEquals(pauses, [1000, 104, 56, 32, 16, ...Array(14).fill(16)]);
  },
);

Deno.test(
  "release() grants what is owed at once while a reader waits for an item",
  pure,
  () => {
    const { lone, item, take, windows } = setUp({
      streamWindow: WINDOW,
      maxAssembly: 4 * WINDOW,
    });
    item(1, 9000);
    item(3, 48_000); // 8,536 bytes are available, less than a quarter
    take(5);
    assertEquals(windows(), []);
    take(1);
    assertEquals(windows(), [total(WINDOW + 9000)]);
    lone.advance(2000);
    assertEquals(lone.calls.map(({ cancels }) => cancels.length), [0, 0, 0]);
  },
);

Deno.test(
  "unread items of a call that has succeeded are dropped before a reader starves",
  pure,
  () => {
    const limits = {
      ...LIMITS,
      streamWindow: WINDOW,
      maxAssembly: 4 * WINDOW,
    };
    const lone = Lone.open("client", limits);
    const [unread, read] = [1, 2].map(() => lone.call({ method: DOWN }));
    lone.receive(Kind.ITEM, 1, message(body(50_000)));
    lone.receive(Kind.RESULT, 1, message());
    assertEquals(
      takeItem(lone.session.enter(lone.now).shared, read!.call),
      undefined,
    );
    assertEquals(accountsOf(lone.session).itemsGranted < WINDOW / 4, true);
    lone.advance(1010);
    assertEquals(accountsOf(lone.session).itemsGranted > WINDOW / 4, true);
    assertEquals([unread!.settled, read!.settled], [1, 0]);
    const [error] = unread!.dropped;
    assertEquals([error?.code, error?.processed, error?.retry], [
      "overloaded",
      "yes",
      "never",
    ]);
    assertEquals(
      takeItem(lone.session.enter(lone.now).shared, unread!.call),
      undefined,
    );
    assertEquals(lone.ends, []);
  },
);

Deno.test("a call that ends within an item holds nothing", pure, () => {
  const lone = Lone.open("client", LIMITS);
  lone.call({ method: DOWN });
  lone.receive(Kind.ITEM, 1, message(body(1000)), Flag.MORE);
  assertEquals(heldBy(lone.session), {
    ...HOLDS_NOTHING,
    itemHolders: 1,
    itemBudget: accountsOf(lone.session).itemBudget,
    timers: 1,
  });
  lone.receive(Kind.RESULT, 1, message());
  assertEquals(heldBy(lone.session), HOLDS_NOTHING);
});
