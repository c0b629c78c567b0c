#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A client that makes ten payments, whichever of the servers are up.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/once_redis/client.ts 7000 7001
 * ```
 *
 * @module
 */
import { CallError, createClient } from "@lengthwise/lengthwise";
import { Bank } from "./bank.ts";

const ports = Deno.args.length > 0 ? Deno.args : ["7000"];
await using client = createClient(
  Bank,
  ports.map((port) => ({ port: Number(port) })),
);
for (let order = 1; order <= 10; order++) {
  try {
    // The key makes a second run of this program join the first.
    const key = `order-${order}`;
    console.log(await client.remote.pay({ to: "ada", cents: 100 }, { key }));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    // "no": nothing was paid. "maybe": ask the bank, do not just pay again.
    console.error(`order ${order}: ${error.message} (${error.processed})`);
  }
}
