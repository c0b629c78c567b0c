/**
 * Random traffic over random connections. The invariants: every call settles
 * exactly once, and never with `processed: "no"` if its handler was entered;
 * items arrive completely, in order, and only once; no frame of a call follows
 * its reply; memory always stays within its bounds; and once both sides are
 * idle, all credit, timers and call slots have been returned.
 *
 * The error names the seed that failed; `new Traffic(seed).run()` replays it.
 *
 * @module
 */
import { assert } from "@std/assert";
import { TIMES } from "../../times.ts";
import { Traffic } from "./traffic.ts";

const SEEDS = 300 * TIMES;

Deno.test(
  "two sessions keep all invariants in random traffic",
  { permissions: "none" },
  () => {
    let calls = 0;
    let frames = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const traffic = new Traffic(seed);
      try {
        traffic.run();
      } catch (error) {
        throw new Error(`seed ${seed} fails`, { cause: error });
      }
      calls += traffic.made.length;
      frames += traffic.monitor.frames;
    }
    assert(calls > 10 * SEEDS, `only ${calls} calls were made`);
    assert(frames > 50 * SEEDS, `only ${frames} frames were sent`);
  },
);
