import { assertEquals } from "@std/assert";
import {
  type ResumableSession,
  ResumeRegistry,
} from "../../../lib/messages/server/resume_registry.ts";

const pure = { permissions: "none" } as const;
const COST = 4 * 1024;
const MINUTES = 60_000;

/** A session that can be resumed, until the registry ends it. */
class Resumable implements ResumableSession {
  heard = false;
  ended: string | undefined = undefined;

  constructor(
    readonly registry: ResumeRegistry<Resumable>,
    readonly name: string,
    readonly received = 7,
  ) {}

  endHibernation(why: string): void {
    this.ended = why;
    this.registry.remove(this, 0);
  }
}

function registryOf(limits: { perPrincipal?: number; memory?: number } = {}) {
  const registry = new ResumeRegistry<Resumable>({
    ...{ perPrincipal: 100, memory: 1e9 },
    ...limits,
  });
  const all: Resumable[] = [];
  /** Adds a session; its token is its name. */
  const add = (name: string, principal?: string) => {
    const session = new Resumable(registry, name);
    all.push(session);
    registry.add(session, principal, name);
    return session;
  };
  const ended = () => all.filter(({ ended }) => ended).map(({ name }) => name);
  return { registry, add, ended };
}

Deno.test("a session of the principal that holds most ends first", pure, () => {
  const { registry, add, ended } = registryOf({ memory: 100_000 });
  registry.hibernate(add("a1", "a"), 30_000 - COST, "");
  registry.hibernate(add("b1", "b"), 20_000 - COST, "");
  registry.hibernate(add("b2", "b"), 20_000 - COST, "");
  registry.hibernate(add("c1", "c"), 30_000 - COST, "");
  assertEquals([ended(), registry.hibernating], [[], 4]); // exactly at the limit
  const light = add("d1", "d");
  registry.hibernate(light, 0, "");
  assertEquals(ended(), ["b1"]); // together, those of b held most
  registry.update(light, 40_000 - COST);
  assertEquals([ended(), registry.hibernating], [["b1", "d1"], 3]);
  registry.endAll("the server ends");
  assertEquals([ended().length, registry.hibernating], [5, 0]);
});

Deno.test(
  "a session that has no token, or has ended, never waits",
  pure,
  () => {
    const { registry, add, ended } = registryOf({ memory: 10_000 });
    const session = add("a1", "a");
    registry.remove(session, 0);
    for (const one of [session, new Resumable(registry, "b1")]) {
      registry.hibernate(one, 40_000, "");
      registry.update(one, 50_000);
    }
    assertEquals([ended(), registry.hibernating], [[], 0]);
  },
);

Deno.test("a session that is resumed holds nothing here", pure, () => {
  const { registry, add, ended } = registryOf({ memory: 50_000 });
  const first = add("a1", "a");
  registry.hibernate(first, 40_000, "");
  const entry = registry.find(
    { hash: "a1", generation: 1, principal: "a" },
    0,
  );
  if ("reason" in entry) throw new Error(entry.reason);
  registry.resumed(entry, { used: "a1", next: "a2", generation: 1 });
  registry.update(first, 1e6); // it has a link
  assertEquals(registry.hibernating, 0);
  registry.hibernate(add("b1", "b"), 40_000, "");
  assertEquals(ended(), []);
});

Deno.test(
  "a principal, or an address without one, has a bounded number of sessions",
  pure,
  () => {
    const { registry, add, ended } = registryOf({ perPrincipal: 2 });
    for (const name of ["1", "2", "3"]) {
      registry.hibernate(
        add(name, "a"),
        0,
        "x",
      );
    }
    assertEquals(ended(), ["1"]); // the oldest
    for (const name of ["4", "5"]) registry.hibernate(add(name), 0, "a");
    assertEquals(ended(), ["1"]); // an address is no principal of that name
    registry.hibernate(add("6"), 0, "other");
    assertEquals(ended(), ["1"]);
    registry.hibernate(add("7"), 0, "a");
    assertEquals(ended(), ["1", "4"]);
  },
);

Deno.test(
  "a tombstone has the position of an ended session for ten minutes",
  pure,
  () => {
    const { registry, add } = registryOf();
    const session = add("a1", "a");
    const find = (now: number, generation = 1, principal = "a") =>
      registry.find({ hash: "a1", generation, principal }, now);
    const reason = (found: ReturnType<typeof find>) =>
      "reason" in found ? [found.reason, found.received] : ["found"];
    assertEquals(reason(find(0)), ["found"]);
    assertEquals(reason(find(0, 1, "b")), ["other-principal", undefined]);
    assertEquals(reason(find(0, 0)), ["unknown", undefined]);
    assertEquals(registry.knows("a1"), true);
    registry.remove(session, 1000);
    registry.remove(session, 5000); // once
    assertEquals([registry.knows("a1"), registry.size], [false, 1]);
    assertEquals(reason(find(1000 + 10 * MINUTES - 1)), ["expired", 7]);
    assertEquals(reason(find(1000 + 10 * MINUTES)), ["unknown", undefined]);
  },
);

Deno.test("a new principal of a session counts from then on", pure, () => {
  const { registry, add } = registryOf();
  const session = add("a1", "a");
  registry.setPrincipal(session, "b");
  const found = registry.find({ hash: "a1", generation: 1, principal: "b" }, 0);
  assertEquals("reason" in found, false);
});

Deno.test(
  "a registry forgets principals without sessions that wait",
  pure,
  () => {
    const { registry, add, ended } = registryOf();
    assertEquals(registry.endHeaviest("no memory"), false);
    for (const name of ["one", "two"]) add(name, name);
    const entry = registry.find({
      hash: "one",
      generation: 1,
      principal: "one",
    }, 0);
    if ("reason" in entry) throw new Error(entry.reason);
    assertEquals(
      registry.endHeaviest("no memory"),
      false,
      "none waits for a link",
    );
    registry.hibernate(entry.session, 100, "");
    assertEquals([registry.hibernating, registry.endHeaviest("no memory")], [
      1,
      true,
    ]);
    assertEquals(ended(), ["one"]);
    assertEquals([registry.hibernating, registry.endHeaviest("no memory")], [
      0,
      false,
    ]);
  },
);
