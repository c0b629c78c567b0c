#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A stream that survives restarts. A server publishes the entries of a log, and
 * is restarted three times while a client follows them. The client misses none.
 *
 * @module
 */
import {
  createClient,
  protocol,
  serve,
  type Server,
  serverStream,
  type Source,
  source,
} from "@lengthwise/lengthwise";

const Journal = protocol({
  name: "journal",
  server: { entries: serverStream<void, number>({ idempotent: true }) },
});

/** The log, for example a table of a database: its entries have numbers from 1. */
const log: number[] = [];
/** Number of the newest entries that a server knows when it starts. */
const KNOWN = 100;

/** The source of the server that runs. */
let entries: Source<number>;

function start(port: number): Promise<Server<typeof Journal>> {
  // The numbers are those of the log, so they outlive the process.
  const number = Math.max(0, log.length - KNOWN);
  entries = source<number>({ after: { epoch: 1, number } });
  for (const entry of log.slice(number)) entries.publish(entry);
  return serve(Journal, { port }).handle({
    entries: (_, context) => entries.items(context),
  });
}

let server = await start(0);
const port = server.addr.port!;
const writing = setInterval(() => {
  const entry = log.length + 1;
  log.push(entry);
  entries.publish(entry);
}, 5);

await using client = createClient(Journal, server.addr, {
  reconnect: { minDelay: 10 },
});
let received = 0;
let restarts = 0;
let last = 0;
let missing = 0;
for await (const entry of client.remote.entries()) {
  if (last > 0) missing += entry - last - 1;
  last = entry;
  received++;
  if (received === 200) break;
  if (received % 50 > 0) continue;
  await server.shutdown(); // the stream moves, so this takes no time
  server = await start(port);
  restarts++;
}
clearInterval(writing);
await server.shutdown();
console.log(`${received} entries, ${restarts} restarts, ${missing} missing`);
