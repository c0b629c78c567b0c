import { assertEquals } from "@std/assert";
import {
  Rotation,
  type Source,
} from "../../../lib/messages/session/rotation.ts";

const pure = { permissions: "none" } as const;

function source(name: string, left: number, log: string[], credit = Infinity) {
  return {
    left,
    credit,
    sendNext() {
      if (this.credit-- <= 0) return false;
      this.left--;
      log.push(name);
      return true;
    },
    get hasNext() {
      return this.left > 0;
    },
  } satisfies Source & { left: number; credit: number };
}

Deno.test("Rotation.run() gives each source one frame in turn", pure, () => {
  const log: string[] = [];
  const rotation = new Rotation();
  rotation.add(source("a", 3, log));
  rotation.add(source("b", 1, log));
  rotation.add(source("c", 2, log));
  rotation.run({ bulkOpen: true });
  assertEquals(log.join(""), "abcaca");
  assertEquals(rotation.empty, true);
});

Deno.test(
  "Rotation.run() passes over sources without credit, and keeps them",
  pure,
  () => {
    const log: string[] = [];
    const rotation = new Rotation();
    const poor = source("a", 3, log, 1);
    rotation.add(poor);
    rotation.add(source("b", 3, log));
    rotation.run({ bulkOpen: true });
    assertEquals([log.join(""), rotation.empty], ["abbb", false]);
    poor.credit = 9;
    rotation.run({ bulkOpen: true });
    assertEquals([log.join(""), rotation.empty], ["abbbaa", true]);
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
      get bulkOpen() {
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
