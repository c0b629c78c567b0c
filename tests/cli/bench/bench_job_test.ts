import { assert, assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../../lib/cli/errors.ts";
import { type BenchJob, splitJob } from "../../../lib/cli/bench/bench_job.ts";
import type { Loop } from "../../../lib/cli/bench/load.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function job(loop: Loop, connections: number): BenchJob {
  return {
    target: {
      url: "tcp://test:1",
      tls: undefined,
      credentials: undefined,
      codec: "any",
      timeout: 1,
    },
    method: { name: "echo", shape: "unary" },
    input: 1n,
    options: {},
    load: { loop, duration: 1000, warmup: 10, grace: 1 },
    connections,
  };
}

Deno.test(
  "splitJob() spaces the intended starts of all workers evenly",
  none,
  () => {
    const rate = 100;
    const parts = splitJob(job({ kind: "open", rate }, 5), 3);
    assertEquals(parts.map(({ connections }) => connections), [2, 2, 1]);
    const starts = parts.flatMap(({ load: { loop, delay = 0 } }) => {
      assert(loop.kind === "open");
      return [0, 1, 2, 3].map((n) => delay + n * 1000 / loop.rate);
    });
    starts.sort((a, b) => a - b);
    assertEquals(starts.map(Math.round), starts.map((_, n) => n * 10));
  },
);

Deno.test("splitJob() divides the calls of a closed loop", none, () => {
  const parts = splitJob(job({ kind: "closed", concurrency: 8 }, 3), 3);
  assertEquals(
    parts.map(({ load }) => load.loop),
    [3, 3, 2].map((concurrency): Loop => ({ kind: "closed", concurrency })),
  );
  assertEquals(structuredClone(parts), parts); // as workers receive them
  for (const [concurrency, connections] of [[2, 3], [3, 2]] as const) {
    assertThrows(
      () => splitJob(job({ kind: "closed", concurrency }, connections), 3),
      CliError,
      "among 3 workers",
    );
  }
});
