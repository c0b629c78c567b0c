import { assertEquals } from "@std/assert";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";
import { WindowRaises } from "../../../../lib/messages/session/flow/window_raises.ts";

const pure = { permissions: "none" } as const;
const KIB = 1024;

/** Raises with a clock and PINGs that the test controls. */
function raises(pool = 4096 * KIB) {
  const state = { now: 0, received: 0, pings: 0, ping: () => ++state.pings };
  const subject = new WindowRaises(
    state,
    new CreditPool(pool),
    () => state.received,
  );
  return { state, subject };
}

/** A window of 16 KiB. */
function stream() {
  return { initial: 16 * KIB, round: -1 };
}

Deno.test(
  "WindowRaises.take() lets one stream have 128 KiB before a measurement",
  pure,
  () => {
    const { state, subject } = raises();
    const one = stream();
    const taken = [16, 32, 64, 128].map((most) =>
      subject.take(one, most * KIB)
    );
    assertEquals(taken, [16 * KIB, 32 * KIB, 64 * KIB, 0]);
    assertEquals(state.pings, 1);
  },
);

Deno.test(
  "WindowRaises.take() raises no stream if many are in use",
  pure,
  () => {
    const { subject } = raises();
    const streams = Array.from({ length: 9 }, stream);
    // The first ones cannot know that the others follow.
    for (const one of streams) subject.take(one, 0);
    assertEquals(streams.map((one) => subject.take(one, 16 * KIB)), [
      ...streams.map(() => 0),
    ]);
  },
);

Deno.test(
  "WindowRaises.onPong() lets streams that are in use have more",
  pure,
  () => {
    const { state, subject } = raises();
    const one = stream();
    const others = Array.from({ length: 100 }, stream);
    for (const other of others) subject.take(other, 0); // not read again
    subject.take(one, 64 * KIB);
    assertEquals(state.pings, 1);
    for (let round = 1; round <= 2; round++) {
      state.now += 1000;
      state.received += 200 * KIB;
      subject.onPong(state.pings);
      assertEquals(subject.take(one, 16 * KIB) > 0, round === 2);
      state.now += 1000; // a measurement may begin
      subject.take(one, 8192 * KIB);
    }
  },
);

Deno.test(
  "WindowRaises.onPong() ignores answers to earlier PINGs",
  pure,
  () => {
    const { state, subject } = raises();
    const one = stream();
    state.pings = 7;
    subject.take(one, 8192 * KIB);
    assertEquals(state.pings, 8);
    state.now = 10;
    state.received = 8192 * KIB;
    const room = () => subject.take(one, 1);
    subject.onPong(7);
    assertEquals(room(), 0);
    subject.onPong(8);
    assertEquals(room(), 1);
  },
);

Deno.test("WindowRaises.take() takes no more than the pool has", pure, () => {
  const { subject } = raises(10 * KIB);
  const one = stream();
  assertEquals(subject.take(one, 16 * KIB), 10 * KIB);
  assertEquals(subject.take(one, 16 * KIB), 0);
  subject.pool.give(10 * KIB);
  assertEquals(subject.take(one, 16 * KIB), 10 * KIB);
});

Deno.test(
  "WindowRaises.restart() measures a link that takes longer",
  pure,
  () => {
    const { state, subject } = raises();
    const one = stream();
    /** Uses the whole window for some seconds; returns how much it was raised. */
    function use(trip: number): number {
      let taken = 0;
      for (let round = 0; round < 10; round++) {
        state.now += 2 * trip + 1000;
        taken += subject.take(one, 8192 * KIB);
        state.now += trip;
        state.received += subject.pool.taken + one.initial;
        subject.onPong(state.pings);
      }
      return taken;
    }
    use(20);
    subject.take(one, 8192 * KIB);
    assertEquals(use(200), 0); // bytes seem to wait in a queue
    subject.restart();
    assertEquals(use(200) > 0, true);
  },
);

Deno.test("WindowRaises ignores PONGs of a link that was lost", pure, () => {
  const { state, subject } = raises();
  const streams = Array.from({ length: 9 }, stream);
  for (const one of streams) subject.take(one, 8192 * KIB);
  assertEquals(state.pings, 1);
  assertEquals(subject.take(streams[0]!, 1), 0);
  subject.restart();
  const rounds = streams.map(({ round }) => round);
  subject.onPong(1);
  for (const one of streams) subject.take(one, 0);
  assertEquals(streams.map(({ round }) => round), rounds, "no round has ended");
});

Deno.test(
  "WindowRaises measures the link only for what it may not have, exactly",
  pure,
  () => {
    for (const [most, pings] of [[112 * KIB, 0], [112 * KIB + 1, 1]] as const) {
      const { state, subject } = raises();
      assertEquals(subject.take(stream(), most), 112 * KIB); // and 16 KiB at first
      assertEquals(state.pings, pings);
    }
  },
);

Deno.test("WindowRaises.onPong() ends a round once", pure, () => {
  const { state, subject } = raises();
  const one = stream();
  subject.take(one, 8192 * KIB);
  const round = () => {
    subject.take(one, 0);
    return one.round;
  };
  const first = round();
  state.now = 10;
  subject.onPong(1);
  assertEquals(round(), first + 1);
  subject.onPong(1);
  subject.onPong(2);
  assertEquals(round(), first + 1);
});
