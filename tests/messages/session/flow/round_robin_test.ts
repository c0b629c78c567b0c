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
): Source & { left: number; credit: number; hasPlace: boolean } {
  return {
    left,
    credit,
    hasPlace: true,
    sendNext() {
      if (this.credit <= 0 || !this.hasPlace) return false;
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

Deno.test("RoundRobin.run() gives each source one frame in turn", pure, () => {
  const log: string[] = [];
  const roundRobin = new RoundRobin();
  roundRobin.add(source("a", 3, log));
  roundRobin.add(source("b", 1, log));
  roundRobin.add(source("c", 2, log));
  roundRobin.run({ open: true });
  assertEquals(log.join(""), "abcaca");
  assertEquals(roundRobin.empty, true);
});

Deno.test(
  "RoundRobin.run() lets go of sources that lack credit: whoever gives it adds them again",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    const poor = source("a", 3, log, 1);
    roundRobin.add(poor);
    roundRobin.add(source("b", 3, log));
    roundRobin.run({ open: true });
    assertEquals([log.join(""), roundRobin.empty], ["abbb", true]);
    roundRobin.add(poor);
    assertEquals(roundRobin.empty, true);
    poor.credit = 9;
    roundRobin.add(poor);
    roundRobin.run({ open: true });
    assertEquals([log.join(""), roundRobin.empty], ["abbbaa", true]);
  },
);

Deno.test(
  "RoundRobin.run() passes over sources that may not send now, and keeps them",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    const queue = source("a", 1, log);
    queue.hasPlace = false;
    roundRobin.add(queue);
    roundRobin.add(source("b", 2, log));
    roundRobin.run({ open: true });
    assertEquals([log.join(""), roundRobin.empty], ["bb", false]);
    queue.hasPlace = true;
    roundRobin.run({ open: true });
    assertEquals([log.join(""), roundRobin.empty], ["bba", true]);
  },
);

Deno.test(
  "RoundRobin.run() gives what a turn adds its own turn, not one within",
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
        roundRobin.run({ open: true });
        log.push(")");
        return true;
      },
    });
    roundRobin.run({ open: true });
    assertEquals(log.join(""), "()b");
  },
);

Deno.test(
  "RoundRobin.run() stops where there is no room, and goes on with the next in turn",
  pure,
  () => {
    const log: string[] = [];
    const roundRobin = new RoundRobin();
    roundRobin.add(source("a", 9, log));
    roundRobin.add(source("b", 9, log));
    const room = {
      get open() {
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
