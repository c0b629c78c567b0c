/**
 * A client of the soak test. It makes calls for some time, and writes each call
 * and its outcome to a file. After SIGTERM, it drains.
 *
 * Usage: client.ts NAME NUMBER SECONDS LEDGER PORT…
 *
 * @module
 */
import { CallError, createClient } from "@lengthwise/lengthwise";
import {
  Bank,
  CALLS_OF_A_CLIENT,
  COUNTED,
  line,
  LISTED,
  measure,
  type Outcome,
  print,
  type Sample,
  type Sent,
} from "./bank.ts";

/** Number of calls that are in flight at a time. */
const CALLERS = 12;

const [name = "", number = "0", seconds = "0", path = "", ...ports] = Deno.args;
const ledger = Deno.openSync(path, { append: true, create: true });
let until = performance.now() + Number(seconds) * 1_000;
const client = createClient(
  Bank,
  ports.map((port) => ({ port: Number(port) })),
  {
    connections: 2,
    reconnect: { minDelay: 20, maxDelay: 1_000, spread: 200 },
  },
);
const { remote } = client;
let next = Number(number) * CALLS_OF_A_CLIENT;
let times: number[] = [];

type Options = { signal: AbortSignal; timeout: number };

/** A method: its call, and what the call must return. */
interface Method {
  call(id: number, options: Options): Promise<unknown>;
  expected(id: number): unknown;
}

const METHODS: Readonly<Record<string, Method>> = {
  pay: { call: (id, options) => remote.pay(id, options), expected: same },
  look: { call: (id, options) => remote.look(id, options), expected: same },
  transfer: {
    call: (id, options) => remote.transfer(id, options),
    expected: same,
  },
  list: {
    call: (id, options) => Array.fromAsync(remote.list(id, options)),
    expected: () => upTo(LISTED),
  },
  count: {
    call: (id, options) =>
      Array.fromAsync(
        remote.count({ id, from: 0 }, {
          ...options,
          resume: (last, input) => ({
            id: input.id,
            from: last === undefined ? 0 : last + 1,
          }),
        }),
      ),
    expected: () => upTo(COUNTED),
  },
  upload: {
    call: (id, options) =>
      remote.upload([1, 2, 3], { ...options, opening: id }).result,
    expected: () => 6,
  },
};
const NAMES = Object.keys(METHODS);

function same(id: number): number {
  return id;
}

function upTo(length: number): number[] {
  return Array.from({ length }, (_, item) => item);
}

async function outcomeOf(id: number, method: string): Promise<Outcome> {
  const controller = new AbortController();
  const timeout = Math.random() < 0.1 ? 50 : 20_000;
  const abort = Math.random() < 0.05
    ? setTimeout(() => controller.abort(), Math.random() * 200)
    : undefined;
  const options = { signal: controller.signal, timeout };
  const { call, expected } = METHODS[method]!; // a name of the table
  try {
    const result = await call(id, options);
    if (String(result) !== String(expected(id))) {
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
  while (performance.now() < until) {
    const id = next++;
    const method = NAMES[id % NAMES.length]!; // in range: a modulus
    const sent: Sent = [id, method];
    ledger.writeSync(line(sent));
    const start = performance.now();
    const outcome = await outcomeOf(id, method);
    times.push(performance.now() - start);
    ledger.writeSync(line(outcome));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
  }
}

function sample(): Sample {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1] ?? 0;
  const slowest = times.at(-1) ?? 0;
  times = [];
  return { ...measure(name), median, slowest };
}

Deno.addSignalListener("SIGTERM", () => {
  until = 0;
  void client.drain({ grace: 1_000 });
});
print(sample()); // it can be killed now
const sampling = setInterval(() => print(sample()), 2_000);
await Promise.all(Array.from({ length: CALLERS }, caller));
await client.close();
clearInterval(sampling);
print(sample());
Deno.exit(0);
