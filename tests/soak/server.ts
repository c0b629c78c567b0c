/**
 * A server of the soak test. It writes the id of each call that enters a
 * handler to a file before anything else, so that the entry survives a kill.
 * After SIGTERM, it drains.
 *
 * Usage: server.ts NAME PORT LEDGER REDIS_PORT
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { RedisOnceStore } from "../../examples/once_redis/redis_once_store.ts";
import { Bank, COUNTED, line, LISTED, measure, print } from "./bank.ts";

const [name = "", port = "0", path = "", redis = "0"] = Deno.args;
const ledger = Deno.openSync(path, { append: true, create: true });

function enter(id: number): void {
  ledger.writeSync(line(id));
}

async function work(id: number, signal: AbortSignal): Promise<number> {
  enter(id);
  const ms = [0, 0, 2, 20, 200][id % 5]!; // in range: a modulus
  if (ms > 0) await sleep(ms, signal);
  return id;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** Servers whose sessions go on after a cut. */
const RESUMABLE = ["b", "d"];

const store = await RedisOnceStore.open({ port: Number(redis) });
const server = await serve(Bank, { port: Number(port) }, {
  onError: () => {}, // handlers that are aborted
  resume: { grace: RESUMABLE.includes(name) ? 10_000 : 0 },
  once: store,
}).handle({
  pay: (id, { signal }) => work(id, signal),
  look: (id, { signal }) => work(id, signal),
  transfer: (id, { signal }) => work(id, signal),
  async *list(id, { signal }) {
    enter(id);
    for (let item = 0; item < LISTED; item++) {
      if (item % 8 === 7) await sleep(5, signal);
      yield item;
    }
  },
  async *count({ id, from }, { signal, draining }) {
    enter(id);
    for (let item = from; item < COUNTED && !draining.aborted; item++) {
      if (item % 10 === 9) await sleep(20, signal);
      yield item;
    }
  },
  async upload(items, { opening }) {
    enter(opening);
    let sum = 0;
    for await (const item of items) sum += item;
    return sum;
  },
});
print({ port: server.addr.port });
const sampling = setInterval(() => print(measure(name)), 2_000);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown({ grace: 2_000 });
  clearInterval(sampling);
  Deno.exit(0);
});
