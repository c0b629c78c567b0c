/**
 * A short conversation whose link is cut after every byte, in several
 * situations: with one server and with two, while a server drains, after a
 * refused session, and with an old link that stays half-open.
 *
 * @module
 */
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { source } from "../../../lib/messages/sources/source.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type { SimulatedLink } from "../../../lib/testing/simulated_link.ts";
import { simulatedNetwork } from "../../../lib/testing/simulated_network.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import { handlersOf, METHODS, own, perform, World } from "./world.ts";
import { type Violation, violations } from "./world_invariants.ts";
import { type Counts, Ledger, noCounts } from "./world_ledger.ts";
import { type Plan, planOf } from "./world_plan.ts";

/** The situations in which links are cut. */
export const SITUATIONS = [
  "one server",
  "two servers",
  "a drain",
  "a refused session",
  "a half-open link",
] as const;

/** A situation. */
export type Situation = (typeof SITUATIONS)[number];

/** A cut of the first link, after a number of bytes of one direction. */
export interface Cut {
  readonly situation: Situation;
  readonly way: "toServer" | "toClient";
  readonly after: number;
}

const PLAN: Plan = { ...planOf(0).plan, stalls: true, connections: 1 };

/**
 * Cuts one link.
 *
 * @returns what the invariants forbid, and whether the link had enough bytes
 */
export async function cutAt(
  { situation, way, after }: Cut,
): Promise<{ forbidden: Violation[]; reached: boolean; ledger: Ledger }> {
  const ledger = new Ledger();
  using time = virtualTime();
  let first: SimulatedLink | undefined;
  const network = simulatedNetwork({
    latency: 5,
    onLink(link) {
      if (first !== undefined) return;
      first = link;
      link[way].fault = situation === "a half-open link"
        ? { kind: "stall", after }
        : { kind: "reset", after };
    },
  });
  let refusals = situation === "a refused session" ? 1 : 0;
  const start = (name: string) =>
    serve(World, network.listen(name), {
      onError: () => {},
      principal: () => "client",
      authenticate: () => {
        if (refusals-- <= 0) return;
        throw new CallError("not yet", { code: "unauthenticated" });
      },
    }).handle(handlersOf(ledger, name, time, source()));
  const names = situation === "two servers" || situation === "a drain"
    ? ["a", "b"]
    : ["a"];
  const servers = await Promise.all(names.map(start));
  const client = createClient(World, names.map(network.address, network), {
    credentials: () => "key",
    handlers: { heard: () => {}, asked: (number) => number },
  });
  const calls = Promise.all(
    METHODS.filter((method) => method !== "watch").map(async (method) => {
      const call = ledger.call(method, time.now, undefined);
      const { signal } = new AbortController();
      try {
        call.outcome = await perform(client, call, { signal }, () => 1);
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        call.outcome = error;
      }
      call.settledAt.push(time.now);
    }),
  );
  let drained: Promise<void> | undefined;
  if (situation === "a drain") {
    await time.advance(26); // the first calls have been sent
    drained = servers[0]!.shutdown({ grace: 200 });
  }
  if (situation === "a half-open link") {
    await time.advance(500);
    first?.cut("client");
  }
  await time.run(calls);
  const reached = first !== undefined && first[way].bytes >= after;
  await time.run(client.close());
  await time.run(
    Promise.all([drained, ...servers.map((each) => each.abort())]),
  );
  ledger.timersLeft = time.timers - own.size;
  own.size = 0;
  ledger.linksLeft = network.links.length;
  return { forbidden: violations(ledger, PLAN), reached, ledger };
}

/** Cuts after every n-th byte, in each situation; returns what is forbidden. */
export async function cutEvery(
  step: number,
): Promise<{ failures: string[]; cuts: number; counts: Counts }> {
  const failures: string[] = [];
  let cuts = 0;
  const counts = noCounts();
  for (const situation of SITUATIONS) {
    for (const way of ["toServer", "toClient"] as const) {
      for (let after = 0;; after += step) {
        const { forbidden, reached, ledger } = await cutAt({
          situation,
          way,
          after,
        });
        for (const { invariant, what } of forbidden) {
          failures.push(
            `${situation}, ${after} bytes ${way}: ${invariant}: ${what}`,
          );
        }
        ledger.count(counts);
        if (!reached) {
          break;
        }
        cuts++;
      }
    }
  }
  return { failures, cuts, counts };
}
