import { assertEquals } from "@std/assert";
import {
  Rotation,
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

Deno.test("Rotation.run() gives each source one frame in turn", pure, () => {
  const log: string[] = [];
  const rotation = new Rotation();
  rotation.add(source("a", 3, log));
  rotation.add(source("b", 1, log));
  rotation.add(source("c", 2, log));
  rotation.run({ open: true });
  assertEquals(log.join(""), "abcaca");
  assertEquals(rotation.empty, true);
});

Deno.test(
  "Rotation.run() lets go of sources that lack credit: whoever gives it adds them again",
  pure,
  () => {
    const log: string[] = [];
    const rotation = new Rotation();
    const poor = source("a", 3, log, 1);
    rotation.add(poor);
    rotation.add(source("b", 3, log));
    rotation.run({ open: true });
    assertEquals([log.join(""), rotation.empty], ["abbb", true]);
    rotation.add(poor);
    assertEquals(rotation.empty, true);
    poor.credit = 9;
    rotation.add(poor);
    rotation.run({ open: true });
    assertEquals([log.join(""), rotation.empty], ["abbbaa", true]);
  },
);

Deno.test(
  "Rotation.run() passes over sources that may not send now, and keeps them",
  pure,
  () => {
    const log: string[] = [];
    const rotation = new Rotation();
    const queue = source("a", 1, log);
    queue.hasPlace = false;
    rotation.add(queue);
    rotation.add(source("b", 2, log));
    rotation.run({ open: true });
    assertEquals([log.join(""), rotation.empty], ["bb", false]);
    queue.hasPlace = true;
    rotation.run({ open: true });
    assertEquals([log.join(""), rotation.empty], ["bba", true]);
  },
);

Deno.test(
  "Rotation.run() gives what a turn adds its own turn, not one within",
  pure,
  () => {
    const log: string[] = [];
    const rotation = new Rotation();
    const first = source("a", 2, log);
    rotation.add({
      ...first,
      hasNext: false,
      lacksCredit: false,
      sendNext() {
        log.push("(");
        rotation.add(source("b", 1, log));
        rotation.run({ open: true });
        log.push(")");
        return true;
      },
    });
    rotation.run({ open: true });
    assertEquals(log.join(""), "()b");
  },
);

Deno.test(
  "Rotation.run() stops where there is no room, and goes on with the next in turn",
  pure,
  () => {
    const log: string[] = [];
    const rotation = new Rotation();
    rotation.add(source("a", 9, log));
    rotation.add(source("b", 9, log));
    const room = {
      get open() {
        return log.length % 3 !== 0 || log.length === 0;
      },
    };
    rotation.run(room);
    log.push("|");
    rotation.run(room);
    assertEquals(log.join(""), "aba|ba");
    rotation.clear();
    assertEquals(rotation.empty, true);
  },
);
