/**
 * The client of the soak test. It makes calls for some time, and writes the
 * outcome of each to a file.
 *
 * Usage: client.ts SECONDS LEDGER PORT…
 *
 * @module
 */
import { CallError, createClient } from "@lengthwise/lengthwise";
import { Bank, measure, type Outcome, print, type Sample } from "./bank.ts";

/** Number of calls that are in flight at a time. */
const CALLERS = 32;

const [seconds = "0", path = "", ...ports] = Deno.args;
const ledger = Deno.openSync(path, { append: true, create: true });
const until = performance.now() + Number(seconds) * 1_000;
const client = createClient(
  Bank,
  ports.map((port) => ({ port: Number(port) })),
  {
    connections: 2,
    reconnect: { minDelay: 20, maxDelay: 1_000, spread: 200 },
  },
);
const { remote } = client;
let made = 0;
let ended = 0;
let times: number[] = [];

type Options = { signal: AbortSignal; timeout: number };

const METHODS: Readonly<
  Record<string, (id: number, options: Options) => Promise<unknown>>
> = {
  pay: (id, options) => remote.pay(id, options),
  look: (id, options) => remote.look(id, options),
  list: async (id, options) => await Array.fromAsync(remote.list(id, options)),
  upload: (id, options) =>
    remote.upload([1, 2, 3], { ...options, opening: id }).result,
};
const EXPECTED: Readonly<Record<string, (id: number) => unknown>> = {
  pay: (id) => id,
  look: (id) => id,
  list: () => Array.from({ length: 20 }, (_, item) => item),
  upload: () => 6,
};

async function outcomeOf(id: number, method: string): Promise<Outcome> {
  const controller = new AbortController();
  const timeout = Math.random() < 0.1 ? 50 : 20_000;
  const abort = Math.random() < 0.05
    ? setTimeout(() => controller.abort(), Math.random() * 200)
    : undefined;
  const options = { signal: controller.signal, timeout };
  try {
    const result = await METHODS[method]!(id, options); // a name of the table
    const expected = EXPECTED[method]!(id); // the tables have the same names
    if (String(result) !== String(expected)) {
      throw new Error(`${method} ${id} returned ${result}`);
    }
    return [id, method, "ok"];
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return [id, method, error.code, error.processed];
  } finally {
    clearTimeout(abort);
  }
}

async function caller(): Promise<void> {
  const names = Object.keys(METHODS);
  while (performance.now() < until) {
    const id = made++;
    const start = performance.now();
    const outcome = await outcomeOf(id, names[id % names.length]!); // in range
    times.push(performance.now() - start);
    ended++;
    const line = JSON.stringify(outcome) + "\n";
    ledger.writeSync(new TextEncoder().encode(line));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
  }
}

function sample(): Sample {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? 0;
  const slowest = times.at(-1) ?? 0;
  times = [];
  return { ...measure("client"), made, ended, median, slowest };
}

const sampling = setInterval(() => print(sample()), 2_000);
await Promise.all(Array.from({ length: CALLERS }, caller));
await client.close();
clearInterval(sampling);
print(sample());
