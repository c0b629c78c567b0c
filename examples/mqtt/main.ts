#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Subscribes to topics of an MQTT broker, or publishes a message.
 *
 * ```sh
 * examples/mqtt/main.ts 1883 'sensors/#'
 * examples/mqtt/main.ts 1883 sensors/hall '21.5 °C'
 * ```
 *
 * @module
 */
import { MqttClient } from "./client.ts";

const [port, topic = "#", message] = Deno.args;
if (port === undefined) {
  throw new Error("Usage: main.ts <port> [<topic> [<message>]]");
}
const address = { hostname: "127.0.0.1", port: Number(port) };
await using client = await MqttClient.connect(address, crypto.randomUUID());
if (message === undefined) {
  for await (const [name, payload] of client.subscribe(topic)) {
    console.log(name, new TextDecoder().decode(payload));
  }
} else {
  await client.publish(topic, new TextEncoder().encode(message));
}
