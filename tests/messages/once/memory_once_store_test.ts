import { assertEquals, assertThrows } from "@std/assert";
import {
  MemoryOnceStore,
  memoryOnceStore,
  type MemoryOnceStoreOptions,
} from "../../../lib/messages/once/memory_once_store.ts";
import type {
  OnceCall,
  OnceReservation,
} from "../../../lib/messages/once/once_store.ts";

const MINUTE = 60_000;
const START = 1_796_000_000_000;
const OUTCOME = Uint8Array.of(1, 2, 3);

/** A store whose clock the test advances, and its calls. */
class Bench {
  now = START;
  readonly store: MemoryOnceStore;

  constructor(options: MemoryOnceStoreOptions = {}) {
    this.store = new MemoryOnceStore(options, () => this.now);
  }

  /** Returns a call that a client has numbered. */
  call(number: number, changes: Partial<OnceCall> = {}): OnceCall {
    const { client = "/c", principal = "", group = `${number}` } = changes;
    return {
      key: `${client}/${number}`,
      ...{
        principal,
        group,
        client,
        number,
        seen: 0,
        created: this.now,
        digest: "d",
      },
      ...changes,
    };
  }

  state(call: OnceCall): OnceReservation["state"] {
    return this.store.reserve(call).state;
  }

  /** Reserves and settles a call. */
  run(call: OnceCall, outcome = OUTCOME): void {
    const reserved = this.store.reserve(call);
    assertEquals(reserved.state, "new");
    if ("fence" in reserved) this.store.settle(call, reserved.fence, outcome);
  }
}

Deno.test("a call is new once, then runs, then has its outcome", () => {
  const bench = new Bench();
  const call = bench.call(1);
  const reserved = bench.store.reserve(call);
  assertEquals(reserved, { state: "new", fence: "1" });
  assertEquals(bench.state(call), "running");
  bench.store.settle(call, "1", OUTCOME);
  assertEquals(bench.store.reserve(call), { state: "done", outcome: OUTCOME });
});

// Trap 24.
Deno.test("the same key with another input is a conflict, also while the call runs", () => {
  const bench = new Bench();
  const call = bench.call(1);
  const other = { ...call, digest: "e" };
  bench.store.reserve(call);
  assertEquals(bench.state(other), "conflict");
  bench.store.settle(call, "1", OUTCOME);
  assertEquals(bench.state(other), "conflict");
});

Deno.test("an outcome is removed once its client has seen it; a late repeat does not run", () => {
  const bench = new Bench();
  for (const number of [1, 2, 3]) bench.run(bench.call(number));
  bench.run(bench.call(4, { seen: 2 }));
  assertEquals(bench.store.size, 2);
  assertEquals(bench.state(bench.call(2)), "gone");
  assertEquals(bench.state(bench.call(3)), "done");
});

// Trap 20, invariant 12.
Deno.test("a running call is not removed, even if its client has seen it or its time has passed", () => {
  const bench = new Bench();
  const call = bench.call(1);
  bench.store.reserve(call);
  bench.now += 60 * MINUTE;
  bench.store.reserve(bench.call(2, { seen: 1 }));
  assertEquals(bench.state(call), "running");
  bench.store.settle(call, "1", OUTCOME); // seen already
  assertEquals(bench.store.size, 1);
  assertEquals(bench.state(call), "gone");
});

// Trap 19.
Deno.test("an outcome expires; a repeat that may have run then does not run again", () => {
  const bench = new Bench();
  const calls = [1, 2].map((number) => bench.call(number));
  const keyed = bench.call(0, { client: "", key: "/pay/k" });
  for (const call of [...calls, keyed]) bench.run(call);
  bench.now += 10 * MINUTE - 1;
  assertEquals(bench.state(calls[0]!), "done");
  bench.now += 1;
  for (const call of [...calls, keyed]) assertEquals(bench.state(call), "gone");
  assertEquals([bench.store.size, bench.store.held > 0], [0, true]); // the client
  bench.now += 10 * MINUTE;
  assertEquals(bench.state(bench.call(3)), "new"); // created now
});

Deno.test("a client is forgotten after the time of retention, but not while its calls run", () => {
  const bench = new Bench();
  const running = bench.call(1);
  bench.store.reserve(running);
  bench.run(bench.call(1, { client: "/other" }));
  for (let minute = 0; minute < 30; minute += 5) {
    bench.now += 5 * MINUTE;
    bench.state(bench.call(1, { client: "", key: "/pay/k" }));
  }
  bench.store.settle(running, "1", OUTCOME);
  assertEquals(
    bench.state(bench.call(1, { created: running.created })),
    "done",
  );
  bench.now += 30 * MINUTE;
  bench.store.release(bench.call(1, { client: "", key: "/pay/k" }), "3");
  bench.state(bench.call(9, { created: START })); // removes what has expired
  assertEquals([bench.store.size, bench.store.held], [0, 0]);
});

