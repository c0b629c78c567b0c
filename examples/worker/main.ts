#!/usr/bin/env -S deno run --allow-read=.
/**
 * Calls to a worker, which computes while this thread stays free. The worker ends
 * with the session.
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise";
import { messagePortConnection } from "@lengthwise/lengthwise/transport";
import { Primes } from "./primes.ts";

const url = new URL("worker.ts", import.meta.url);
const worker = new Worker(url, { type: "module" });
await using session = await connect(Primes, messagePortConnection(worker));

let ticks = 0;
const timer = setInterval(() => ticks++, 1);
const count = await session.remote.count({ below: 300_000 });
clearInterval(timer);
console.log(`${count} primes; this thread was ${ticks > 2 ? "free" : "busy"}`);

const found: number[] = [];
for await (const prime of session.remote.list({ from: 1_000 })) {
  if (found.push(prime) === 3) break; // cancels the stream
}
console.log("from 1000:", found.join(", "));
