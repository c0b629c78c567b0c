/**
 * nats.js through a `nats-server`: requests, and requests with many replies for
 * streams. A message passes three processes, and a stream has no backpressure
 * from end to end.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { connect } from "@nats-io/transport-node";
import { run } from "../load.mjs";
import { handle, quoteOf } from "../workload.mjs";

/** Items after which a stream waits until the nats-server has them. */
const YIELD_AFTER = 1_000;

/** Starts a nats-server with its default settings, and returns its port. */
async function startBroker() {
  const broker = spawn("nats-server", ["-a", "127.0.0.1", "-p", "-1"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  process.on("exit", () => broker.kill());
  const failed = new Promise((_, reject) => broker.once("error", reject));
  const listening = (async () => {
    for await (const line of createInterface({ input: broker.stderr })) {
      const [, port] = /Listening for client .*:(\d+)$/.exec(line) ?? [];
      if (port !== undefined) {
        broker.stderr.resume(); // a full pipe would stop it
        return Number(port);
      }
    }
    throw new Error("nats-server ended");
  })();
  return await Promise.race([listening, failed]);
}

await run({
  async server() {
    const port = await startBroker();
    const connection = await connect({ servers: `127.0.0.1:${port}` });
    // Callbacks instead of iterators: no promise for each message.
    connection.subscribe("order", {
      callback(_, message) {
        message.respond(JSON.stringify(handle(message.json())));
      },
    });
    connection.subscribe("quotes", {
      async callback(_, message) {
        const count = message.json();
        for (let sequence = 0; sequence < count; sequence++) {
          message.respond(JSON.stringify(quoteOf(sequence)));
          if (sequence % YIELD_AFTER === 0) await connection.flush();
        }
        message.respond(); // the sentinel, an empty message
      },
    });
    await connection.flush();
    return port;
  },

  async client(port) {
    const connection = await connect({ servers: `127.0.0.1:${port}` });
    return {
      async call(order) {
        const reply = await connection.request("order", JSON.stringify(order), {
          timeout: 60_000,
        });
        return reply.json();
      },
      async stream(count, onItem) {
        const replies = await connection.requestMany("quotes", String(count), {
          strategy: "sentinel",
          maxWait: 60_000,
        });
        for await (const reply of replies) {
          if (reply.data.length > 0) onItem(reply.json());
        }
      },
    };
  },
});
