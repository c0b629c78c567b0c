import { assertEquals } from "@std/assert";
import {
  Cursor,
  type CursorOptions,
} from "../../../lib/messages/sources/cursor.ts";
import {
  History,
  type HistoryBounds,
} from "../../../lib/messages/sources/history.ts";
import type { Position } from "../../../lib/messages/session/wire/positions.ts";

const pure = { permissions: "none" } as const;
const BOUNDS: HistoryBounds = { items: 5, bytes: 10_000, age: 1_000 };

/** A source with a simulated clock, whose items are their numbers. */
class Simulated {
  readonly history: History<number>;
  now = 0;

  constructor(bounds: Partial<HistoryBounds> = {}, epoch = 7, head = 0) {
    const first = { epoch, number: head };
    this.history = new History(first, { ...BOUNDS, ...bounds });
  }

  publish(count = 1): void {
    for (let n = 0; n < count; n++) {
      const number = this.history.head + 1;
      this.history.add(number, number, 10, this.now);
    }
  }

  join(options: Partial<CursorOptions<number>> = {}): Reader {
    const defaults = { replay: 0, filter: undefined };
    return new Reader(
      this,
      new Cursor(this.history, { ...defaults, ...options }, this.now),
    );
  }
}

/** A reader, and the position that its client remembers. */
class Reader {
  last: Position | undefined;

  constructor(
    readonly source: Simulated,
    readonly cursor: Cursor<number>,
  ) {}

  /** Takes one step, as text. */
  step(): string | undefined {
    const step = this.cursor.next(this.source.now);
    if (step === undefined) return undefined;
    const { item, gap, joined, position } = step;
    this.last = position;
    return [
      joined && `joined at ${position.number}, recovered: ${joined.recovered}`,
      gap && `gap ${gap.from}-${gap.to} (${gap.reason})`,
      item && `${item.value}`,
    ].filter(Boolean).join(", ") || `at ${position.number}`;
  }

  /** Takes all steps. */
  read(): string[] {
    const steps: string[] = [];
    for (let step; (step = this.step()) !== undefined;) steps.push(step);
    return steps;
  }
}

Deno.test("a new reader receives the items from its join on", pure, () => {
  const source = new Simulated();
  source.publish(3);
  const reader = source.join();
  source.publish(); // before the first step
  assertEquals(reader.read(), ["joined at 3, recovered: true", "4"]);
  source.publish(2);
  assertEquals(reader.read(), ["5", "6"]);
});

Deno.test(
  "a new reader receives the newest kept items with replay",
  pure,
  () => {
    const source = new Simulated();
    source.publish(9); // 5 to 9 are kept
    for (const [replay, first] of [[0, 9], [2, 7], [5, 4], [99, 4]] as const) {
      const expected = Array.from(
        { length: 9 - first },
        (_, n) => `${first + n + 1}`,
      );
      assertEquals(source.join({ replay }).read(), [
        `joined at ${first}, recovered: true`,
        ...expected,
      ]);
    }
    assertEquals(new Simulated().join({ replay: 3 }).read(), [
      "joined at 0, recovered: true",
    ]);
  },
);

Deno.test(
  "a reader that comes back receives what it has missed, in order, once",
  pure,
  () => {
    for (let left = 0; left <= 4; left++) {
      const source = new Simulated();
      const reader = source.join();
      source.publish(left);
      reader.read(); // cut after this
      source.publish(4 - left);
      const back = source.join({ resumeFrom: reader.last });
      source.publish(); // between reading the history and waiting for items
      const missed = [1, 2, 3, 4, 5].filter((n) => n > left).map(String);
      assertEquals(back.read(), [
        `joined at ${left}, recovered: true`,
        ...missed,
      ]);
    }
  },
);

Deno.test(
  "a reader that comes back before its first item continues at its join",
  pure,
  () => {
    const source = new Simulated();
    source.publish(3);
    const reader = source.join();
    assertEquals(reader.step(), "joined at 3, recovered: true");
    source.publish();
    assertEquals(source.join({ resumeFrom: reader.last }).read(), [
      "joined at 3, recovered: true",
      "4",
    ]);
  },
);

Deno.test("a gap covers exactly what is missing", pure, () => {
  const source = new Simulated();
  const reader = source.join();
  source.publish(2);
  reader.read();
  source.publish(6); // 4 to 8 are kept
  const expected = ["gap 3-3 (slow)", "4", "5", "6", "7", "8"];
  const back = source.join({ resumeFrom: { epoch: 7, number: 2 } });
  assertEquals(back.step(), "joined at 3, recovered: false, gap 3-3 (expired)");
  assertEquals(back.read(), expected.slice(1));
  assertEquals(reader.read(), expected); // a slow reader
});

