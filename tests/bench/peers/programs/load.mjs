/**
 * The load of a client, the same in Node.js and Deno. The process reads commands
 * as lines of JSON and writes one line for each:
 *
 *     {"unary": 64, "seconds": 1}  → {"rate": 190000, "p50": 270, "p99": 1700}
 *     {"stream": 20000}            → {"rate": 580000}
 *     any, if an answer is wrong   → {"error": "…"}
 *
 * Rates are per second, times in µs. `go/main.go` does the same in Go.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { checkOrder, checkQuote, orderOf } from "./workload.mjs";

/**
 * @typedef {import("./workload.mjs").Order} Order
 * @typedef {import("./workload.mjs").Quote} Quote
 * @typedef {(order: Order) => Promise<Order>} Call
 * @typedef {(count: number, onItem: (item: Quote) => void) => Promise<void>} Stream
 */

/** Part of a measurement that passes before it counts. */
const LEAD_IN = 0.2;

/**
 * Runs the server or the client of a peer, as the command line says: `server`,
 * or `client` and the server's port.
 *
 * @param {{
 *   server: () => Promise<number>,
 *   client: (port: number) => Promise<{ call: Call, stream?: Stream }>,
 * }} peer the server returns its port
 */
export async function run({ server, client }) {
  const [role, port] = process.argv.slice(2);
  if (role === "server") {
    answer({ port: await server() });
    // Ends with the tool, however that ends.
    process.stdin.resume().once("end", () => process.exit());
  } else {
    await obey(await client(Number(port)));
  }
}

/**
 * Executes commands until the input ends, and then exits.
 *
 * @param {{ call: Call, stream?: Stream }} client
 */
async function obey({ call, stream }) {
  answer({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    try {
      if (command.unary !== undefined) {
        answer(await measureCalls(call, command.unary, command.seconds));
      } else if (stream === undefined) {
        throw new Error("This peer has no streams");
      } else {
        answer(await measureStream(stream, command.stream));
      }
    } catch (error) {
      answer({ error: String(error) });
    }
  }
  process.exit();
}

/** @param {object} value */
function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

let calls = 0;

/**
 * Keeps calls in flight for some time.
 *
 * @param {Call} call
 * @param {number} inFlight
 * @param {number} seconds
 */
async function measureCalls(call, inFlight, seconds) {
  /** @type {number[]} */
  const times = [];
  const start = performance.now();
  const counted = start + seconds * LEAD_IN * 1000;
  const end = counted + seconds * 1000;
  // A slow peer gets more time, until each call in flight could end twice.
  const least = 2 * inFlight;
  let last = end;
  const loop = async () => {
    // One reading of the clock for each call: it ends one and begins the next.
    for (let at = performance.now(); at < end || times.length < least;) {
      const id = calls++;
      checkOrder(id, await call(orderOf(id)));
      const now = performance.now();
      if (now >= counted && (now < end || times.length < least)) {
        times.push(now - at);
        last = Math.max(last, now);
      }
      at = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const sorted = Float64Array.from(times).sort();
  return {
    rate: sorted.length / (last - counted) * 1000,
    p50: quantile(sorted, 0.5) * 1000,
    p99: quantile(sorted, 0.99) * 1000,
  };
}

/** @param {Float64Array} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * Reads one stream, from the call to its end.
 *
 * @param {Stream} stream
 * @param {number} count number of items
 */
async function measureStream(stream, count) {
  let received = 0;
  const start = performance.now();
  await stream(count, (item) => checkQuote(received++, item));
  const elapsed = performance.now() - start;
  if (received !== count) {
    throw new Error(`${received} of ${count} items have arrived`);
  }
  return { rate: count / elapsed * 1000 };
}
