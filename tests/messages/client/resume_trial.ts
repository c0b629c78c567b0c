/**
 * Cuts the network for 5 s under a large upload, 8 streams and 64 calls in
 * flight, over TCP. Nothing may fail, be lost, or run twice. Before that, two
 * simulated sessions are cut after each frame of a conversation.
 *
 * Usage: deno task cuts [MiB of the upload, 128]
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import {
  clientStream,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { converse } from "../session/resume/conversation.ts";
import { ResumableSimulation } from "../session/resume/resumable_simulation.ts";
import { CuttingProxy } from "./cutting_proxy.ts";

const CUT = 5_000;
const ITEM = 256 * 1024;

const P = protocol({
  name: "trial",
  server: {
    count: unary<number, number>(),
    numbers: serverStream<void, number>(),
    upload: clientStream<Uint8Array, { bytes: number; sum: number }>(),
  },
});

/** Cuts two simulated sessions after each frame, in both directions. */
function simulate(): number {
  let runs = 0;
  for (const seed of [1, 2]) {
    const undisturbed = new ResumableSimulation({}, { seed });
    const log = converse(undisturbed);
    for (const name of ["client", "server"] as const) {
      for (const end of undisturbed.frameEnds[name].slice(2)) {
        const halfOpen = runs % 2 === 0;
        const cuts = { [name]: [end - 1] };
        const simulation = new ResumableSimulation(cuts, { seed, halfOpen });
        assertEquals(converse(simulation), log, `${seed} ${name} ${end}`);
        runs++;
      }
    }
  }
  return runs;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns the item at an index, and what it adds to the sum. */
function item(index: number): { bytes: Uint8Array; sum: number } {
  const fill = index % 251;
  return { bytes: new Uint8Array(ITEM).fill(fill), sum: (index + 1) * fill };
}

async function trial(mebibytes: number): Promise<void> {
  const entered = new Map<number, number>();
  const sessions: string[] = [];
  await using server = await serve(P, { port: 0 }, {
    resume: { grace: 30_000 },
    onSession: ({ finished }) => {
      sessions.push("opened");
      finished.then(() => sessions.push("finished"));
    },
  }).handle({
    async count(n) {
      entered.set(n, (entered.get(n) ?? 0) + 1);
      await pause(20 + n % 80);
      return n;
    },
    async *numbers(_, { signal }) {
      for (let n = 0; !signal.aborted; n++) {
        yield n;
        await pause(2);
      }
    },
    async upload(items) {
      let bytes = 0, sum = 0, index = 0;
      for await (const each of items) {
        bytes += each.length;
        sum += ++index * each[0]!;
      }
      return { bytes, sum };
    },
  });
  await using proxy = new CuttingProxy(server.addr as Deno.NetAddr); // it listens on TCP
  await using client = createClient(P, proxy.addr);
  const items = Math.ceil(mebibytes * 2 ** 20 / ITEM);
  const running = new AbortController();
  let sum = 0, cuts = 0, calls = 0, read = 0;
  async function* upload() {
    for (let index = 0; index < items; index++) {
      const { bytes, sum: added } = item(index);
      sum += added;
      yield bytes;
      if (index !== Math.floor(items / 4) && index !== Math.floor(items / 2)) {
        continue;
      }
      cuts++;
      proxy.cut(CUT);
    }
  }
  let longest = 0, last = performance.now();
  const settled = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const callers = Array.from({ length: 64 }, async () => {
    while (!running.signal.aborted) {
      const n = calls++;
      assertEquals(await client.remote.count(n), n);
      settled();
    }
  });
  const streams = Array.from({ length: 8 }, async () => {
    let expected = 0;
    for await (const n of client.remote.numbers()) {
      assertEquals(n, expected++);
      read++;
      if (running.signal.aborted) break;
    }
  });
  const uploaded = await client.remote.upload(upload()).result;
  running.abort();
  await Promise.all([...callers, ...streams]);
  assertEquals(uploaded, { bytes: items * ITEM, sum });
  assertEquals([...entered.values()].filter((count) => count !== 1), []);
  assertEquals(entered.size, calls);
  assertEquals(sessions, ["opened"]);
  console.log(
    `${mebibytes} MiB, ${calls} calls, ${read} items of 8 streams, ${cuts} cuts of ${CUT} ms: nothing failed; the longest pause was ${
      Math.round(longest)
    } ms`,
  );
}

const runs = simulate();
console.log(`${runs} simulated conversations were cut, and did not change`);
await trial(Number(Deno.args[0] ?? 128));
