import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type MemoryAccount,
  MemoryBudget,
  type MemoryHolder,
} from "../../../lib/messages/connection/memory_budget.ts";

const pure = { permissions: "none" } as const;
const MiB = 2 ** 20;

/** A session that holds what a test says, until it is evicted. */
class Held implements MemoryHolder {
  readonly account: MemoryAccount;
  accepted = true;
  restricted = false;
  readonly evictions: string[] = [];

  constructor(budget: MemoryBudget, accepted = true) {
    this.account = budget.open();
    this.account.holder = this;
    this.accepted = accepted;
  }

  restrict(restricted: boolean): void {
    this.restricted = restricted;
  }

  evict(message: string): void {
    this.evictions.push(message);
    this.account.update(0, 0);
  }
}

function sessions(budget: MemoryBudget, count: number): Held[] {
  return Array.from({ length: count }, () => new Held(budget));
}

function evicted(held: readonly Held[]): number[] {
  return held.flatMap(({ evictions }, at) => evictions.length > 0 ? [at] : []);
}

Deno.test("a budget adds up what sessions hold", pure, () => {
  const budget = new MemoryBudget("server", 64 * MiB);
  const [one, other] = sessions(budget, 2);
  one!.account.update(5, 0);
  other!.account.update(7, 0);
  one!.account.update(3, 0);
  assertEquals([budget.used, budget.full], [10, false]);
  budget.close(one!.account);
  one!.account.update(0, 0);
  assertEquals(budget.used, 7);
});

Deno.test(
  "above three eighths, sessions above their share are restricted",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const held = sessions(budget, 8); // a share is 4 MiB
    for (const { account } of held.slice(0, 4)) account.update(5 * MiB, 0);
    assertEquals(
      held.map(({ restricted }) => restricted),
      Array(8).fill(false),
    );
    held[5]!.account.update(4 * MiB, 0); // 24 MiB in all
    assertEquals(held[5]!.restricted, false);
    held[0]!.account.update(6 * MiB, 0);
    assertEquals([held[0]!.restricted, held[1]!.restricted], [true, false]);
    held[1]!.account.update(4 * MiB, 0); // the pressure ends
    assertEquals(held[0]!.restricted, false);
  },
);

Deno.test(
  "above half of the limit, unauthenticated sessions end first, then heavy ones",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const held = sessions(budget, 9);
    held[3]!.accepted = held[4]!.accepted = false;
    for (const [at, { account }] of held.entries()) {
      account.update(at * MiB / 4, 0);
    }
    held[0]!.account.update(16 * MiB, 0);
    held[1]!.account.update(7.5 * MiB, 0); // 32.25 MiB in all
    assertEquals(evicted(held), [4]);
    held[2]!.account.update(2 * MiB, 0); // 32.75 MiB
    assertEquals(evicted(held), [3, 4]);
    held[2]!.account.update(2.5 * MiB, 0); // 32.5 MiB: the heaviest has 16
    assertEquals(evicted(held), [0, 3, 4]);
    assertStringIncludes(
      held[0]!.evictions[0]!,
      "held 16777216 bytes, and all sessions together have used up the server's memory (option memory, 67108864 bytes)",
    );
  },
);

Deno.test("a session above a quarter of the limit ends", pure, () => {
  const budget = new MemoryBudget("server", 64 * MiB);
  const [one] = sessions(budget, 1);
  one!.account.update(16 * MiB, 0);
  assertEquals(one!.evictions.length, 0);
  one!.account.update(16 * MiB + 1, 0);
  assertEquals(one!.evictions.length, 1);
  assertStringIncludes(
    one!.evictions[0]!,
    "one session may hold a quarter of the server's memory (option memory",
  );
});

Deno.test(
  "handlers of ended sessions cost no other session its place",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const ended = sessions(budget, 5);
    for (const { account } of ended) {
      account.update(15 * MiB, 0);
      budget.close(account); // its handlers still hold their inputs
    }
    const live = sessions(budget, 2);
    for (const { account } of live) account.update(MiB, 0);
    assertEquals([evicted(live), budget.full], [[], true]);
  },
);