Deno.test(
  "there is no gap if the history has expired and nothing was missed",
  pure,
  () => {
    const source = new Simulated();
    const reader = source.join();
    source.publish(3);
    reader.read();
    source.now += 1_001;
    const back = source.join({ resumeFrom: reader.last });
    assertEquals(source.history.length, 0);
    source.publish();
    assertEquals(back.read(), ["joined at 3, recovered: true", "4"]);
    const late = source.join({ resumeFrom: { epoch: 7, number: 2 } });
    assertEquals(late.read(), [
      "joined at 3, recovered: false, gap 3-3 (expired)",
      "4",
    ]);
  },
);

Deno.test(
  "a source that numbers from 1 again has a gap, and does not recover the wrong items",
  pure,
  () => {
    const before = new Simulated();
    const reader = before.join();
    before.publish(3);
    reader.read();
    const after = new Simulated({}, 8); // restarted
    after.publish(5);
    const back = after.join({ resumeFrom: reader.last });
    after.publish();
    assertEquals(back.read(), [
      "joined at 5, recovered: false, gap 0-5 (unknown)",
      "6",
    ]);
    assertEquals(back.last, { epoch: 8, number: 6 }); // both of the new numbering
  },
);

Deno.test(
  "a source with the same epoch continues where another one was",
  pure,
  () => {
    const first = new Simulated();
    const reader = first.join();
    first.publish(6);
    reader.read();
    const second = new Simulated({}, 7, 4); // knows the items from 5 on
    second.publish(4);
    assertEquals(second.join({ resumeFrom: reader.last }).read(), [
      "joined at 6, recovered: true",
      "7",
      "8",
    ]);
    const behind = new Simulated({}, 7, 4); // has not seen all of them yet
    const back = behind.join({ resumeFrom: reader.last });
    behind.publish(3);
    assertEquals(back.read(), ["joined at 6, recovered: true", "7"]);
    const early = behind.join({ resumeFrom: { epoch: 7, number: 2 } });
    assertEquals(
      early.step(),
      "joined at 4, recovered: false, gap 3-4 (expired)",
    );
  },
);

Deno.test("numbers that were left out are no gap", pure, () => {
  const source = new Simulated();
  const reader = source.join();
  for (const number of [10, 20, 30]) source.history.add(number, number, 1, 0);
  assertEquals(reader.read().slice(1), ["10", "20", "30"]);
  const back = source.join({ resumeFrom: { epoch: 7, number: 15 } });
  assertEquals(back.read().slice(1), ["20", "30"]);
});

Deno.test(
  "a reader with a filter keeps up with the items that it does not receive",
  pure,
  () => {
    const even = (item: number) => item % 2 === 0;
    const source = new Simulated({ items: 8 });
    const reader = source.join({ filter: even });
    source.publish(4);
    assertEquals(reader.read(), ["joined at 0, recovered: true", "2", "4"]);
    const never = source.join({ filter: () => false });
    never.step();
    for (let n = 0; n < 20; n++) {
      source.publish();
      never.read();
      const { number } = never.last!;
      assertEquals(number >= source.history.floor, true);
      const back = source.join({ resumeFrom: never.last, filter: () => false });
      assertEquals(back.step(), `joined at ${number}, recovered: true`);
    }
    // One step for each quarter of the history.
    source.publish();
    assertEquals(never.read(), []);
    source.publish();
    assertEquals(never.read(), ["at 26"]);
  },
);

Deno.test("a reader with a filter is sent its position in time", pure, () => {
  const source = new Simulated();
  const never = source.join({ filter: () => false });
  never.read();
  source.publish();
  assertEquals(never.read(), []);
  source.now += 250; // a quarter of the age
  assertEquals(never.read(), ["at 1"]);
  assertEquals(never.read(), []); // nothing was rejected since
  const large = source.join({ filter: () => false });
  large.read();
  source.history.add(2, 2, 2_500, source.now); // a quarter of the bytes
  assertEquals(large.read(), ["at 2"]);
});

Deno.test(
  "random readers receive each item once, in order, or a gap that covers it",
  pure,
  () => {
    // Per reader, the numbers rise by 1, or a gap covers exactly what is missing.
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed;
      const random = (below: number) => {
        state = (state * 48271) % 2147483647;
        return state % below;
      };
      const source = new Simulated({ items: 1 + random(8), age: 500 });
      let reader = source.join();
      reader.step(); // from now on, the client knows a position
      let expected = 1;
      for (let turn = 0; turn < 100; turn++) {
        source.publish(random(4));
        source.now += random(100);
        if (random(4) === 0) {
          const { last } = reader;
          reader = source.join({ resumeFrom: last });
          reader.last = last;
        }
        for (let steps = random(6); steps > 0; steps--) {
          const step = reader.cursor.next(source.now);
          if (step === undefined) break;
          reader.last = step.position;
          if (step.gap !== undefined) {
            assertEquals([seed, step.gap.from], [seed, expected]);
            expected = step.gap.to + 1;
          }
          if (step.item !== undefined) {
            assertEquals([seed, step.item.value], [seed, expected]);
            expected++;
          }
          assertEquals([seed, step.position.number], [seed, expected - 1]);
        }
      }
    }
  },
);
