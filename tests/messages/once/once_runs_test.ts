import { assertEquals } from "@std/assert";
import {
  decodeOutcome,
  encodeOutcome,
} from "../../../lib/messages/once/outcome.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import {
  callKey,
  onceCall,
  type OnceCaller,
  OnceRuns,
} from "../../../lib/messages/once/once_runs.ts";
import type {
  OnceCall,
  OnceReservation,
  OnceStore,
} from "../../../lib/messages/once/once_store.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import { turns } from "../kit.ts";

const CALL: OnceCall = {
  key: "/pay/c/1",
  ...{ principal: "", group: "", client: "/c", number: 1, seen: 0, created: 0 },
  digest: "d",
};
const OUTCOME = encodeOutcome({
  kind: Kind.RESULT,
  codec: "json",
  body: Uint8Array.of(1),
});

/** A store with given answers, which records its use. */
class FakeStore implements OnceStore {
  readonly id = "fake";
  readonly log: string[] = [];
  readonly lease: number | undefined;
  readonly #answers: (OnceReservation | Error)[];

  constructor(answers: (OnceReservation | Error)[], lease?: number) {
    this.#answers = answers;
    this.lease = lease;
  }

  reserve(): Promise<OnceReservation> {
    this.log.push("reserve");
    const answer = this.#answers.shift() ?? new Error("unexpected");
    return answer instanceof Error
      ? Promise.reject(answer)
      : Promise.resolve(answer);
  }

  settle(_: OnceCall, fence: string): void {
    this.log.push(`settle ${fence}`);
  }

  renew(_: OnceCall, fence: string): void {
    this.log.push(`renew ${fence}`);
  }

  release(_: OnceCall, fence: string): void {
    this.log.push(`release ${fence}`);
  }
}

/** A caller that records what it gets. */
class FakeCaller implements OnceCaller {
  readonly method = "pay";
  readonly got: string[] = [];

  start(): void {
    this.got.push("start");
  }

  deliver(outcome: Uint8Array): void {
    this.got.push(`outcome ${decodeOutcome(outcome).body}`);
  }

  refuse({ code, processed }: CallError): void {
    this.got.push(`${code}, ${processed}`);
  }
}

function begin(
  answers: (OnceReservation | Error)[],
  lease?: number,
  other: Partial<OnceStore> = {},
) {
  const store = Object.assign(new FakeStore(answers, lease), other);
  const reported: unknown[] = [];
  const runs = new OnceRuns(store, (error) => void reported.push(error));
  const callers = [new FakeCaller()];
  const run = runs.enter(CALL, callers[0]!);
  const join = (digest = "d") => {
    const caller = new FakeCaller();
    callers.push(caller);
    runs.enter({ ...CALL, digest }, caller);
    return caller;
  };
  return { store, runs, run, join, first: callers[0]!, callers, reported };
}

const NEW: OnceReservation = { state: "new", fence: "f" };
const RUNNING: OnceReservation = { state: "running" };

Deno.test("a call is reserved, settled, and delivered to all callers in this order", async () => {
  const { store, run, runs, join, first } = begin([NEW]);
  const early = join(); // while the store is asked
  await turns(2);
  const late = join(); // while the handler runs
  const stored = run.settle(OUTCOME);
  assertEquals(first.got, ["start"]); // not before it is stored
  await stored;
  assertEquals(first.got, ["start", "outcome 1"]);
  assertEquals([early.got, late.got], [["outcome 1"], ["outcome 1"]]);
  assertEquals(store.log, ["reserve", "settle f"]);
  assertEquals(runs.size, 0);
});

Deno.test("a caller with another input is refused, and the others are not", async () => {
  const { run, join, first } = begin([NEW]);
  await turns(2);
  const other = join("e");
  await turns(2);
  assertEquals(other.got, ["conflict, no"]);
  await run.settle(OUTCOME);
  assertEquals(first.got, ["start", "outcome 1"]);
});

for (
  const [answer, expected] of [
    [{ state: "done", outcome: OUTCOME }, "outcome 1"],
    [{ state: "gone" }, "outcome-lost, maybe"],
    [{ state: "conflict" }, "conflict, no"],
    [{ state: "full" }, "overloaded, no"],
    [new Error("down"), "unavailable, no"],
  ] as [OnceReservation | Error, string][]
) {
  const name = answer instanceof Error ? "an error" : answer.state;
  Deno.test(`callers get "${expected}" if the store returns ${name}`, async () => {
    const { join, first, runs, reported } = begin([answer]);
    const second = join();
    await turns(3);
    assertEquals([first.got, second.got], [[expected], [expected]]);
    assertEquals(runs.size, 0);
    assertEquals(reported.length, answer instanceof Error ? 1 : 0);
  });
}

Deno.test("a call that runs elsewhere is asked for again, with growing pauses", async () => {
  using time = virtualTime();
  const { store, first } = begin([
    ...new Array(8).fill(RUNNING),
    { state: "done", outcome: OUTCOME },
  ]);
  await time.advance(20 + 40 + 80 + 160 + 320 + 640 + 1_000 - 1);
  assertEquals(store.log.length, 7);
  await time.advance(1 + 1_000);
  assertEquals(first.got, ["outcome 1"]);
});