// Scenario 27.
Deno.test("a wrong fence neither settles nor releases", () => {
  const bench = new Bench();
  const call = bench.call(1);
  bench.store.reserve(call);
  bench.store.settle(call, "2", OUTCOME);
  bench.store.release(call, "2");
  assertEquals(bench.state(call), "running");
  bench.store.settle(call, "1", OUTCOME);
  bench.store.settle(call, "1", Uint8Array.of(9)); // settled already
  bench.store.release(call, "1");
  assertEquals(bench.store.reserve(call), { state: "done", outcome: OUTCOME });
});

Deno.test("a call that is released may run", () => {
  const bench = new Bench();
  const call = bench.call(1);
  bench.store.reserve(call);
  bench.store.release(call, "1");
  assertEquals(bench.store.size, 0);
  assertEquals(bench.state(call), "new");
});

// Scenario 26, invariant 12.
Deno.test("a full store refuses new calls, and keeps the others", () => {
  const bench = new Bench({ maxBytes: 64 * 1024 });
  const states: string[] = [];
  let last = 0;
  while (states.at(-1) !== "full") {
    const call = bench.call(++last);
    const reserved = bench.store.reserve(call);
    states.push(reserved.state);
    if ("fence" in reserved && last % 2 === 0) {
      bench.store.settle(call, reserved.fence, OUTCOME);
    }
  }
  for (let number = 1; number < last; number++) {
    const expected = number % 2 === 0 ? "done" : "running";
    assertEquals(bench.state(bench.call(number)), expected);
  }
  assertEquals(bench.store.held <= 64 * 1024, true);
  bench.state(bench.call(last, { seen: 4 })); // has seen two outcomes
  assertEquals(bench.state(bench.call(last, { seen: 4 })), "running");
});

Deno.test("an outcome that is too long or has no room is gone, never the call", () => {
  const bench = new Bench({ maxBytes: 64 * 1024, maxOutcome: 100 });
  bench.run(bench.call(1), new Uint8Array(100));
  assertEquals(bench.state(bench.call(1)), "done");
  bench.run(bench.call(2), new Uint8Array(101));
  assertEquals(bench.state(bench.call(2)), "gone");
  const small = new Bench({ maxBytes: 64 * 1024 });
  small.run(small.call(1), new Uint8Array(60_000));
  small.run(small.call(2), new Uint8Array(60_000));
  assertEquals(small.state(small.call(2)), "gone");
  assertEquals(small.store.held <= 64 * 1024, true);
});

Deno.test("one client may leave as many calls unacknowledged as it may", () => {
  const bench = new Bench({ maxUnacknowledged: 3 });
  for (const number of [1, 2, 3]) bench.run(bench.call(number));
  assertEquals(bench.state(bench.call(4)), "full");
  assertEquals(bench.state(bench.call(1, { client: "/other" })), "new");
  assertEquals(bench.state(bench.call(4, { seen: 1 })), "new");
});

Deno.test("a principal or an address may use a quarter of the store", () => {
  const bench = new Bench({ maxBytes: 256 * 1024, maxUnacknowledged: 10_000 });
  const call = (number: number, group: string) =>
    bench.call(number, { group, client: `/${number % 3}` });
  let last = 0;
  while (bench.state(call(++last, "a 10.0.0.1")) === "new");
  assertEquals(bench.store.held <= 64 * 1024, true);
  assertEquals(bench.state(call(last + 1, "a 10.0.0.2")), "new");
});

Deno.test("what is counted returns to 0", () => {
  const bench = new Bench({ maxBytes: 256 * 1024 });
  for (let number = 1; number < 200; number++) {
    const group = `p${number % 3}`;
    const client = number % 5 === 0 ? "" : `${group}/c${number % 7}`;
    const call = bench.call(number, { client, group, key: `k${number}` });
    const reserved = bench.store.reserve(call);
    if (!("fence" in reserved)) continue;
    if (number % 11 === 0) bench.store.release(call, reserved.fence);
    else {
      bench.store.settle(call, reserved.fence, new Uint8Array(number * 3));
    }
  }
  bench.now += 60 * MINUTE;
  bench.state(bench.call(1, { created: START }));
  assertEquals([bench.store.size, bench.store.held], [0, 0]);
});

Deno.test("memoryOnceStore() checks its options", () => {
  assertThrows(
    () => memoryOnceStore({ maxBytes: 1 }),
    RangeError,
    "maxBytes 1",
  );
  assertThrows(
    () => memoryOnceStore({ retention: 0.5 }),
    RangeError,
    "retention 0.5: it must be an integer of at least 1000",
  );
  const misspelled: object = { maxBits: 3 };
  assertThrows(() => memoryOnceStore(misspelled), TypeError, '"maxBits"');
  assertEquals(memoryOnceStore().id === memoryOnceStore().id, false);
});

