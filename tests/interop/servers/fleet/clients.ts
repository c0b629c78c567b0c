/**
 * Many clients that call without a pause and without any code for retries. The
 * program prints when all are connected; when it reads a line, it stops, and
 * prints what became of the calls.
 *
 * Arguments: the port, and the number of clients.
 *
 * @module
 */
import { createClient } from "@lengthwise/lengthwise";
import { Fleet, ITEMS } from "./fleet.ts";

/** The calls of all clients. */
export interface Ledger {
  /** Ids of the calls that have succeeded. */
  readonly succeeded: string[];
  /** Errors of the others. */
  readonly failed: string[];
  /** The longest time of a call, in ms. */
  longest: number;
}

const [port, count] = Deno.args.map(Number);
const ledger: Ledger = { succeeded: [], failed: [], longest: 0 };
let stopped = false;

type Client = ReturnType<typeof connected>;

function connected() {
  // The machine may be busy: no call shall fail because of its speed.
  return createClient(Fleet, { hostname: "127.0.0.1", port: port! }, {
    wait: { timeout: 60_000 },
    limits: { heartbeat: 60_000, pendingHeartbeat: 60_000 },
  });
}

async function* numbers() {
  for (let item = 0; item < ITEMS; item++) {
    yield item;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The kinds of calls; each throws unless the call has succeeded completely. */
const CALLS: readonly ((client: Client, id: string) => Promise<void>)[] = [
  ({ remote }, id) => remote.pay({ id }),
  async ({ remote }, id) => {
    let next = 0;
    for await (const item of remote.quotes({ id })) {
      if (item !== next++) {
        throw new Error(`item ${item} instead of ${next - 1}`);
      }
    }
    if (next !== ITEMS) throw new Error(`the stream ended after ${next} items`);
  },
  async ({ remote }, id) => {
    const { result } = remote.upload(numbers(), { opening: { id } });
    const sum = await result;
    if (sum !== ITEMS * (ITEMS - 1) / 2) throw new Error(`the sum is ${sum}`);
  },
];

async function run(client: Client, name: number): Promise<void> {
  for (let number = 0; !stopped; number++) {
    const id = `${name}/${number}`;
    const start = performance.now();
    try {
      await CALLS[(name + number) % CALLS.length]!(client, id);
      ledger.succeeded.push(id);
    } catch (error) {
      ledger.failed.push(`${id}: ${error}`);
    }
    ledger.longest = Math.max(ledger.longest, performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const clients = Array.from({ length: count! }, connected);
await Promise.all(clients.map((client) => client.ready()));
const running = clients.map(run);
console.log(JSON.stringify({ connected: count }));
await Deno.stdin.read(new Uint8Array(1));
stopped = true;
await Promise.all(running);
await Promise.all(clients.map((client) => client.close()));
console.log(JSON.stringify(ledger));
