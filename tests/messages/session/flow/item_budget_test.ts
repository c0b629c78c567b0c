import { heldBy, HOLDS_NOTHING } from "../accounts.ts";
import { assertEquals } from "@std/assert";
import { ItemBudget } from "../../../../lib/messages/session/flow/item_budget.ts";
import { body, call, DOWN, hold, readAll, sendAll } from "../session_calls.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns a budget of 100 bytes outside a reserve of 50. */
function newBudget() {
  const budget = new ItemBudget<string>(150, 50);
  const resume = (size: number, awaited = true) => {
    const resumed: string[] = [];
    budget.resume((name) => {
      if (budget.claim(name, size, awaited)) resumed.push(name);
    });
    return resumed.join("");
  };
  return { budget, resume };
}

Deno.test(
  "ItemBudget.claim() lets all streams claim outside the reserve, then one awaited item",
  pure,
  () => {
    const { budget } = newBudget();
    assertEquals([
      budget.claim("a", 60, false),
      budget.claim("b", 40, true),
    ], [true, true]);
    assertEquals(budget.claim("c", 1, false), false); // not awaited
    assertEquals(budget.claim("b", 10, true), true);
    assertEquals(budget.claim("d", 1, true), false); // the reserve is in use
    assertEquals(budget.claim("b", 40, true), true); // by the same item
    assertEquals([budget.used, budget.waiting], [150, 2]);
  },
);

Deno.test(
  "ItemBudget.endClaim() ends the use of the reserve and the wait of a stream",
  pure,
  () => {
    const { budget, resume } = newBudget();
    budget.claim("a", 100, false);
    for (const name of ["b", "c", "d"]) budget.claim(name, 10, true);
    budget.endClaim("c", 0); // it was dropped while it waited
    assertEquals([budget.waiting, resume(10)], [1, ""]);
    budget.endClaim("b", 10);
    assertEquals([resume(10), budget.waiting, budget.used], ["d", 0, 110]);
    budget.endClaim("a", 100);
    budget.endClaim("d", 10);
    assertEquals([budget.used, budget.claimForReserved(1)], [0, false]);
  },
);

Deno.test("ItemBudget.resume() resumes readers first", pure, () => {
  const { budget, resume } = newBudget();
  budget.claim("a", 100, false);
  budget.claim("b", 50, true);
  for (const name of ["c", "d"]) budget.claim(name, 10, false);
  for (const name of ["e", "f"]) budget.claim(name, 10, true);
  budget.release(75); // room for two
  assertEquals([resume(10), budget.waiting], ["ef", 2]);
  budget.release(75);
  assertEquals([resume(10), budget.waiting], ["cd", 0]);
});

Deno.test("ItemBudget.leave() ends the waiting of a stream", pure, () => {
  const { budget, resume } = newBudget();
  budget.claim("a", 100, false);
  budget.claim("b", 50, true);
  budget.claim("c", 10, false);
  budget.claim("d", 10, true);
  budget.leave("c");
  budget.leave("d");
  budget.release(100);
  assertEquals([resume(10), budget.waiting], ["", 0]);
});

Deno.test(
  "ItemBudget.claimGeneral() does not use the reserve",
  pure,
  () => {
    const { budget } = newBudget();
    assertEquals([budget.claimGeneral(101), budget.claimGeneral(100)], [
      false,
      true,
    ]);
    assertEquals([budget.claimGeneral(1), budget.waiting], [false, 0]);
    const small = new ItemBudget<string>(10, 50); // less than its reserve
    assertEquals([small.claimGeneral(1), small.claim("a", 9, true)], [
      false,
      true,
    ]);
  },
);

Deno.test(
  "ItemBudget.claimForReserved() lends up to the reserve beyond the limit while the reserve is in use",
  pure,
  () => {
    const { budget } = newBudget();
    budget.claim("a", 100, false);
    assertEquals(budget.claimForReserved(1), false);
    budget.claim("b", 50, true);
    assertEquals([
      budget.claimForReserved(51),
      budget.claimForReserved(50),
      budget.claimForReserved(1),
      budget.used,
    ], [false, true, false, 200]);
    budget.release(50);
    budget.endClaim("b", 50);
    assertEquals([budget.claimForReserved(1), budget.used], [false, 100]);
  },
);

Deno.test(
  "streams of large items that are read at once stay within maxAssembly without failures",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 16 },
      () => call(simulation, client, { method: DOWN, value: body(1) }),
    );
    simulation.settle();
    let most = 0;
    simulation.delivering = () => {
      most = Math.max(most, client.session.shared.items.budget.used);
    };
    const items = [body(4_000_000, 1), body(4_000_000, 2)];
    for (const one of held) sendAll(simulation, server, one, items);
    for (const one of calls) readAll(simulation, client, one);
    simulation.settle();
    for (const { items, errors } of calls) {
      assertEquals(errors, []);
      assertEquals(items.map(({ length }) => length), [4_000_000, 4_000_000]);
    }
    assertEquals(most <= client.session.limits.maxAssembly / 2, true);
    simulation.advance(20_000); // the account's timer has no effect
    assertEquals(heldBy(client.session), { ...HOLDS_NOTHING, readers: 16 });
    assertEquals(calls.flatMap(({ errors }) => errors), []);
  },
);

Deno.test(
  "a stream that is cancelled within its large item lets the next one continue",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const held = hold(server);
    const calls = Array.from(
      { length: 8 },
      () => call(simulation, client, { method: DOWN, value: body(1) }),
    );
    simulation.settle();
    for (const one of held.slice(4)) {
      sendAll(simulation, server, one, [body(4_000_000)]);
    }
    // These begin as well, and never finish.
    for (const one of calls) readAll(simulation, client, one);
    for (const one of held.slice(0, 4)) {
      sendAll(simulation, server, one, [body(4_000_000)]);
    }
    for (const { call } of calls.slice(0, 4)) {
      client.session.enter(simulation.now).outgoing.giveUp(call, {
        code: "cancelled",
        message: "x",
      });
    }
    simulation.settle();
    for (const { items, errors } of calls.slice(4)) {
      assertEquals([items.length, errors], [1, []]);
    }
    // The four streams still wait for items, without a claim.
    assertEquals(heldBy(client.session), { ...HOLDS_NOTHING, readers: 4 });
  },
);
