import { assertEquals } from "@std/assert";
import {
  RoundRobin,
  type Source,
} from "../../../../lib/messages/session/flow/round_robin.ts";

const pure = { permissions: "none" } as const;

function source(
  name: string,
  left: number,
  log: string[],
  credit = Infinity,
): Source & { left: number; credit: number; hasSlot: boolean } {
  return {
    left,
    credit,
    hasSlot: true,
    sendNext() {
      if (this.credit <= 0 || !this.hasSlot) return false;
      this.credit--;
      this.left--;
      log.push(name);
      return true;
    },
    get hasNext() {
      return this.left > 0;
    },
    get lacksCredit() {
      return this.credit <= 0;
    },
  };
}

Deno.test(
  "RoundRobin.run() sends one frame of each source in turn",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    roundRobin.add(source("a", 3, log));
    roundRobin.add(source("b", 1, log));
    roundRobin.add(source("c", 2, log));
    roundRobin.run({ hasRoom: true });
    assertEquals(log.join(""), "abcaca");
    assertEquals(roundRobin.empty, true);
  },
);

Deno.test(
  "RoundRobin.run() removes sources that lack credit; they can be added again",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    const poor = source("a", 3, log, 1);
    roundRobin.add(poor);
    roundRobin.add(source("b", 3, log));
    roundRobin.run({ hasRoom: true });
    assertEquals([log.join(""), roundRobin.empty], ["abbb", true]);
    roundRobin.add(poor);
    assertEquals(roundRobin.empty, true);
    poor.credit = 9;
    roundRobin.add(poor);
    roundRobin.run({ hasRoom: true });
    assertEquals([log.join(""), roundRobin.empty], ["abbbaa", true]);
  },
);

Deno.test(
  "RoundRobin.run() skips sources that may not send now, and keeps them",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    const queue = source("a", 1, log);
    queue.hasSlot = false;
    roundRobin.add(queue);
    roundRobin.add(source("b", 2, log));
    roundRobin.run({ hasRoom: true });
    assertEquals([log.join(""), roundRobin.empty], ["bb", false]);
    queue.hasSlot = true;
    roundRobin.run({ hasRoom: true });
    assertEquals([log.join(""), roundRobin.empty], ["bba", true]);
  },
);

Deno.test(
  "RoundRobin.run() runs a source that a turn added after that turn",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    const first = source("a", 2, log);
    roundRobin.add({
      ...first,
      hasNext: false,
      lacksCredit: false,
      sendNext() {
        log.push("(");
        roundRobin.add(source("b", 1, log));
        roundRobin.run({ hasRoom: true });
        log.push(")");
        return true;
      },
    });
    roundRobin.run({ hasRoom: true });
    assertEquals(log.join(""), "()b");
  },
);

Deno.test(
  "RoundRobin.run() stops without room and continues with the next source",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    roundRobin.add(source("a", 9, log));
    roundRobin.add(source("b", 9, log));
    const room = {
      get hasRoom() {
        return log.length % 3 !== 0 || log.length === 0;
      },
    };
    roundRobin.run(room);
    log.push("|");
    roundRobin.run(room);
    assertEquals(log.join(""), "aba|ba");
    roundRobin.clear();
    assertEquals(roundRobin.empty, true);
  },
);
