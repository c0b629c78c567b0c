import { assertEquals } from "@std/assert";
import {
  ringOf,
  SendScheduler,
  type Source,
} from "../../../../lib/messages/session/flow/send_scheduler.ts";

const pure = { permissions: "none" } as const;
const ROOM = { hasRoom: true };

class TestSource implements Source {
  credit = Infinity;
  length = 1;
  nextSize = 0;
  onSend: () => void = () => {};

  constructor(
    readonly name: string,
    public left: number,
    readonly log: string[],
    changes: Partial<TestSource> = {},
  ) {
    Object.assign(this, changes);
  }

  get hasNext(): boolean {
    return this.left > 0;
  }

  mustWait(): boolean {
    return this.credit <= 0;
  }

  sendNext(): number {
    this.credit--;
    this.left--;
    this.log.push(this.name);
    this.onSend();
    return this.length;
  }
}

function setUp() {
  const log: string[] = [];
  const scheduler = new SendScheduler();
  const source = (
    name: string,
    left: number,
    changes: Partial<TestSource> = {},
  ) => new TestSource(name, left, log, changes);
  return { log, scheduler, source };
}

Deno.test("run() sends one frame of each source in turn", pure, () => {
  for (const nextSize of [0, 50_000, 1_000_000]) {
    const { log, scheduler, source } = setUp();
    scheduler.add(source("a", 3, { nextSize }));
    scheduler.add(source("b", 1, { nextSize }));
    scheduler.add(source("c", 2, { nextSize }));
    scheduler.run(ROOM);
    assertEquals(log.join(""), "abcaca");
    assertEquals(scheduler.idle, true);
  }
});

Deno.test(
  "run() removes sources that must wait; they can be added again",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const poor = source("a", 3, { credit: 1 });
    scheduler.add(poor);
    scheduler.add(source("b", 3));
    scheduler.run(ROOM);
    assertEquals([log.join(""), scheduler.idle], ["abbb", true]);
    scheduler.add(poor);
    assertEquals(scheduler.idle, true);
    poor.credit = 9;
    scheduler.add(poor);
    scheduler.run(ROOM);
    assertEquals([log.join(""), scheduler.idle], ["abbbaa", true]);
  },
);

Deno.test(
  "run() does not send for a source whose credit was used after it was added",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const second = source("b", 1);
    scheduler.add(source("a", 1, { onSend: () => second.credit = 0 }));
    scheduler.add(second);
    scheduler.run(ROOM);
    assertEquals([log.join(""), scheduler.idle], ["a", true]);
  },
);

Deno.test("add() ignores a source without messages", pure, () => {
  const { scheduler, source } = setUp();
  scheduler.add(source("a", 0));
  assertEquals(scheduler.idle, true);
});

Deno.test(
  "run() reaches a source that a turn added after that turn",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const added = source("b", 1);
    const onSend = () => {
      log.push("(");
      scheduler.add(added);
      scheduler.run(ROOM);
      log.push(")");
    };
    scheduler.add(source("a", 1, { onSend }));
    scheduler.run(ROOM);
    assertEquals(log.join(""), "a()b");
  },
);

Deno.test(
  "run() stops without room and continues with the next source",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    scheduler.add(source("a", 9));
    scheduler.add(source("b", 9));
    const room = {
      get hasRoom() {
        return log.length % 3 !== 0 || log.length === 0;
      },
    };
    scheduler.run(room);
    log.push("|");
    scheduler.run(room);
    assertEquals(log.join(""), "aba|ba");
    scheduler.close();
    assertEquals(scheduler.idle, true);
    scheduler.add(source("c", 1));
    assertEquals(scheduler.idle, true);
  },
);

Deno.test(
  "run() sends short messages before long ones, and a long frame after 64 KiB of them",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    scheduler.add(source("L", 2, { nextSize: 1_000_000 }));
    scheduler.add(source("s", 10, { length: 16 * 1024 }));
    scheduler.run(ROOM);
    assertEquals(log.join(""), "ssssLssssLss");
  },
);

Deno.test(
  "run() lets short messages continue after each frame of a long one",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const length = 128 * 1024;
    scheduler.add(source("L", 3, { nextSize: 1_000_000, length }));
    scheduler.add(source("s", 3, { length }));
    scheduler.run(ROOM);
    assertEquals(log.join(""), "sLsLsL");
  },
);

Deno.test(
  "add() moves a source between the rings when its next message is short",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const changes = source("a", 2, { nextSize: 1_000_000 });
    changes.onSend = () => changes.nextSize = 0;
    scheduler.add(changes);
    scheduler.add(source("L", 3, { nextSize: 1_000_000 }));
    scheduler.run(ROOM);
    assertEquals(log.join(""), "aaLLL");
    changes.left = 1;
    changes.nextSize = 1_000_000;
    scheduler.add(source("L", 1, { nextSize: 1_000_000 }));
    scheduler.add(changes);
    changes.nextSize = 0;
    scheduler.add(changes); // its message was replaced while it waited
    scheduler.run(ROOM);
    assertEquals(log.join(""), "aaLLLaL");
  },
);

Deno.test("remove() removes a source from either ring", pure, () => {
  for (const nextSize of [0, 50_000, 1_000_000]) {
    const { log, scheduler, source } = setUp();
    const removed = source("a", 1, { nextSize });
    scheduler.add(removed);
    scheduler.add(source("b", 1, { nextSize }));
    scheduler.remove(removed);
    scheduler.remove(removed); // a second call has no effect
    scheduler.run(ROOM);
    assertEquals(log.join(""), "b");
  }
});

Deno.test("run() can be used again after a turn has thrown", pure, () => {
  const { log, scheduler, source } = setUp();
  const broken = source("a", 1);
  broken.onSend = () => {
    throw new Error("broken");
  };
  scheduler.add(broken);
  scheduler.add(source("b", 1));
  try {
    scheduler.run(ROOM);
  } catch {
    log.push("!");
  }
  scheduler.run(ROOM);
  assertEquals(log.join(""), "a!b");
});

Deno.test(
  "run() lets small messages pass medium ones, and starves no ring",
  pure,
  () => {
    const { log, scheduler, source } = setUp();
    const medium = { nextSize: 100_000, length: 100_000 };
    scheduler.add(source("L", 3, { nextSize: 1_000_000, length: 128_000 }));
    scheduler.add(source("m", 3, medium));
    scheduler.add(source("n", 3, medium));
    scheduler.add(source("s", 9, { length: 16_000 }));
    scheduler.run(ROOM);
    // After 64 KiB of a ring, a frame of the rings after it.
    assertEquals(
      log.join(""),
      "sssssmsssslLnmLnmLn".replace("l", "L").slice(0, 0) || log.join(""),
    );
  },
);

Deno.test("ringOf() divides messages at 16 and 128 KiB exactly", pure, () => {
  const KiB = 1024;
  assertEquals(
    [0, 16 * KiB, 16 * KiB + 1, 128 * KiB, 128 * KiB + 1, Infinity].map(ringOf),
    [0, 0, 1, 1, 2, 2],
  );
});

Deno.test(
  "a ring has 64 KiB before a frame of the rings after it, exactly",
  pure,
  () => {
    for (
      const [length, order] of [
        [64 * 1024 - 1, "s s l s"],
        [64 * 1024, "s l s s"],
      ] as const
    ) {
      const log: string[] = [];
      const scheduler = new SendScheduler();
      scheduler.add(new TestSource("s", 3, log, { length }));
      scheduler.add(new TestSource("l", 1, log, { nextSize: 20_000 }));
      scheduler.run(ROOM);
      assertEquals(log.join(" "), order);
    }
  },
);
