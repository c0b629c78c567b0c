import { assertEquals } from "@std/assert";
import {
  Reassembly,
  type ReassemblyBudget,
  type ReassemblyHost,
} from "../../../../lib/messages/session/flow/reassembly.ts";
import { LinkTime } from "../../../../lib/messages/session/time/link_time.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";

const pure = { permissions: "none" } as const;
const limits = resolveSessionLimits({
  maxMessage: 65536,
  maxMetadata: 0,
  maxFragments: 4,
  maxAssembly: 131_072,
});
const newBudget = () => ({ used: 0, limit: 100_000 });

function newReassembly(
  budget: ReassemblyBudget | undefined,
  under = limits,
): Reassembly {
  const host = { limits: under, linkTime: new LinkTime({ now: 0 }) };
  return new Reassembly(host, budget, () => {});
}

/** A message whose parts arrive over time; one byte per ms is fast enough. */
class Arrival {
  readonly #clock = { now: 8 };
  readonly host: ReassemblyHost;
  reason: string | undefined = undefined;
  readonly message: Reassembly;

  constructor(limits: { minReadRate?: number } = {}) {
    this.host = {
      limits: resolveSessionLimits({
        assemblyTimeout: 1000,
        minReadRate: 1000,
        maxFragments: 10_000,
        ...limits,
      }),
      linkTime: new LinkTime(this.#clock),
    };
    this.message = new Reassembly(
      this.host,
      newBudget(),
      (reason) => this.reason = reason,
    );
    this.message.startTimer();
  }

  /** Adds parts at regular times; returns how many arrived in time. */
  add(parts: number, bytes: number, ms: number): number {
    for (let part = 0; part < parts; part++) {
      this.wait(ms);
      if (this.reason !== undefined) return part;
      assertEquals(this.message.add(new Uint8Array(bytes)), undefined);
    }
    return parts;
  }

  wait(ms: number): void {
    this.#clock.now += ms;
    this.host.linkTime.advance();
  }
}

Deno.test(
  "Reassembly copies and joins the parts, and claims and releases the budget",
  pure,
  () => {
    const budget = newBudget();
    const reassembly = newReassembly(budget);
    const part = Uint8Array.of(1, 2);
    assertEquals(reassembly.add(part), undefined);
    part.fill(9);
    assertEquals(reassembly.add(Uint8Array.of(3)), undefined);
    assertEquals([budget.used, reassembly.bytes], [0, 3]);
    assertEquals(reassembly.claim(), undefined);
    assertEquals(reassembly.claim(), undefined); // counted once
    assertEquals(budget.used, 3);
    assertEquals(reassembly.finish(), Uint8Array.of(1, 2, 3));
    assertEquals(budget.used, 0);
    reassembly.drop();
    assertEquals(budget.used, 0);
  },
);

Deno.test(
  "Reassembly.add() returns the bound that a part exceeds, and drops that part",
  pure,
  () => {
    const budget = newBudget();
    const reassembly = newReassembly(budget);
    assertEquals(reassembly.add(new Uint8Array(65536 + 1025)), "too-large");
    for (let n = 0; n < 4; n++) {
      assertEquals(
        reassembly.add(new Uint8Array()),
        undefined,
      );
    }
    assertEquals(reassembly.add(new Uint8Array()), "too-many");
    const other = newReassembly(budget);
    assertEquals(other.add(new Uint8Array(60_000)), undefined);
    assertEquals(other.claim(), undefined);
    const third = newReassembly(budget);
    assertEquals(third.add(new Uint8Array(60_000)), undefined);
    assertEquals(third.claim(), "over-budget");
    assertEquals(budget.used, 60_000);
  },
);

Deno.test(
  "Reassembly joins parts of all sizes in order",
  pure,
  () => {
    const sizes = [1, 0, 1023, 1024, 5, 4000, 700, 700, 900, 1000, 1000, 3, 2];
    const many = { ...limits, maxFragments: sizes.length };
    const reassembly = newReassembly(newBudget(), many);
    const whole = sizes.flatMap((size, index) =>
      new Array<number>(size).fill(index)
    );
    let at = 0;
    for (const size of sizes) {
      const part = Uint8Array.from(whole.slice(at, at += size));
      assertEquals(reassembly.add(part), undefined);
      part.fill(99);
    }
    assertEquals(reassembly.bytes, whole.length);
    assertEquals(reassembly.finish(), Uint8Array.from(whole));
  },
);

Deno.test(
  "Reassembly.claim() lets one message alone exceed the budget",
  pure,
  () => {
    const budget = { used: 0, limit: 10 };
    const alone = newReassembly(budget);
    const other = newReassembly(budget);
    for (let n = 0; n < 2; n++) {
      alone.add(new Uint8Array(50));
      assertEquals(alone.claim(), undefined);
    }
    other.add(new Uint8Array(1));
    assertEquals([other.claim(), budget.used], ["over-budget", 100]);
    alone.drop();
    assertEquals([other.claim(), budget.used], [undefined, 1]);
  },
);

Deno.test(
  "Reassembly without a budget leaves its claim to the item budget",
  pure,
  () => {
    const item = newReassembly(undefined);
    item.add(new Uint8Array(50));
    assertEquals([item.claim(), item.claimed], [undefined, 0]);
    assertEquals([item.finish().length, item.claimed], [50, 0]);
  },
);

Deno.test(
  "Reassembly waits for a message that arrives at minReadRate, however long",
  pure,
  () => {
    const arrival = new Arrival();
    assertEquals(arrival.add(300, 992, 992), 300);
    assertEquals(arrival.message.bytes, 297_600);
    arrival.wait(992);
    assertEquals(arrival.reason, undefined);
    arrival.wait(8);
    assertEquals(
      arrival.reason,
      "less than 1000 bytes per second of it arrived for 1000 ms (limits minReadRate, assemblyTimeout)",
    );
    assertEquals(arrival.host.linkTime.size, 0);
  },
);

Deno.test(
  "Reassembly ends a message whose parts arrive too slowly, however many",
  pure,
  () => {
    const arrival = new Arrival();
    // Each part of 60 bytes comes 20 ms late, which adds up to 1000 ms.
    assertEquals(arrival.add(100, 60, 80), 46);
    const dribble = new Arrival();
    assertEquals(dribble.add(1000, 1, 104), 9);
    const empty = new Arrival();
    assertEquals(empty.add(1000, 0, 8), 124);
  },
);

Deno.test(
  "Reassembly lets no burst pay for a later pause",
  pure,
  () => {
    const arrival = new Arrival();
    assertEquals(arrival.add(1, 90_000, 0), 1);
    arrival.wait(992);
    assertEquals(arrival.reason, undefined);
    arrival.wait(8);
    assertEquals(typeof arrival.reason, "string");
  },
);

Deno.test(
  "Reassembly with minReadRate 0 needs one part in assemblyTimeout",
  pure,
  () => {
    const arrival = new Arrival({ minReadRate: 0 });
    assertEquals(arrival.add(300, 1, 992), 300);
    assertEquals(arrival.add(1, 0, 992), 1);
    assertEquals(arrival.add(1, 1, 1000), 0);
  },
);

Deno.test(
  "Reassembly.stopTimer() stops the time, and drop() as well",
  pure,
  () => {
    const arrival = new Arrival();
    arrival.wait(504);
    arrival.message.stopTimer();
    arrival.wait(5000);
    arrival.message.add(new Uint8Array(9)); // does not start the time
    assertEquals(arrival.host.linkTime.size, 0);
    arrival.message.startTimer();
    arrival.wait(496);
    arrival.message.startTimer(); // has no effect
    arrival.host.linkTime.cut();
    arrival.wait(60_000); // no part can arrive
    arrival.host.linkTime.resume();
    arrival.wait(496);
    assertEquals(arrival.reason, undefined);
    arrival.wait(8);
    assertEquals(typeof arrival.reason, "string");
    for (const end of ["drop", "finish"] as const) {
      const { message, host } = new Arrival();
      assertEquals(host.linkTime.size, 1);
      message[end]();
      assertEquals(host.linkTime.size, 0);
    }
  },
);

Deno.test(
  "Reassembly stores small parts together, also between large ones",
  pure,
  () => {
    const message = newReassembly(newBudget(), {
      ...limits,
      maxMessage: 2 ** 20,
      maxFragments: 10_000,
    });
    const parts = [1, 0, 4000, 60, 60_000, 3, 4, 5].concat(Array(3000).fill(7));
    const set = Uint8Array.prototype.set;
    const owners = new Set<unknown>();
    Uint8Array.prototype.set = function (this: Uint8Array, ...args) {
      owners.add(this.buffer);
      return set.apply(this, args);
    };
    try {
      for (const [index, size] of parts.entries()) {
        assertEquals(
          message.add(new Uint8Array(size).fill(index & 255)),
          undefined,
        );
      }
    } finally {
      Uint8Array.prototype.set = set;
    }
    const small = parts.filter((size) => size < 100).length;
    assertEquals(owners.size < small / 10, true, `${owners.size} buffers`);
    const whole = new Uint8Array(message.bytes);
    let at = 0;
    for (const [index, size] of parts.entries()) {
      whole.fill(index & 255, at, at += size);
    }
    assertEquals(message.finish(), whole);
    assertEquals([message.bytes, message.finish().length], [0, 0]);
  },
);

Deno.test(
  "Reassembly accepts a message of exactly the most bytes and frames",
  pure,
  () => {
    // The body, and the method number and the fields before it.
    const most = limits.maxMessage + limits.maxMetadata + 1024;
    for (const [more, fault] of [[0, undefined], [1, "too-large"]] as const) {
      const message = newReassembly(newBudget());
      assertEquals(message.add(new Uint8Array(most - 1)), undefined);
      assertEquals(message.add(new Uint8Array(1 + more)), fault);
    }
    const message = newReassembly(newBudget());
    const faults = Array.from(
      { length: 5 },
      () => message.add(new Uint8Array(1)),
    );
    assertEquals(faults.map((fault) => fault ?? ""), [
      "",
      "",
      "",
      "",
      "too-many",
    ]);
  },
);

Deno.test("Reassembly fills a chunk with small parts completely", pure, () => {
  const set = Uint8Array.prototype.set;
  /** Returns the sizes of the buffers to which parts of this size are copied. */
  function buffers(size: number, count: number): number[] {
    const message = newReassembly(newBudget(), { ...limits, maxFragments: 99 });
    const owners = new Set<ArrayBufferLike>();
    Uint8Array.prototype.set = function (this: Uint8Array, ...args) {
      owners.add(this.buffer);
      return set.apply(this, args);
    };
    try {
      for (let n = 0; n < count; n++) message.add(new Uint8Array(size));
    } finally {
      Uint8Array.prototype.set = set;
    }
    return [...owners].map(({ byteLength }) => byteLength);
  }
  const [chunk] = buffers(1, 1);
  const small = chunk! / 4;
  assertEquals(buffers(small / 2, 8), [chunk]);
  assertEquals(buffers(small / 2, 9), [chunk, chunk]);
  assertEquals(buffers(small - 1, 4), [chunk]);
  assertEquals(buffers(small, 4), []); // each is kept on its own
});
