/**
 * A session that is cut anywhere, in either direction, goes on as if it had not
 * been: every call, item and notification arrives once and in order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { notify } from "../session_calls.ts";
import { converse, type Log } from "./conversation.ts";
import { ResumableSimulation } from "./resumable_simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants
const ENDS = ["client", "server"] as const;

/** The conversation without cuts: its log, and the bytes that each end sends. */
function undisturbed(seed: number) {
  const simulation = new ResumableSimulation({}, { seed });
  const log = converse(simulation);
  assertEquals(simulation.resumptions, 0);
  return { log, simulation };
}

function converseWith(
  cuts: { client?: number[]; server?: number[] },
  { log, seed, halfOpen }: { log: Log; seed: number; halfOpen: boolean },
): ResumableSimulation {
  const simulation = new ResumableSimulation(cuts, { seed, halfOpen });
  const what = `seed ${seed}, cuts ${JSON.stringify(cuts)}, ${halfOpen}`;
  assertEquals(converse(simulation), log, what);
  return simulation;
}

Deno.test("a session that is cut after any frame goes on", pure, () => {
  const { log, simulation: { frameEnds } } = undisturbed(1);
  let resumptions = 0;
  for (const name of ENDS) {
    const ends = frameEnds[name].slice(2); // after HELLO
    assert(ends.length > 100);
    for (let index = 0; index < ends.length; index += 7) {
      const halfOpen = index % 2 === 0;
      const cuts = { [name]: [ends[index]! - 1] }; // in range: the loop's condition
      const cut = converseWith(cuts, { log, seed: 1, halfOpen });
      resumptions += cut.resumptions;
    }
  }
  assert(resumptions > 30, `${resumptions}`);
});

Deno.test("a session that is cut again and again goes on", pure, () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { log, simulation: { sent } } = undisturbed(seed);
    const cuts = Object.fromEntries(ENDS.map((name) => {
      const each = 8_000 + 1_500 * seed;
      const count = Math.floor(2 * sent[name] / each);
      return [name, Array.from({ length: count }, (_, n) => 1_000 + n * each)];
    }));
    const cut = converseWith(cuts, { log, seed, halfOpen: seed % 2 === 0 });
    assert(cut.resumptions > 5, `${seed}: ${cut.resumptions}`);
    assert(cut.attempts >= cut.resumptions);
  }
});

Deno.test("a session that has ended keeps no frames", pure, () => {
  const simulation = new ResumableSimulation({});
  simulation.open();
  const [client] = simulation.ends;
  notify(simulation, client, new Uint8Array(1_000));
  simulation.settle();
  assert(client.sink.frames.held > 0); // not acknowledged yet
  client.session.enter(simulation.now).close();
  assertEquals(client.sink.frames.held, 0);
});