Deno.test(
  "memory of ended sessions costs no look at all sessions for each event",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    for (const { account } of sessions(budget, 5)) {
      account.update(15 * MiB, 0);
      budget.close(account); // its handlers still hold their inputs
    }
    const live = sessions(budget, 100);
    let looks = 0;
    for (const one of live) {
      Object.defineProperty(one, "accepted", {
        get: () => {
          looks++;
          return true;
        },
      });
    }
    for (let held = 1; held <= 1000; held++) live[0]!.account.update(held, 0);
    assertEquals(looks <= 2 * live.length, true);
    live[0]!.account.update(2 * MiB, 0); // above its share
    assertEquals(evicted(live), [0]);
  },
);

Deno.test("a budget must be an integer of at least 1 MiB", pure, () => {
  for (const limit of [0, 2 ** 20 - 1, 1.5 * 2 ** 20 + 0.5, NaN, Infinity]) {
    assertThrows(
      () => new MemoryBudget("server", limit),
      RangeError,
      `${limit}`,
    );
  }
});

Deno.test(
  "close() leaves a session alone, whatever its handlers still hold",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const [ended, heavy] = sessions(budget, 2);
    ended!.account.update(15 * MiB, 0);
    budget.close(ended!.account);
    ended!.account.update(17 * MiB, 0); // above a quarter
    heavy!.account.update(10 * MiB, 0); // together above three eighths
    assertEquals(evicted([ended!, heavy!]), []);
    assertEquals([ended!.restricted, budget.used], [false, 27 * MiB]);
    ended!.account.update(0, 0);
    assertEquals(budget.used, 10 * MiB);
  },
);

Deno.test(
  "a session is evicted above a quarter of the memory, and once",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const [one] = sessions(budget, 1);
    one!.account.update(16 * MiB, 0);
    assertEquals(evicted([one!]), []);
    one!.account.update(16 * MiB + 1, 0);
    one!.account.update(17 * MiB, 0);
    assertEquals(one!.evictions.length, 1);
  },
);

Deno.test(
  "a budget is full, and relieved, at exactly half of its limit",
  pure,
  () => {
    for (const more of [-1, 0, 1]) {
      const budget = new MemoryBudget("server", 64 * MiB);
      const held = sessions(budget, 4);
      const ends = (count: number) => assertEquals(evicted(held).length, count);
      for (const { account } of held.slice(0, 2)) account.update(16 * MiB, 0);
      held[3]!.account.update(0, 0);
      assertEquals(budget.full, true);
      ends(0);
      held[1]!.account.update(16 * MiB - 1, 0);
      assertEquals(budget.full, false);
      held[1]!.account.update(16 * MiB, 0);
      held[3]!.account.update(0, 0);
      // One session ends; what is left must not exceed half of the limit.
      held[2]!.account.update(16 * MiB - 1, 0);
      ends(1);
      const rest = held.filter(({ evictions }) => evictions.length === 0);
      assertEquals(budget.used, 32 * MiB - 1);
      rest.at(-1)!.account.update(1 + more, 0);
      ends(more > 0 ? 2 : 1);
    }
  },
);

Deno.test(
  "a budget ends sessions without a connection before others, as few as it can",
  pure,
  () => {
    const budget = new MemoryBudget("server", 64 * MiB);
    const [one, other, last] = sessions(budget, 3);
    const hibernating = budget.open();
    let left = 3; // sessions of one byte
    budget.endHibernating = () => {
      if (left === 0) return false;
      hibernating.update(--left, 0);
      return true;
    };
    hibernating.update(left, 0);
    for (const session of [one!, other!]) {
      session.account.update(16 * MiB - 2, 0);
    }
    last!.account.update(1, 0);
    assertEquals([budget.used, left], [32 * MiB, 3]);
    last!.account.update(3, 0);
    assertEquals([budget.used, left], [32 * MiB, 1]);
    last!.account.update(5, 0);
    assertEquals([left, evicted([one!, other!, last!])], [0, [0]]);
  },
);
