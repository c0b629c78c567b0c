#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A server that makes payments at most once. Several processes may share the
 * Redis server whose port is the first argument.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/once_redis/server.ts 6379 7000
 * ```
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { Bank } from "./bank.ts";
import { RedisOnceStore } from "./redis_once_store.ts";

const [redisPort = "6379", port = "7000"] = Deno.args;
using once = await RedisOnceStore.open({ port: Number(redisPort) });
await using server = await serve(Bank, { port: Number(port) }, { once }).handle(
  {
    async pay({ to, cents }, { key }) {
      // A real bank stores the payment together with its key, in one transaction.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return `${cents} cents paid to ${to} as ${key}`;
    },
  },
);
console.log(`serving on port ${server.addr.port}`);
Deno.addSignalListener("SIGTERM", () => server.shutdown());
await server.finished;
