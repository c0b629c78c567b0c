/**
 * The suite covers every limit, no two attacks are alike, and the README lists
 * them all.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../lib/messages/session/wire/limits.ts";
import { tableRows } from "../messages/readme.ts";
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks.ts";
import { HandlerCount } from "./handler_count.ts";
import { type Measurement, problems } from "./measurement.ts";
import { budgetCell, fixedCells } from "./table.ts";

function repeated(keys: readonly string[]): string[] {
  return keys.filter((key, at) => keys.indexOf(key) !== at);
}

Deno.test("no two attacks share resource, session state and frame kind", () => {
  const keys = attacks.map(({ victim, resource, state, kind }) =>
    [victim, resource, state, kind].join(", ")
  );
  assertEquals(repeated(keys), []);
  assertEquals(repeated(attacks.map(({ name }) => name)), []);
});

Deno.test("the suite has at least 40 attacks on a server and 10 on a client", () => {
  const on = (victim: Attack["victim"]) =>
    attacks.filter((attack) => attack.victim === victim).length;
  assertEquals([on("server") >= 40, on("client") >= 10], [true, true]);
});

Deno.test("an attack reaches each limit", () => {
  const reached = new Set(attacks.flatMap(({ limits = [] }) => limits));
  const known = [...Object.keys(DEFAULT_LIMITS), "maxSessions", "depth"];
  assertEquals(
    [...known, "nodes", "bytes", "maxHeld", "maxKeys"].filter((limit) =>
      !reached.has(limit)
    ),
    [],
  );
});

Deno.test("the README lists the attacks with their budgets", () => {
  const rows = tableRows("Attacks");
  assertEquals([...rows.keys()], attacks.map(({ name }) => name));
  for (const attack of attacks) {
    const cells = rows.get(attack.name)!;
    assertEquals(
      [...cells.slice(0, 4), cells[7]],
      [...fixedCells(attack).slice(1), budgetCell(attack)],
    );
  }
});

Deno.test("problems() names every rule that a measurement breaks", () => {
  const attack: Attack = {
    name: "test",
    victim: "server",
    resource: "none",
    state: "open",
    kind: "PING",
    budget: 100,
    sees: ["PONG"],
    atLeast: { END: 2 },
    atMost: { PONG: 3, handlers: 1 },
    perSecond: { PONG: 1 },
    *script() {},
  };
  const good: Measurement = {
    sent: 1,
    seconds: 2,
    connections: 1,
    seen: { PONG: 5, END: 2 },
    handlers: 1,
    consumed: true,
    held: 100,
    rss: 2 ** 20,
    left: 0,
    heap: { first: 1, before: 1, idle: 1, most: 101, after: 1 },
    calls: 10,
    lost: 0,
    slowdown: 1,
  };
  assertEquals(problems(attack, good), []);
  const broken: readonly Partial<Measurement>[] = [
    { seen: { END: 2 } },
    { seen: { PONG: 5, END: 1 } },
    { seen: { PONG: 6, END: 2 } },
    { seconds: 1 },
    { handlers: 2 },
    { consumed: false },
    { held: 101 },
    { rss: 2 ** 29 },
    { left: 2 ** 23 },
    { calls: 0 },
    { lost: 1 },
  ];
  for (const part of broken) {
    assertEquals(problems(attack, { ...good, ...part }).length, 1);
  }
});

Deno.test("handlers of an earlier attack do not count", async () => {
  const handlers = new HandlerCount();
  const earlier = Promise.withResolvers<void>();
  const runs = [handlers.during(earlier.promise)];
  assertEquals(handlers.most, 1);
  handlers.restart();
  const later = Promise.withResolvers<void>();
  for (let at = 0; at < 2; at++) runs.push(handlers.during(later.promise));
  earlier.resolve();
  await runs[0];
  runs.push(handlers.during(later.promise));
  assertEquals(handlers.most, 3);
  later.resolve();
  await Promise.all(runs);
  assertEquals(handlers.most, 3);
});
