#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Runs a command on a Redis server and prints the reply.
 *
 * ```sh
 * examples/redis/main.ts 6379 SET greeting hello
 * ```
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise/transport";
import { RedisClient } from "./client.ts";

const [port, ...command] = Deno.args;
if (port === undefined || command.length === 0) {
  throw new Error("Usage: main.ts <port> <command> [<argument> …]");
}
await using client = new RedisClient(await connect({ port: Number(port) }));
console.log(await client.command(...command));
