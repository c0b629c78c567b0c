import { assert, assertEquals } from "@std/assert";
import { rendezvous } from "../../../lib/messages/client/rendezvous.ts";

const NAMES = Array.from(
  { length: 10 },
  (_, index) => `tcp://shop-${index}:7000`,
);
const KEYS = Array.from({ length: 4_000 }, (_, index) => `user-${index}`);

Deno.test({
  name:
    "rendezvous() moves only the keys of a name that leaves, and returns them",
  permissions: "none",
  fn() {
    const before = KEYS.map((key) => rendezvous(key, NAMES, 1)[0]);
    const shares = Map.groupBy(before, (name) => name);
    for (const name of NAMES) {
      const share = (shares.get(name) ?? []).length / KEYS.length;
      assert(share > 0.088 && share < 0.112, `${name}: ${share}`);
    }
    const rest = NAMES.toSpliced(3, 1).toReversed();
    let moved = 0;
    for (const [index, key] of KEYS.entries()) {
      const [after] = rendezvous(key, rest, 1);
      if (after === before[index]) continue;
      assertEquals(before[index], NAMES[3]);
      moved++;
    }
    assert(moved > 360 && moved < 440, `${moved} keys moved`);
    const again = KEYS.map((key) => rendezvous(key, NAMES.toReversed(), 1)[0]);
    assertEquals(again, before); // the order of the names has no effect
  },
});

Deno.test({
  name:
    "rendezvous() returns as many names as wanted, with the same first ones",
  permissions: "none",
  fn() {
    const all = rendezvous("k", NAMES, 99);
    assertEquals(all.toSorted(), NAMES.toSorted());
    assertEquals(rendezvous("k", NAMES, 3), all.slice(0, 3));
    assertEquals(rendezvous("k", [], 3), []);
  },
});