Deno.test("a store is filled to exactly its bounds", () => {
  const bench = new Bench({ maxBytes: 64 * 1024 });
  const group = "g";
  assertEquals(
    bench.state(bench.call(1, { client: "", group, key: "k" })),
    "new",
  );
  const cost = bench.store.held; // of a call whose key has one character
  // A quarter of the store for each group.
  const room = 16 * 1024 - cost;
  const fits = (group: string, left: number, more: number) =>
    bench.state(
      bench.call(2, {
        client: "",
        group,
        key: group.padEnd(left - cost + 1 + more, "k"),
      }),
    );
  assertEquals([fits(group, room, 1), fits(group, room, 0)], ["full", "new"]);
  assertEquals(bench.store.held, 16 * 1024);
  for (const other of ["h", "i"]) {
    assertEquals(fits(other, 16 * 1024, 0), "new");
    bench.now++;
  }
  assertEquals(bench.store.held, 48 * 1024);
});

Deno.test("an outcome is kept if it is as long as it may be, and has its room exactly", () => {
  const bench = new Bench({ maxOutcome: 100 });
  for (const [length, state] of [[100, "done"], [101, "gone"]] as const) {
    const call = bench.call(length);
    bench.run(call, new Uint8Array(length));
    assertEquals(bench.state(call), state);
  }
  const small = new Bench({ maxBytes: 64 * 1024 });
  const call = small.call(1, { client: "", key: "k" });
  small.run(call, new Uint8Array(0));
  const held = small.store.held; // with an outcome of no bytes
  for (const [more, state] of [[0, "done"], [1, "gone"]] as const) {
    const bench = new Bench({ maxBytes: 64 * 1024 });
    bench.run(call, new Uint8Array(16 * 1024 - held + more));
    assertEquals(bench.state(call), state, `${more}`);
    assertEquals(bench.store.held <= 16 * 1024, true);
  }
});

Deno.test("an outcome and a client are kept for exactly the time of retention", () => {
  for (const early of [1, 0]) {
    const bench = new Bench({ retention: 1000 });
    const call = bench.call(1);
    bench.run(call);
    bench.now += 1000 - early;
    const again = { ...call, created: bench.now };
    assertEquals(bench.state(again), early > 0 ? "done" : "new");
  }
  for (const early of [1, 0]) { // a call that was created long ago
    const bench = new Bench({ retention: 1000 });
    const call = bench.call(1, { created: START - 1000 + early });
    assertEquals(bench.state(call), early > 0 ? "new" : "gone");
  }
  const bench = new Bench({ retention: 1000 });
  bench.run(bench.call(1));
  bench.run(bench.call(2, { client: "/d" }));
  bench.now += 500;
  bench.run(bench.call(3)); // the first client is the last one now
  bench.now += 500;
  bench.state(bench.call(9, { client: "", key: "x" }));
  const { held } = bench.store;
  assertEquals(bench.state(bench.call(4, { client: "/d" })), "new");
  const cost = bench.store.held - held;
  bench.state(bench.call(5));
  assertEquals(
    bench.store.held - held - cost < cost,
    true,
    "this one is known",
  );
});

Deno.test("a client sees outcomes up to its number, and each only once", () => {
  const bench = new Bench();
  for (const number of [1, 2, 3]) bench.run(bench.call(number));
  const late = bench.call(4);
  const reserved = bench.store.reserve(late);
  bench.state(bench.call(5, { seen: 2 }));
  assertEquals(bench.store.size, 3); // 3, 4 and 5
  bench.state(bench.call(6, { seen: 4 }));
  assertEquals(bench.store.size, 3, "4 still runs");
  if ("fence" in reserved) bench.store.settle(late, reserved.fence, OUTCOME);
  assertEquals(bench.store.size, 2, "4 was seen before it settled");
  assertEquals(bench.state(bench.call(3)), "gone");
  bench.now += 60 * MINUTE;
  bench.state(bench.call(1, { client: "", key: "x", created: START }));
  assertEquals(bench.store.size, 2, "5 and 6 run");
});

Deno.test("memoryOnceStore() accepts each option from its least value on", () => {
  const least = {
    maxBytes: 64 * 1024,
    maxOutcome: 0,
    retention: 1000,
    maxUnacknowledged: 1,
  };
  for (const [name, value] of Object.entries(least)) {
    memoryOnceStore({ [name]: value });
    for (const wrong of [value - 1, value + 0.5, NaN]) {
      assertThrows(() => memoryOnceStore({ [name]: wrong }), RangeError, name);
    }
  }
});
