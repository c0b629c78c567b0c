import { assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";

/**
 * Invariants, over crashes and drains, with calls that are aborted, that have
 * deadlines, and that go over one or several sessions: each call settles once; a
 * call that is not idempotent enters its handler at most once; a call that fails
 * with `processed: "no"` never entered it.
 */
const Bank = protocol({
  name: "bank",
  server: {
    pay: unary<number, number>(),
    look: unary<number, number>({ idempotent: true }),
  },
});

const CALLS = 3_000;

for (const connections of [1, 3]) {
  for (const end of ["abort", "shutdown"] as const) {
    Deno.test(`every call has one outcome, and it is true: ${end}, ${connections} connection(s)`, async () => {
      const addresses = [1, 2].map(() => ({ memory: crypto.randomUUID() }));
      const entered: number[] = new Array(CALLS).fill(0);
      const running: Promise<void>[] = []; // handlers may outlive their calls
      const run = async (id: number) => {
        entered[id]!++;
        if (id % 5 === 0) {
          const pause = tick(id % 3);
          running.push(pause);
          await pause;
        }
        return id;
      };
      const start = (address: { memory: string }) =>
        serve(Bank, address).handle({ pay: run, look: run });
      const servers = await Promise.all(addresses.map(start));
      const client = createClient(Bank, addresses, {
        connections,
        reconnect: { minDelay: 1, maxDelay: 4, spread: 0 },
      });
      let settled = 0;
      const aborts: Promise<void>[] = [];
      const untrue: string[] = [];
      const call = async (id: number) => {
        const method = id % 2 === 0 ? "pay" : "look";
        const controller = new AbortController();
        if (id % 7 === 0) {
          aborts.push(tick(id % 4).then(() => controller.abort()));
        }
        const timeout = id % 11 === 0 ? 3 : 30_000;
        try {
          const output = await client.remote[method](id, {
            signal: controller.signal,
            timeout,
          });
          if (output !== id) untrue.push(`${id} returned ${output}`);
        } catch (error) {
          if (!(error instanceof CallError)) throw error;
          if (error.processed === "no" && entered[id] !== 0) {
            untrue.push(`${method} ${id}: ${error.code}, not processed`);
          }
        }
        settled++;
      };
      const calls: Promise<void>[] = [];
      for (let id = 0; id < CALLS; id++) {
        calls.push(call(id));
        if (id % 30 === 0) await tick(0);
        if (id % 500 !== 250) continue;
        const index = id % 1_000 === 250 ? 0 : 1;
        await servers[index]![end]();
        servers[index] = await start(addresses[index]!);
      }
      await Promise.all(calls);
      await client.close();
      for (const server of servers) await server.abort();
      await Promise.all([...aborts, ...running]);
      assertEquals([settled, untrue], [CALLS, []]);
      const twice = entered.filter((count, id) => id % 2 === 0 && count > 1);
      assertEquals(twice, []);
    });
  }
}

function tick(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
