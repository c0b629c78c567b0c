/**
 * Ejection of addresses: a pure state with the time as an argument.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type AddressHealth,
  Ejection,
} from "../../../lib/messages/balance/ejection.ts";
import {
  type EjectionOptions,
  resolveEjection,
} from "../../../lib/messages/balance/ejection_options.ts";
import { mulberry32 } from "../session/simulation.ts";

/** Returns an ejection with `count` addresses. */
function pool(count: number, options: EjectionOptions | false = {}) {
  const ejection = new Ejection(resolveEjection("test()", options));
  const members = Array.from({ length: count }, () => ({
    health: ejection.add(),
  }));
  const [{ health }] = members as [{ health: AddressHealth }]; // count > 0
  /** Reports failures; returns the time of the last ejection. */
  const fail = (times: number, now: number, at = health) => {
    let ms = 0;
    for (let each = 0; each < times; each++) {
      ms = ejection.failed(at, now) || ms;
    }
    return ms;
  };
  return { ejection, members, health, fail };
}

const pure = { permissions: "none" } as const; // the literal type

/** One step: what happens at a time, and the expected ms of an ejection. */
type Step = readonly [now: number, event: "fail" | "succeed", ms?: number];

const TABLE: Readonly<Record<string, readonly Step[]>> = {
  "five failures in a row eject": [
    ...Array.from({ length: 4 }, (): Step => [0, "fail", 0]),
    [1, "fail", 30_000],
  ],
  "a success begins the row again": [
    ...Array.from({ length: 4 }, (): Step => [0, "fail", 0]),
    [1, "succeed"],
    ...Array.from({ length: 4 }, (): Step => [2, "fail", 0]),
    [3, "fail", 30_000],
  ],
  "outcomes while an address is ejected have no effect": [
    ...Array.from({ length: 4 }, (): Step => [0, "fail", 0]),
    [0, "fail", 30_000],
    ...Array.from({ length: 9 }, (): Step => [29_999, "fail", 0]),
    [30_000, "fail", 0],
    [30_000, "fail", 0],
    [30_000, "fail", 0],
    [30_000, "fail", 0],
    [30_000, "fail", 60_000], // the second one takes longer
  ],
  "an interval of service shortens the next ejection": [
    ...Array.from({ length: 4 }, (): Step => [0, "fail", 0]),
    [0, "fail", 30_000],
    ...Array.from({ length: 4 }, (): Step => [30_000, "fail", 0]),
    [30_000, "fail", 60_000],
    ...Array.from({ length: 4 }, (): Step => [100_000, "fail", 0]),
    [100_000, "fail", 60_000], // 10 s after the end of the second one
    ...Array.from({ length: 4 }, (): Step => [180_000, "fail", 0]),
    [180_000, "fail", 30_000], // 20 s after the end of the third one
  ],
};

for (const [name, steps] of Object.entries(TABLE)) {
  Deno.test(`Ejection: ${name}`, pure, () => {
    const { ejection, health } = pool(2);
    for (const [index, [now, event, ms]] of steps.entries()) {
      if (event === "succeed") ejection.succeeded(health, 1, now);
      else assertEquals(ejection.failed(health, now), ms, `step ${index}`);
    }
  });
}

Deno.test("an ejection takes at most maxTime", pure, () => {
  const { fail } = pool(2, { baseTime: 1_000, maxTime: 2_500 });
  const times = [0, 1_000, 3_000, 5_500].map((now) => fail(5, now));
  assertEquals(times, [1_000, 2_000, 2_500, 2_500]);
});

Deno.test(
  "a share of failures in an interval ejects, from minCalls on",
  pure,
  () => {
    const options = { failureRatio: 0.4, minCalls: 10, interval: 1_000 };
    const { ejection, health } = pool(2, options);
    const rounds = (count: number, now: number) => {
      for (let round = 0; round < count; round++) {
        if (ejection.failed(health, now) > 0) return round;
        ejection.succeeded(health, 1, now);
      }
      return undefined;
    };
    assertEquals(rounds(4, 0), undefined); // 8 calls
    assertEquals(rounds(4, 1_000), undefined); // another interval
    assertEquals(rounds(4, 1_999), 1); // 8 + 2 calls, half of them failed
    const rare = pool(2, options);
    for (let call = 0; call < 100; call++) {
      assertEquals(rare.ejection.failed(rare.health, 0), 0);
      rare.ejection.succeeded(rare.health, 3, 0);
    }
  },
);

