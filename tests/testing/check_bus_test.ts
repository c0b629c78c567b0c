import { assertEquals, assertRejects } from "@std/assert";
import {
  type Bus,
  type MemoryBus,
  memoryBus,
} from "../../lib/messages/bus/mod.ts";
import type { BusHistory } from "../../lib/messages/bus/mod.ts";
import { checkBus } from "../../lib/testing/check_bus.ts";
import { virtualTime } from "../../lib/testing/virtual_time.ts";
import { StoredBus } from "../messages/sources/stored_bus.ts";

const pure = { permissions: "none" } as const;

/** Checks a bus of which one member is changed; returns the failed checks. */
async function failures(
  change: (bus: MemoryBus) => Partial<Bus>,
  changesFar = false,
): Promise<string[]> {
  const failed: string[] = [];
  let member: MemoryBus;
  const error = await assertRejects(() =>
    checkBus(() => {
      const own = memoryBus({ maxMessage: 1_024 });
      member = own;
      const changed = change(own);
      const near: Bus = {
        get maxMessage() {
          return changed.maxMessage ?? own.maxMessage;
        },
        get status() {
          return changed.status ?? own.status;
        },
        onStatus: changed.onStatus ?? ((listener) => own.onStatus(listener)),
        publish: changed.publish ?? ((...all) => own.publish(...all)),
        subscribe: changed.subscribe ?? ((...all) => own.subscribe(...all)),
      };
      const other = own.join();
      if (!changesFar) return [near, other];
      member = other; // the one that is disconnected
      return [other, near];
    }, {
      timeout: 20,
      disconnect: () => member.disconnect(),
      reconnect: () => member.reconnect(),
      step: (name, check) =>
        (async () => await check())().catch((error) => {
          failed.push(name);
          throw error;
        }),
    }), AggregateError);
  assertEquals(error.errors.length, failed.length);
  return failed;
}

const UP = "a member says that it is up, and what it carries";
const UNCHANGED = "a message reaches the other member unchanged";
const READY = "a message that follows ready arrives";
const ORDER = "messages arrive once, in the order of their publisher";
const SUBJECT = "a subject is not a prefix or a pattern";
const SIZE =
  "a message of maxMessage bytes arrives, and a larger one is not taken";
const TWO = "two subscriptions of one member are independent";
const LISTENER = "a listener of the status can be removed";
const HISTORY = "a history has the messages of each subject, in their order";
const DOWN =
  "while a member is down, it takes nothing, and keeps nothing for later";

Deno.test("checkBus() accepts memoryBus()", pure, async () => {
  let bus = memoryBus();
  const names: string[] = [];
  await checkBus(() => {
    bus = memoryBus({ maxMessage: 1_024 });
    return [bus, bus.join()];
  }, {
    disconnect: () => bus.disconnect(),
    reconnect: () => bus.reconnect(),
    step(name, check) {
      names.push(name);
      return check();
    },
  });
  assertEquals(
    names.toSorted(),
    [
      ...[
        UP,
        UNCHANGED,
        READY,
        ORDER,
        SUBJECT,
        SIZE,
        TWO,
        LISTENER,
        DOWN,
        HISTORY,
      ],
    ].toSorted(),
  );
});

Deno.test("checkBus() skips losses without disconnect", pure, async () => {
  const bus = memoryBus({ maxMessage: 64 * 1_024 });
  await checkBus(() => [bus, bus.join()]);
  assertEquals(bus.status, "up");
});

Deno.test(
  "checkBus() finds a bus that repeats, reorders, cuts or patterns",
  pure,
  async () => {
    let n = 0;
    assertEquals(
      await failures((bus) => ({
        publish: (subject, message) => {
          if (n++ % 500 === 499) bus.publish(subject, message);
          return bus.publish(subject, message);
        },
      })),
      [ORDER],
    );
    assertEquals(
      await failures((bus) => ({
        publish: (subject, message) =>
          bus.publish(subject, message.subarray(0, 200)),
      })),
      [UNCHANGED, SIZE],
    );
    assertEquals(
      await failures((bus) => ({
        publish: (subject, message) =>
          bus.publish(subject.toLowerCase(), message),
      })),
      [SUBJECT],
    );
  },
);

Deno.test(
  "checkBus() finds a bus that takes too much, or keeps messages while it is down",
  pure,
  async () => {
    assertEquals(
      await failures((bus) => ({
        publish: (subject, message) => {
          bus.publish(subject, message);
          return true;
        },
      })),
      [SIZE, DOWN],
    );
    assertEquals(
      await failures((bus) => {
        const kept: [string, Uint8Array][] = [];
        bus.onStatus((status) => {
          if (status !== "up") return;
          for (const message of kept.splice(0)) bus.publish(...message);
        });
        return {
          publish: (...message) => {
            if (bus.status === "down") kept.push(message);
            return bus.publish(...message);
          },
        };
      }),
      [DOWN],
    );
  },
);

Deno.test(
  "checkBus() finds a wrong status, and subscriptions that end late or early",
  pure,
  async () => {
    assertEquals(
      await failures(() => ({ status: "down", maxMessage: 0.5 })),
      [UP, SIZE, DOWN],
    );
    assertEquals(
      await failures((bus) => ({
        subscribe: (...all) => ({
          ready: bus.subscribe(...all).ready,
          [Symbol.dispose]() {},
        }),
      }), true),
      [TWO],
    );
    assertEquals(
      await failures(() => ({
        onStatus(listener) {
          listener("up");
          return { [Symbol.dispose]() {} };
        },
      })),
      [LISTENER],
    );
    assertEquals(
      await failures((bus) => ({
        status: "up", // although its listeners receive another
        onStatus(listener) {
          const own = bus.onStatus(listener);
          if (bus.status === "down") queueMicrotask(() => listener("down"));
          return own;
        },
      })),
      [DOWN],
    );
    assertEquals(
      await failures((bus) => ({
        subscribe(subject, receive) {
          const subscription = bus.subscribe(subject, receive);
          bus.onStatus(() => subscription[Symbol.dispose]());
          return subscription;
        },
      })),
      [DOWN],
    );
  },
);

Deno.test("checkBus() checks a history, if there is one", pure, async () => {
  const { bus, failed } = await historyFailures((history) => history);
  assertEquals([failed, bus.stored.length > 3], [[], true]);
  const faults: ((history: BusHistory) => BusHistory)[] = [
    // It finds messages of other subjects, the oldest one, or skips some.
    (history) => ({
      ...history,
      newest: (subject) => history.next(subject, 1),
    }),
    (history) => ({
      ...history,
      next: (subject, index) => history.next(subject, index + 1),
    }),
    (history) => ({
      ...history,
      next: (subject, index) =>
        history.next(subject.replace(/one$/, "two"), index),
    }),
  ];
  for (const fault of faults) {
    const { failed } = await historyFailures(fault);
    assertEquals(failed, [HISTORY]);
  }
});

/** Checks a bus with a changed history; returns the failed checks. */
async function historyFailures(change: (history: BusHistory) => BusHistory) {
  const bus = new StoredBus();
  const failed: string[] = [];
  using time = virtualTime();
  const checking = checkBus(() => {
    const [near, far] = [bus.join(), bus.join()];
    return [near, Object.assign(far, { history: change(far.history) })];
  }, {
    step: (name, check) =>
      (async () => await check())().catch((error) => {
        failed.push(name);
        throw error;
      }),
  });
  await time.run(checking.catch(() => {}));
  return { bus, failed };
}
