/**
 * A client that makes payments and writes down what became of each. It is killed
 * and started again: it then continues where its notes end.
 *
 * Payments with even numbers have keys, so a client that is started again joins
 * its earlier calls. The others have the numbers of their client.
 *
 * Arguments: notes, first payment, last payment, payments at once, ports.
 *
 * | note | meaning |
 * | --- | --- |
 * | `start 7` | the call of payment 7 begins |
 * | `done 7 …` | it returned this receipt |
 * | `maybe 7 code` | it failed, and may have run |
 * | `no 7 code` | it failed, and has not run; the client tries again |
 * | `killed 7` | the client was killed, and cannot learn the outcome |
 *
 * @module
 */
import { CallError, createClient } from "@lengthwise/lengthwise";
import { Payments } from "./crashing_server.ts";

const [notes = "", first, last, atOnce, ...ports] = Deno.args;

/** Payments that were begun, and payments that are over. */
const begun = new Set<number>();
const over = new Set<number>();
for (const line of (await textOf(notes)).split("\n")) {
  const [what, id] = line.split(" ");
  if (what === "start") begun.add(Number(id));
  else if (what !== "no") over.add(Number(id));
}

await using client = createClient(
  Payments,
  ports.map((port) => ({ port: Number(port) })),
  {
    reconnect: { minDelay: 5, maxDelay: 100, spread: 0 },
    wait: { timeout: 30_000 },
    retry: { maxAttempts: 100, budget: { perSecond: 10_000 } },
  },
);
let next = Number(first);
await Promise.all(Array.from({ length: Number(atOnce) }, work));

async function work(): Promise<void> {
  while (next <= Number(last)) {
    const id = next++;
    while (!over.has(id)) await pay(id);
  }
}

async function pay(id: number): Promise<void> {
  const keyed = id % 2 === 0;
  if (begun.has(id) && !keyed) return note(id, "killed");
  begun.add(id);
  await Deno.writeTextFile(notes, `start ${id}\n`, { append: true });
  try {
    const options = keyed ? { key: `payment-${id}` } : {};
    await note(id, "done", await client.remote.pay({ id }, options));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (error.processed === "no" && !keyed) begun.delete(id);
    await note(id, error.processed, error.code);
  }
}

async function note(id: number, what: string, detail = ""): Promise<void> {
  if (what !== "no") over.add(id);
  await Deno.writeTextFile(notes, `${what} ${id} ${detail} ${Date.now()}\n`, {
    append: true,
  });
}

async function textOf(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
