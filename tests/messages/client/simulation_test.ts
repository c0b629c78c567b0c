/**
 * Runs some seeds of the client simulation; `deno task simulate:clients` runs
 * 2,000 and plants faults, and `deno task simulate:clients SEED` replays one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { cutEvery } from "./every_byte.ts";
import { simulate } from "./simulate_worker.ts";
import { Run } from "./world.ts";
import { type Counts, noCounts } from "./world_ledger.ts";
import { MUTANTS } from "./world_mutants.ts";

const pure = { permissions: "none" } as const;
const SEEDS = { first: 1, step: 1, last: 36 };

Deno.test(
  "calls of a client have true outcomes, whatever fails",
  pure,
  async () => {
    const { failures, counts } = await simulate(SEEDS);
    assertEquals(failures, []);
    // The runs are worth nothing if little happens in them.
    for (const name of Object.keys(noCounts()) as (keyof Counts)[]) {
      const total = Object.values(counts).reduce(
        (sum, of) => sum + of[name],
        0,
      );
      assert(total > 0, `no ${name}`);
    }
  },
);

Deno.test(
  "a seed of the client simulation replays the same run",
  pure,
  async () => {
    const runs = [await new Run(9).run(), await new Run(9).run()];
    const [first, second] = runs.map(({ ledger }) => ({
      dials: ledger.dials,
      calls: ledger.calls.map(({ entries, settledAt }) => [entries, settledAt]),
    }));
    assertEquals(first, second);
  },
);

Deno.test(
  "calls have true outcomes if the link is cut after n bytes",
  pure,
  async () => {
    const { failures, cuts, counts } = await cutEvery(61);
    assertEquals(failures, []);
    assert(cuts > 40, `${cuts} cuts`);
    assert(counts.resends > 0 && counts.failed > 0, JSON.stringify(counts));
  },
);

Deno.test("each planted fault changes one place of the library", () => {
  for (const { file, from } of MUTANTS) {
    const text = Deno.readTextFileSync(`lib/messages/${file}`);
    assertEquals(text.split(from).length, 2, `${file}: ${from}`);
  }
});
