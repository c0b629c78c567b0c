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
function sent(accepted: number, unsent: number) {
  return { position: accepted + unsent, unsent };
}

const NONE = sent(0, 0);

Deno.test("Heartbeat counts silence from the last byte read", pure, () => {
  const live = new Heartbeat(limits, 0);
  assertEquals([live.wakeAt, live.check(999, NONE)], [1000, undefined]);
  live.read(900);
  assertEquals([live.wakeAt, live.check(1000, NONE)], [1900, undefined]);
  assertEquals(live.check(1900, NONE), "ping");
  assertEquals([live.wakeAt, live.check(2899, NONE)], [2900, undefined]);
  assertEquals(live.check(2900, NONE), "ping");
  assertEquals(live.check(3900, NONE), "silent");
});

Deno.test(
  "Heartbeat waits a full interval after the process was suspended",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    assertEquals(live.check(1e6, NONE), "ping");
    assertEquals(live.wakeAt, 1e6 + 1000);
    live.read(1e6 + 10);
    assertEquals(live.check(1e6 + 1005, NONE), undefined);
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

/**
 * Returns the times and results of all checks until the peer counts as dead.
 *
 * @param replies number of PINGs that the peer replies to, at once
 */
function checks(live: Heartbeat, replies = 0, bytes = 0) {
  const seen: [number, string][] = [];
  let end: string | undefined;
  while (end !== "silent") {
    const now = live.wakeAt;
    end = live.check(now, sent(bytes, 0));
    if (end !== undefined) seen.push([now, end]);
    if (replies-- > 0) live.read(now);
    live.expect(now, true);
  }
  return seen;
}

Deno.test(
  "Heartbeat detects a dead peer in 11 s while calls are in flight",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(10_000, true);
    assertEquals(checks(live), [
      [11_000, "ping"],
      [16_000, "ping"],
      [21_000, "silent"],
    ]);
  },
);

Deno.test(
  "Heartbeat sends fewer PINGs to a peer that replies to them",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.expect(0, true);
    assertEquals(checks(live, 4).map(([time]) => time), [
      ...[1_000, 3_000, 7_000, 12_000], // 1, 2, 4 and 5 s
      ...[17_000, 22_000, 27_000], // the peer is gone
    ]);
    live.read(30_000);
    live.expect(30_000, false);
    assertEquals(live.wakeAt, 90_000); // the heartbeat of an idle session
    live.expect(31_000, true);
    assertEquals(live.wakeAt, 32_000);
  },
);

Deno.test(
  "Heartbeat allows for the bytes before a PING on a slow connection",
  pure,
  () => {
    const live = new Heartbeat(pending, 0);
    live.watch(0, sent(1_000_000, 0));
    live.read(0);
    live.watch(0, sent(1_065_536, 0)); // 64 KiB more
    live.expect(0, true);
    assertEquals(checks(live, 0, 1_065_536).map(([time]) => time), [
      2_000,
      8_000,
      14_000,
    ]);
    live.read(14_000);
    live.watch(14_000, sent(100_000_000, 0));
    assertEquals(live.wakeAt, 74_000); // never later than an idle session
  },
);
