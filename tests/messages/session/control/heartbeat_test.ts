import { assertEquals } from "@std/assert";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { Heartbeat } from "../../../../lib/messages/session/control/heartbeat.ts";

const pure = { permissions: "none" } as const;
const limits = resolveSessionLimits({
  heartbeat: 1000,
  heartbeatMisses: 2,
  writeStall: 700,
  minWriteRate: 1000, // one byte per ms
});

/** Returns sent bytes. */
function sent(accepted: number, unsent: number, arrived = 0) {
  return { position: accepted + unsent, unsent, arrived };
}

const NONE = sent(0, 0);

Deno.test("Heartbeat counts silence from the last byte read", pure, () => {
  const live = new Heartbeat(limits, 0);
  assertEquals([live.wakeAt, live.check(999, NONE)], [1000, undefined]);
  live.read(900);
  assertEquals([live.wakeAt, live.check(1000, NONE)], [1900, undefined]);
  assertEquals(checks(live, { pending: false }), [
    [1900, "ping"],
    [2900, "ping"],
    [3900, "silent"],
  ]);
});

Deno.test("Heartbeat measures the round trip of a busy session", pure, () => {
  const live = new Heartbeat(limits, 0);
  const pings: number[] = [];
  for (let now = 100; now <= 3500; now += 100) {
    live.read(now); // never silent
    assertEquals(live.check(now, sent(Math.min(now, 2200), 0)), undefined);
    if (live.measures(now)) pings.push(now);
  }
  assertEquals(pings, [1100, 2200]); // then it sends nothing
});

Deno.test(
  "Heartbeat does not count the time in which this process was blocked",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    assertEquals(live.check(1e6, NONE), "ping");
    assertEquals(live.wakeAt, 1e6 + 250); // a part of the wait
    assertEquals(live.check(2e6, NONE), undefined); // was blocked, and may read now
    assertEquals(live.wakeAt, 2e6 + 250);
    assertEquals(checks(live, { pending: false }), [
      [2e6 + 1_000, "ping"],
      [2e6 + 2_000, "silent"],
    ]);
  },
);

Deno.test(
  "Heartbeat waits four times as long if its checks are always late",
  pure,
  () => {
    const times = (late: number) => {
      const live = new Heartbeat(pending, 0);
      live.expect(0, true, 20);
      return checks(live, { late }).map(([time]) => time);
    };
    assertEquals(times(100), [1_100, 2_500, 3_900]); // less than half of a part
    assertEquals(times(125), [1_125, 7_125, 13_125]); // exactly half of a part
    assertEquals(times(250), [1_250, 9_250, 17_250]);
  },
);

Deno.test(
  "Heartbeat detects a stalled transport, counted from the first unsent byte",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    live.watch(100, sent(0, 5));
    live.watch(400, sent(0, 9));
    assertEquals(live.wakeAt, 800);
    live.watch(500, sent(1000, 4)); // as much as the longest time needs
    assertEquals([live.wakeAt, live.check(1199, sent(1000, 4))], [
      1000,
      "ping",
    ]);
    assertEquals(live.check(1200, sent(1000, 4)), "stalled");
    live.watch(1200, sent(1004, 0));
    assertEquals(live.check(1900, sent(1004, 0)), undefined);
  },
);

/**
 * Returns the time at which a peer is cut that accepts `bytes` every `every` ms,
 * or `undefined` if it is not cut within a minute.
 */
function cutAt(bytes: number, every: number, given = limits) {
  const live = new Heartbeat(given, 0);
  let accepted = 0;
  live.watch(0, sent(0, 1e6));
  for (let now = 1; now <= 60_000; now++) {
    live.read(now); // its own traffic does not matter
    if (now % every === 0) live.watch(now, sent(accepted += bytes, 1e6));
    if (live.check(now, sent(accepted, 1e6)) === "stalled") return now;
  }
}

Deno.test("Heartbeat does not take dribbling for progress", pure, () => {
  assertEquals(cutAt(0, 1), 700);
  assertEquals(cutAt(1, 100), 707);
  assertEquals(cutAt(10, 100), 770);
  assertEquals(cutAt(10, 300), 720);
  assertEquals(cutAt(90, 100), 6_190);
});

Deno.test(
  "Heartbeat accepts a peer that reads at the lowest rate",
  pure,
  () => {
    assertEquals(cutAt(1, 1), undefined);
    assertEquals(cutAt(100, 100), undefined);
    assertEquals(cutAt(690, 690), undefined); // in bursts
    assertEquals(cutAt(10_000, 699), undefined);
    assertEquals(cutAt(10_000, 701), 700); // too late
  },
);

Deno.test(
  "Heartbeat ignores bytes accepted before others wait",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    live.watch(0, sent(1e9, 5));
    assertEquals(live.wakeAt, 700);
    live.watch(10, sent(2e9, 0));
    live.watch(20, sent(2e9, 1));
    assertEquals(live.wakeAt, 720);
  },
);

Deno.test(
  "Heartbeat with a lowest rate of 0 accepts any progress",
  pure,
  () => {
    const any = resolveSessionLimits({ writeStall: 700, minWriteRate: 0 });
    assertEquals(cutAt(1, 699, any), undefined);
    assertEquals(cutAt(1, 701, any), 700);
  },
);

const pending = resolveSessionLimits({
  heartbeat: 60_000,
  pendingHeartbeat: 1000,
  heartbeatMisses: 2,
});

