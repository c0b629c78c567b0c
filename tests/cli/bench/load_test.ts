import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Clock,
  generateLoad,
  type LoadOptions,
  type MakeCall,
} from "../../../lib/cli/bench/load.ts";
import {
  figuresOf,
  Measurements,
} from "../../../lib/cli/bench/measurements.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A clock whose time passes when nothing else can happen. */
class SimulatedClock implements Clock {
  #now: number;
  readonly #waiting: { at: number; resolve: () => void }[] = [];

  constructor(now = 1000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ at: this.#now + ms, resolve });
      signal?.addEventListener("abort", () => resolve());
    });
  }

  turn(): Promise<void> {
    return this.wait(0.5);
  }

  /** Stops everything for a time, as a busy process does. */
  block(ms: number): void {
    this.#now += ms;
  }

  async run(work: Promise<void>): Promise<void> {
    let done = false;
    const ended = work.finally(() => done = true);
    ended.catch(() => {});
    while (!done) {
      for (let i = 0; i < 12; i++) await Promise.resolve();
      if (done) break;
      this.#waiting.sort((a, b) => a.at - b.at);
      const next = this.#waiting.shift();
      if (next === undefined) continue;
      this.#now = Math.max(this.#now, next.at);
      next.resolve();
    }
    await ended;
  }
}

const OPTIONS: LoadOptions = {
  loop: { kind: "open", rate: 200 },
  duration: 10_000,
  warmup: 500,
  grace: 5000,
};

async function load(
  options: Partial<LoadOptions>,
  callOf: (clock: SimulatedClock) => MakeCall,
  signal = new AbortController().signal,
) {
  const clock = new SimulatedClock();
  const given = { ...OPTIONS, ...options };
  const measurements = new Measurements(given.duration);
  const call = callOf(clock);
  await clock.run(generateLoad(given, clock, call, measurements, signal));
  const { outcomes, lag, cut } = measurements.result({
    date: "",
    agent: "",
    url: "",
    method: "",
    loop: given.loop,
    connections: 1,
    workers: 1,
    duration: given.duration,
    warmup: given.warmup,
    bytes: { sent: 0, received: 0 },
  });
  return {
    outcomes,
    cut,
    ...figuresOf({ outcomes, lag, duration: given.duration }),
  };
}

/** A server that answers in 1 ms, but stalls from 5 s to 6 s. */
function stalling(clock: SimulatedClock): MakeCall {
  const begin = clock.now() + 500;
  return async () => {
    const now = clock.now() - begin;
    await clock.wait(now >= 5000 && now < 6000 ? 6001 - now : 1);
    return { outcome: "ok" };
  };
}

Deno.test(
  "the number of calls does not depend on the time of day",
  none,
  async () => {
    for (const begin of [123.456789, 1975.308624, 3950.617248]) {
      for (const workers of [1, 3, 7]) {
        let calls = 0;
        for (let worker = 0; worker < workers; worker++) {
          const clock = new SimulatedClock(begin);
          await clock.run(generateLoad(
            {
              ...OPTIONS,
              loop: { kind: "open", rate: 200 / workers },
              delay: worker * 5,
              duration: 100,
              warmup: 50,
            },
            clock,
            () => Promise.resolve({ outcome: "ok" }),
            { called: () => calls++, late() {}, cut() {} },
            new AbortController().signal,
          ));
        }
        assertEquals(calls, 20, `${workers} workers at ${begin}`);
      }
    }
  },
);

Deno.test(
  "an open loop sees a stall of 1 s, a closed loop does not",
  none,
  async () => {
    const open = await load({}, stalling);
    assertEquals(open.calls, 2000);
    assert(open.ok.percentile(0.99) >= 900, `${open.ok.percentile(0.99)}`);
    const closed = await load(
      { loop: { kind: "closed", concurrency: 1 } },
      stalling,
    );
    assert(closed.ok.percentile(0.99) < 5, `${closed.ok.percentile(0.99)}`);
    assert(closed.ok.max >= 900);
  },
);

Deno.test(
  "an open loop keeps its rate and its intended starts",
  none,
  async () => {
    let calls = 0;
    const { ok, rate } = await load({ warmup: 0 }, (clock) => async () => {
      // The generator itself is busy for 100 ms: the calls meanwhile are late.
      if (++calls === 1000) clock.block(100);
      await clock.wait(1);
      return { outcome: "ok" };
    });
    assertEquals(ok.count, 2000);
    assertEquals(rate, 200);
    assert(ok.max >= 100, `${ok.max}`);
  },
);

Deno.test(
  "a generator that is late makes the result invalid",
  none,
  async () => {
    const busy = await load({}, (clock) => async () => {
      clock.block(8);
      await clock.wait(1);
      return { outcome: "ok" };
    });
    assertEquals(busy.valid, false);
    const idle = await load({}, stalling);
    assertEquals(idle.valid, true);
  },
);

Deno.test("each outcome has its own histogram", none, async () => {
  let calls = 0;
  const { outcomes, errors, ok } = await load({}, (clock) => async () => {
    if (++calls % 4 === 0) return { outcome: "overloaded" };
    await clock.wait(20);
    return { outcome: "ok" };
  });
  assertEquals(Object.keys(outcomes).sort(), ["ok", "overloaded"]);
  assert(Math.abs(errors - 0.25) < 0.01);
  assert(ok.percentile(0.01) >= 19);
});

Deno.test(
  "calls that do not end are cut after the grace period",
  none,
  async () => {
    const never: MakeCall = (signal) =>
      new Promise((resolve) =>
        signal.addEventListener(
          "abort",
          () => resolve({ outcome: "cancelled" }),
        )
      );
    const loop = { kind: "closed", concurrency: 3 } as const;
    const { cut, calls } = await load({ loop, grace: 100 }, () => never);
    assertEquals([cut, calls], [3, 0]);
  },
);

Deno.test(
  "a signal ends the generator, as an unexpected error does",
  none,
  async () => {
    const stop = new AbortController();
    let calls = 0;
    const { calls: made } = await load({ warmup: 0 }, (clock) => async () => {
      if (++calls === 10) stop.abort();
      await clock.wait(1);
      return { outcome: "ok" };
    }, stop.signal);
    assert(made <= 10);
    for (
      const loop of [OPTIONS.loop, { kind: "closed", concurrency: 2 } as const]
    ) {
      await assertRejects(
        () => load({ loop }, () => () => Promise.reject(new Error("broken"))),
        Error,
        "broken",
      );
    }
  },
);
