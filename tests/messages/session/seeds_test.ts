/**
 * Random traffic over random connections. The invariants, in words: every call
 * settles exactly once, and is not said to be unprocessed when a handler saw
 * it; items arrive in order, whole, none twice; nothing of an answered call is
 * sent; memory stays within its bounds all the time; when all is quiet, all
 * credit, timers and places are back where they came from, on both sides.
 *
 * A seed that fails is in the error; `new Traffic(seed).run()` replays it.
 *
 * @module
 */
import { assert } from "@std/assert";
import { Traffic } from "./traffic.ts";

const SEEDS = 2400;

Deno.test(
  "two sessions keep every promise in random traffic",
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