Deno.test("a caller may leave while a call runs elsewhere, and the last one ends the waiting", async () => {
  using time = virtualTime();
  const { run, runs, join, first, store } = begin([RUNNING, RUNNING]);
  const second = join();
  await time.advance(1);
  assertEquals(run.leave(first), true);
  assertEquals(runs.size, 1);
  assertEquals(run.leave(second), true);
  await time.advance(1);
  assertEquals([runs.size, store.log.length], [0, 1]);
  assertEquals([first.got, second.got], [[], []]); // they end their calls
});

Deno.test("a call without callers is released before its handler is entered", async () => {
  const { run, runs, first, store } = begin([NEW]);
  assertEquals(run.leave(first), true);
  await turns(5);
  assertEquals(store.log, ["reserve", "release f"]);
  assertEquals([runs.size, first.got], [0, []]);
});

Deno.test("callers of a handler that runs here do not leave", async () => {
  const { run, first } = begin([NEW]);
  await turns(2);
  assertEquals(run.leave(first), false);
  await run.settle(OUTCOME);
  assertEquals(first.got, ["start", "outcome 1"]);
});

// Trap 26.
Deno.test("a handler that was not entered leaves no trace, and the next caller starts", async () => {
  const { run, runs, join, first, store } = begin([NEW]);
  const second = join();
  await turns(2);
  const error = new CallError("not now", {
    code: "forbidden",
    processed: "no",
  });
  await run.abandon(error);
  assertEquals([first.got, second.got], [["start", "forbidden, no"], [
    "start",
  ]]);
  await run.abandon(error);
  assertEquals(second.got, ["start", "forbidden, no"]);
  assertEquals(store.log, ["reserve", "release f"]);
  assertEquals(runs.size, 0);
});

Deno.test("a reservation is renewed after each third of its lease, until it is settled", async () => {
  using time = virtualTime();
  const { run, store } = begin([NEW], 3_000);
  await time.advance(2_500);
  assertEquals(store.log, ["reserve", "renew f", "renew f"]);
  await time.run(run.settle(OUTCOME));
  await time.advance(10_000);
  assertEquals(store.log.slice(3), ["settle f"]);
});

Deno.test("an outcome that cannot be stored is delivered nevertheless, also to callers that come later", async () => {
  using time = virtualTime();
  const { run, runs, join, first, reported } = begin([NEW], undefined, {
    settle() {
      throw new Error("down");
    },
  });
  await time.advance(1);
  const settled = run.settle(OUTCOME);
  await time.advance(1);
  assertEquals([first.got, reported.length], [["start", "outcome 1"], 1]);
  const [again, other] = [join(), join("e")];
  await time.advance(1);
  assertEquals(
    [again.got, other.got],
    [["outcome 1"], ["conflict, no"]],
  );
  await time.advance(2_256); // 20 + 40 + … + 1,000 ms
  assertEquals([runs.size, reported.length], [1, 7]);
  await time.advance(2);
  await settled;
  assertEquals([runs.size, reported.length], [0, 8]);
  assertEquals(time.timers, 0);
});

Deno.test("a store that fails for a moment gets the outcome while its lease is renewed", async () => {
  using time = virtualTime();
  let failures = 3;
  const log: string[] = [];
  const { run, runs, store } = begin([NEW], 300, {
    settle(_, fence) {
      if (failures-- > 0) throw new Error("down");
      log.push(`settle ${fence}`);
    },
  });
  await time.advance(1);
  void run.settle(OUTCOME);
  await time.advance(139); // 20 + 40 + 80 ms, less one
  assertEquals([log, runs.size], [[], 1]);
  await time.advance(1);
  assertEquals([log, runs.size], [["settle f"], 0]);
  await time.advance(10_000);
  assertEquals(store.log, ["reserve", "renew f"]);
});

Deno.test("onceCall() names calls so that no two principals, methods or keys collide", () => {
  const once = {
    ...{ client: "0".repeat(32), number: 1, seen: 0, created: 0 },
    digest: "d",
  };
  const keys = [
    ["", "pay", ""],
    ["", "pay", "a"],
    ["a/pay", "pay", ""],
    ["a", "pay", "pay/"],
    ["a", "pay.pay", ""],
    ["a", "pay", `${once.client}/1`],
    ["a", "pay", ""],
  ].map(([principal = "", method = "", key = ""]) =>
    onceCall({ principal, group: "", method, key, once }).key
  );
  assertEquals(new Set(keys).size, keys.length);
  assertEquals(callKey("ä b", "pay", "€"), "%C3%A4%20b/pay/%E2%82%AC");
});

Deno.test("a store that does not answer in time counts as one that cannot be reached", async () => {
  using time = virtualTime();
  const { promise, resolve } = Promise.withResolvers<OnceReservation>();
  const { store, first, reported } = begin([], undefined, {
    reserve: () => promise,
  });
  await time.advance(4_999);
  assertEquals(first.got, []);
  await time.advance(1);
  assertEquals(first.got, ["unavailable, no"]);
  assertEquals(reported.map(String), [
    "Error: The store of outcomes has not answered reserve() within 5000 ms (its timeout)",
  ]);
  resolve(NEW); // no handler was entered: the call may be repeated
  await time.advance(1);
  assertEquals(store.log, ["release f"]);
});

Deno.test("an outcome that the store does not take in time is delivered", async () => {
  using time = virtualTime();
  const { run, first, runs } = begin([NEW], undefined, {
    timeout: 100,
    settle: () => new Promise(() => {}),
  });
  await time.advance(1);
  const settled = run.settle(OUTCOME);
  await time.advance(100);
  assertEquals(first.got, ["start", "outcome 1"]);
  await time.advance(10_000);
  await settled;
  assertEquals(runs.size, 0);
});
