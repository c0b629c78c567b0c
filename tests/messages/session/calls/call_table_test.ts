import { assertEquals } from "@std/assert";
import { CallTable } from "../../../../lib/messages/session/calls/call_table.ts";
import { mulberry32 } from "../../../framing/random.ts";

const pure = { permissions: "none" } as const;

Deno.test("CallTable finds calls by id", pure, () => {
  const table = new CallTable<{ id: number }>();
  const [first, far] = [{ id: 1 }, { id: 2 ** 47 + 1 }];
  table.add(first);
  table.add(far);
  assertEquals([table.get(1), table.get(far.id), table.size], [first, far, 2]);
  assertEquals([table.get(0), table.get(3), table.get(513)], [
    undefined,
    undefined,
    undefined,
  ]);
  table.delete(513); // same ring index as 1
  table.delete(3);
  assertEquals([table.size, table.all], [2, [first, far]]);
});

Deno.test("CallTable keeps calls that share a ring index", pure, () => {
  const table = new CallTable<{ id: number }>();
  const old = { id: 5 };
  table.add(old);
  const later = [517, 1029, 1541].map((id) => ({ id })); // each 256 calls on
  for (const call of later) table.add(call);
  assertEquals(later.map(({ id }) => table.get(id)), later);
  table.delete(5);
  assertEquals([table.get(5), table.size], [undefined, 3]);
  const next = { id: 2053 };
  table.add(next);
  assertEquals(table.all, [...later, next]);
  table.delete(1029);
  assertEquals([table.get(1029), table.get(2053)], [undefined, next]);
});

Deno.test(
  "CallTable behaves like a map for random additions and removals",
  pure,
  () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = mulberry32(seed);
      const table = new CallTable<{ id: number }>();
      const model = new Map<number, { id: number }>();
      let id = 1;
      for (let step = 0; step < 2000; step++) {
        if (random(100) < 55) {
          id += 2 + 2 * random(random(10) === 0 ? 600 : 2); // gaps are allowed
          const call = { id };
          table.add(call);
          model.set(id, call);
        } else {
          const ids = [...model.keys()];
          const gone = ids[random(ids.length)] ?? id + 2;
          table.delete(gone);
          model.delete(gone);
          assertEquals(table.get(gone), undefined, `seed ${seed}`);
        }
        assertEquals(table.size, model.size, `seed ${seed}`);
      }
      assertEquals(table.all, [...model.values()], `seed ${seed}`);
      for (const call of model.values()) assertEquals(table.get(call.id), call);
    }
  },
);
