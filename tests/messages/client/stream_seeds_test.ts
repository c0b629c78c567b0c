/**
 * Streams of sources over random cuts and restarts, in virtual time.
 *
 * A reader's numbers rise by 1, or a gap covers exactly what is missing. If the
 * history is long enough, there is no gap.
 */
import { assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { serverStream } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type { Gap } from "../../../lib/messages/session/wire/positions.ts";
import { type Source, source } from "../../../lib/messages/sources/source.ts";
import { simulatedNetwork } from "../../../lib/testing/simulated_network.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";

const Numbers = protocol({
  name: "numbers",
  server: { follow: serverStream<void, number>({ idempotent: true }) },
});

const NAMES = ["a", "b", "c"] as const;

/** Counts of one run. */
interface Outcome {
  readonly items: number;
  readonly gaps: number;
  readonly cuts: number;
  readonly restarts: number;
}

/** Runs three servers of one log and four readers for 30 s. */
async function run(seed: number, keeps: number): Promise<Outcome> {
  using time = virtualTime({ seed });
  let cuts = 0;
  const network = simulatedNetwork({
    seed,
    latency: { min: 1, max: 30 },
    readSize: { min: 1, max: 200 },
    onLink: (link) => {
      if (Math.random() < 0.5) return;
      cuts++;
      const after = Math.floor(Math.random() * 4_000);
      const side = Math.random() < 0.5 ? link.toClient : link.toServer;
      side.fault = { kind: "reset", after };
    },
  });
  let head = 0;
  const sources = new Map<string, Source<number>>();
  const start = (name: string) => {
    const number = Math.max(0, head - keeps);
    const numbers = source<number>({
      after: { epoch: 1, number },
      history: { items: keeps },
    });
    while (numbers.position.number < head) {
      numbers.publish(numbers.position.number + 1);
    }
    sources.set(name, numbers);
    return serve(Numbers, network.listen(name), { spread: 100 }).handle({
      follow: (_, context) => numbers.items(context),
    });
  };
  const servers = new Map<string, Awaited<ReturnType<typeof start>>>();
  for (const name of NAMES) servers.set(name, await start(name));
  const feed = setInterval(() => {
    head++;
    for (const numbers of sources.values()) numbers.publish(head);
  }, 50);
  let restarts = 0;
  let over = false;
  const restarting = (async () => {
    while (!over) {
      await new Promise((resolve) =>
        setTimeout(resolve, 1_000 + Math.random() * 5_000)
      );
      const name = NAMES[Math.floor(Math.random() * 3)]!;
      restarts++;
      const server = servers.get(name)!;
      sources.delete(name);
      if (Math.random() < 0.5) await server.abort();
      else await server.shutdown({ grace: 1_000, spread: 100 });
      servers.set(name, await start(name));
    }
  })();
  let items = 0;
  let gaps = 0;
  const clients = NAMES.concat("a").map(() =>
    createClient(Numbers, NAMES.map((name) => network.address(name)), {
      reconnect: { minDelay: 10, maxDelay: 200, spread: 100 },
    })
  );
  const readers = clients.map(async ({ remote }) => {
    let next: number | undefined;
    const onGap = ({ from, to }: Gap) => {
      gaps++;
      assertEquals([seed, from], [seed, next ?? from]);
      next = to + 1;
    };
    try {
      for await (const number of remote.follow(undefined, { onGap })) {
        assertEquals([seed, number], [seed, next ?? number]);
        next = number + 1;
        items++;
        if (Math.random() < 0.02) {
          await new Promise((resolve) => setTimeout(resolve, 2_000));
        }
      }
    } catch (error) {
      // Only the end of the client ends a reader.
      if (!(error instanceof CallError) || !over) throw error;
    }
  });
  await time.run(Promise.race([
    new Promise((resolve) => setTimeout(resolve, 30_000)),
    ...readers, // fails at once if a reader does
  ]));
  over = true;
  clearInterval(feed);
  await time.run(restarting);
  for (const client of clients) await time.run(client.close());
  await time.run(Promise.all(readers));
  for (const server of servers.values()) await time.run(server.abort());
  return { items, gaps, cuts, restarts };
}

function sum(outcomes: Outcome[], of: keyof Outcome): number {
  return outcomes.reduce((total, outcome) => total + outcome[of], 0);
}

Deno.test("streams have no gap over cuts and restarts if the history is long enough", async () => {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= 3; seed++) outcomes.push(await run(seed, 1_000));
  assertEquals(sum(outcomes, "gaps"), 0);
  for (const counted of ["items", "cuts", "restarts"] as const) {
    assertEquals([counted, sum(outcomes, counted) > 10], [counted, true]);
  }
});

Deno.test("gaps of streams cover exactly what is missing over cuts and restarts", async () => {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= 3; seed++) outcomes.push(await run(seed, 5));
  assertEquals(sum(outcomes, "gaps") > 10, true);
});