/** Conditions of {@linkcode checks}. */
interface Conditions {
  /** Number of PINGs that the peer replies to, at once. */
  replies?: number;
  /** Number of bytes that were sent. */
  bytes?: number;
  /** Round-trip time in ms, if it is known. */
  roundTrip?: number | undefined;
  /** Milliseconds by which each check is late. */
  late?: number;
  /** Whether calls are in flight. */
  pending?: boolean;
}

/** Returns the times and results of all checks until the peer counts as dead. */
function checks(
  live: Heartbeat,
  { replies = 0, bytes = 0, roundTrip, late = 0, pending = true }: Conditions,
) {
  const seen: [number, string][] = [];
  let end: string | undefined;
  while (end !== "silent") {
    const now = live.wakeAt + late;
    end = live.check(now, sent(bytes, 0));
    if (end !== undefined) seen.push([now, end]);
    if (replies-- > 0) live.read(now);
    live.expect(now, pending, roundTrip);
  }
  return seen;
}

Deno.test(
  "Heartbeat detects a dead peer in three seconds while calls are in flight",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(10_000, true, 20);
    assertEquals(checks(live, { roundTrip: 20 }), [
      [11_000, "ping"],
      [12_000, "ping"],
      [13_000, "silent"],
    ]);
  },
);

Deno.test(
  "Heartbeat does not take a peer for dead that is blocked for two seconds",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(0, true, 20);
    let pings = 0;
    while (live.wakeAt < 3_000) { // blocked from the first PING, at 1 s, on
      if (live.check(live.wakeAt, NONE) === "ping") pings++;
    }
    assertEquals(pings, 2);
    live.read(2_999);
    assertEquals(live.wakeAt, 2_999 + 4_000); // PINGs become rarer
  },
);

Deno.test(
  "Heartbeat waits four round trips for a reply, at most five seconds",
  pure,
  () => {
    const times = (roundTrip: number | undefined) => {
      const live = new Heartbeat(pending, 0);
      live.expect(0, true, roundTrip);
      return checks(live, { roundTrip }).map(([time]) => time);
    };
    assertEquals(times(500), [2_000, 4_000, 6_000]);
    assertEquals(times(9_000), [5_000, 10_000, 15_000]);
    assertEquals(times(undefined), [1_000, 2_000, 3_000]);
  },
);

Deno.test(
  "Heartbeat sends fewer PINGs to a peer that replies to them",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(0, true, 20);
    assertEquals(checks(live, { replies: 4 }).map(([time]) => time), [
      ...[1_000, 3_000, 7_000, 12_000], // 1, 2, 4 and 5 s
      ...[17_000, 18_000, 19_000], // the peer is gone
    ]);
    live.read(20_000);
    live.expect(20_000, false, 20);
    assertEquals(live.wakeAt, 80_000); // the heartbeat of an idle session
    live.expect(21_000, true, 20);
    assertEquals(live.wakeAt, 22_000);
  },
);

Deno.test(
  "Heartbeat allows for the bytes before a PING on a slow connection",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.watch(0, sent(64_000, 0));
    // The read shows nothing: the bytes may wait below the transport.
    live.read(0);
    live.expect(0, true, 20);
    const times = checks(live, { bytes: 64_000 }).map(([time]) => time);
    assertEquals(times, [3_000, 4_000, 5_000]);
    live.read(6_000);
    live.watch(6_000, sent(100_000_000, 0));
    // Four seconds after three PINGs, and thirty for the bytes, however many.
    assertEquals(live.wakeAt, 40_000);
  },
);

Deno.test(
  "Heartbeat allows for the bytes that a resumption sends again",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.watch(0, sent(96_000, 0));
    live.expect(0, true, 20);
    live.read(9_000);
    live.restart(10_000);
    live.watch(10_000, sent(0, 96_000)); // nothing is accepted on the new link
    assertEquals(live.wakeAt, 14_000);
    live.watch(10_000, sent(96_000, 0)); // it may wait below the transport
    assertEquals(live.wakeAt, 14_000);
    live.read(13_500);
    assertEquals(live.wakeAt, 14_500);
  },
);

Deno.test("Heartbeat grants a new link all of writeStall", pure, () => {
  const live = new Heartbeat(limits, 0);
  live.watch(0, sent(0, 1));
  live.restart(600);
  live.watch(600, sent(0, 1));
  assertEquals(live.check(1299, sent(0, 1)), undefined);
  assertEquals(live.check(1300, sent(0, 1)), "stalled");
});

Deno.test(
  "Heartbeat waits for no bytes that the peer has answered",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(0, true, 20);
    live.watch(0, sent(960_000, 0));
    assertEquals(live.wakeAt, 31_000);
    live.watch(100, sent(960_000, 0, 928_000));
    assertEquals(live.wakeAt, 2_100);
    live.watch(200, sent(960_000, 0, 960_000));
    assertEquals(live.wakeAt, 1_000);
  },
);

Deno.test(
  "Heartbeat measures once per interval, after 1 KiB, exactly",
  pure,
  () => {
    const measured = (now: number, bytes: number) => {
      const live = new Heartbeat(limits, 0);
      live.read(0);
      live.watch(0, NONE);
      live.watch(now, sent(bytes, 0));
      return live.measures(now);
    };
    assertEquals([measured(999, 9999), measured(1000, 9999)], [false, true]);
    const least = [...Array(9999).keys()].find((bytes) =>
      measured(1000, bytes)
    );
    assertEquals(least, 1024);
  },
);