Deno.test("at most a share of the addresses is ejected", pure, () => {
  for (
    const [count, maxShare, most] of [
      [1, 0.5, 0],
      [2, 0.5, 1],
      [3, 0.5, 1],
      [4, 0.5, 2],
      [10, 0.1, 1],
      [10, 0, 0],
      [3, 1, 3],
    ] as const
  ) { // the literal types
    const { members, fail } = pool(count, { maxShare });
    const ejected = members.filter(({ health }) => fail(9, 0, health) > 0);
    assertEquals(ejected.length, most, `${count} × ${maxShare}`);
  }
  const { ejection, members, fail } = pool(3);
  const [a, b] = members;
  fail(5, 0, a!.health);
  assertEquals(fail(5, 0, b!.health), 0);
  ejection.remove(a!.health);
  assertEquals(fail(1, 0, b!.health), 30_000); // a row that was already too long
});

Deno.test(
  "if too many of the connected addresses are ejected, all are used",
  pure,
  () => {
    const { ejection, members, fail } = pool(4);
    const [a, b, c, d] = members;
    fail(5, 0, a!.health);
    fail(5, 1_000, b!.health);
    const serving = (connected: readonly (typeof a)[], now = 1_000) =>
      ejection.serving(connected.map((member) => member!), now)
        .map((member) => members.indexOf(member)).join("");
    assertEquals(serving([a, b, c, d]), "23");
    assertEquals(serving([a, c, d]), "23");
    assertEquals(serving([a, b, c]), "012"); // panic: two of three
    assertEquals(serving([a, b]), "01"); // panic: none is left
    assertEquals(serving([a]), "0");
    assertEquals(serving([a, b, c, d], 30_000), "023");
    assertEquals(serving([a, b, c, d], 31_000), "0123");
    assertEquals(serving([]), "");
    const all = pool(2, { maxShare: 1 });
    for (const { health } of all.members) all.fail(5, 0, health);
    assertEquals(all.ejection.serving(all.members, 0), all.members);
  },
);

Deno.test("eject: false ejects nothing", pure, () => {
  const { fail } = pool(4, false);
  assertEquals(fail(1_000, 0), 0);
});

Deno.test("resolveEjection() rejects options out of their range", pure, () => {
  const wrong: readonly EjectionOptions[] = [
    { consecutiveFailures: 0 },
    { failureRatio: 0 },
    { failureRatio: 1.1 },
    { minCalls: 0 },
    { interval: 0 },
    { baseTime: NaN },
    { baseTime: 2 ** 31 },
    { baseTime: 2_000, maxTime: 1_000 },
    { maxShare: -0.1 },
    { maxShare: 1.1 },
  ];
  for (const options of wrong) {
    const name = Object.keys(options).at(-1);
    assertThrows(
      () => resolveEjection("test()", options),
      RangeError,
      `'eject.${name}' must be from`,
    );
  }
  const other = { failures: 5 } as never; // a JavaScript program's
  assertThrows(() => resolveEjection("test()", other), TypeError, "failures");
  const { baseTime, maxTime } = resolveEjection("t", { baseTime: 400_000 });
  assertEquals([baseTime, maxTime], [400_000, 400_000]);
});

// Invariants: at most the share is ejected; each ejection ends; an address whose
// calls all fail receives few calls, and one that never fails is never ejected.
Deno.test(
  "seeded faults: bad addresses receive few calls, good ones are not ejected",
  pure,
  () => {
    for (let seed = 1; seed <= 4; seed++) {
      const draw = mulberry32(seed);
      const count = 2 + draw(9);
      const { ejection, members } = pool(count);
      const bad = new Set<number>();
      while (bad.size < Math.floor(count / 2)) bad.add(draw(count));
      let now = 0, failed = 0;
      for (let call = 0; call < 1_000; call++) {
        now += 1 + draw(180); // 90 s in total
        const serving = ejection.serving(members, now);
        const member = serving[draw(serving.length)]!;
        const index = members.indexOf(member);
        if (bad.has(index)) {
          ejection.failed(member.health, now);
          failed++;
        } else ejection.succeeded(member.health, 1, now);
        const ejected = members.filter(({ health }) =>
          ejection.isEjected(health, now)
        );
        assert(ejected.length <= count / 2, `seed ${seed}: ${ejected.length}`);
        const good = ejected.some((each) => !bad.has(members.indexOf(each)));
        assert(!good, `seed ${seed}: a good address is ejected`);
      }
      // Ejections of 30 and 60 s leave time for two rows, and a part of the third.
      assert(failed >= 5 * bad.size, `seed ${seed}: ${failed}`);
      assert(failed <= 15 * bad.size, `seed ${seed}: ${failed}`);
      now += 300_000;
      assertEquals(ejection.serving(members, now), members);
    }
  },
);
