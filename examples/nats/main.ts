#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Prints the messages of a NATS subject, or publishes one.
 *
 * ```sh
 * examples/nats/main.ts 4222 'news.>'
 * examples/nats/main.ts 4222 news.today hello
 * ```
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise/transport";
import { NatsClient } from "./client.ts";

const [port, subject = ">", message] = Deno.args;
if (port === undefined) {
  throw new Error("Usage: main.ts <port> [<subject> [<message>]]");
}
const address = { hostname: "127.0.0.1", port: Number(port) };
await using client = new NatsClient(await connect(address));
if (message === undefined) {
  client.subscribe(subject, (payload, name) => {
    console.log(name, new TextDecoder().decode(payload));
  });
  await client.ended;
} else {
  client.publish(subject, message);
  await client.flush();
}
