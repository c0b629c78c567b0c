import { accountsOf } from "../accounts.ts";
import { assert, assertEquals } from "@std/assert";
import { ReassemblyTurns } from "../../../../lib/messages/session/flow/reassembly_turns.ts";
import { DEFAULT_LIMITS } from "../../../../lib/messages/session/wire/limits.ts";
import { body, call, hold, readAll, sendAll } from "../session_calls.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Index of `serverStream` in the simulation's table. */
const DOWN = 2;

function newTurns() {
  const budget = { used: 0 };
  const limits = { ...DEFAULT_LIMITS, maxAssembly: 400_000 };
  const turns = new ReassemblyTurns<{ name: string }, string>(budget, limits);
  const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }];
  return { budget, turns, a, b, c };
}

Deno.test(
  "ReassemblyTurns.mayContinue() returns true for all up to a quarter of maxAssembly, then for one",
  pure,
  () => {
    const { budget, turns, a, b } = newTurns();
    budget.used = 100_000;
    assert(turns.mayContinue(a, "a") && turns.mayContinue(b, "b"));
    budget.used = 100_001;
    assertEquals([turns.mayContinue(a, "a"), turns.mayContinue(b, "b")], [
      true,
      false,
    ]);
    assertEquals([turns.mayContinue(a, "a"), turns.waiting], [true, 1]);
    budget.used = 0;
    assert(turns.mayContinue(b, "b"));
  },
);

Deno.test(
  "ReassemblyTurns.done() resumes waiting streams in order, until one continues",
  pure,
  () => {
    const { budget, turns, a, b, c } = newTurns();
    budget.used = 200_000;
    for (const stream of [a, b, c]) turns.mayContinue(stream, stream.name);
    const resumed: string[] = [];
    const resume = (stream: { name: string }, call: string) => {
      if (turns.mayContinue(stream, call)) resumed.push(call);
    };
    turns.done(b, resume); // it was dropped while it waited
    assertEquals([resumed, turns.waiting], [[], 1]);
    turns.done(a, resume);
    assertEquals([resumed, turns.waiting], [["c"], 0]);
    turns.done(c, resume);
    turns.done(c, resume); // a second call has no effect
    assertEquals(resumed, ["c"]);
  },
);

Deno.test(
  "ReassemblyTurns.done() resumes all streams when little is unfinished again",
  pure,
  () => {
    const { budget, turns, a, b, c } = newTurns();
    budget.used = 200_000;
    for (const stream of [a, b, c]) turns.mayContinue(stream, stream.name);
    budget.used = 0;
    const resumed: string[] = [];
    turns.done(a, (_, call) => resumed.push(call));
    assertEquals([resumed, turns.waiting], [["b", "c"], 0]);
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
    const items = [body(4_000_000, 1), body(4_000_000, 2)];
    for (const one of held) sendAll(simulation, server, one, items);
    for (const one of calls) readAll(simulation, client, one);
    simulation.settle();
    for (const { items, errors } of calls) {
      assertEquals(errors, []);
      assertEquals(items.map(({ length }) => length), [4_000_000, 4_000_000]);
    }
    assertEquals(accountsOf(client.session).assembling, 0);
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
    const { assembling, creditPool } = accountsOf(client.session);
    assertEquals(assembling, 0);
    assert(creditPool <= DEFAULT_LIMITS.connectionWindow);
  },
);
