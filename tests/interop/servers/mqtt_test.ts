/**
 * The client of the MQTT example against mosquitto (Debian package
 * `mosquitto`).
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { MqttClient } from "../../../examples/mqtt/client.ts";
import { findProgram, output, startServer } from "./programs.ts";

Deno.test("the MQTT example publishes and subscribes at mosquitto", async (t) => {
  const mosquitto = findProgram("mosquitto", "mosquitto");
  await using server = await startServer({
    user: undefined, // without a configuration it serves loopback only
    command: (port) => [mosquitto, "-p", `${port}`],
    ready: /mosquitto version .* running/,
    stopSignal: "SIGTERM",
  });
  const address = { hostname: "127.0.0.1", port: server.port };

  await t.step("messages of each length of the length arrive", async () => {
    await using client = await MqttClient.connect(address, "both");
    const messages = client.subscribe("sizes/#");
    let next = messages.next(); // sends the subscription
    // "sizes/a" and its length have 9 bytes of the packet.
    const sizes = [0, 118, 119, 16_374, 16_375, 2_097_142, 2_097_143];
    for (const size of sizes) {
      const payload = new Uint8Array(size).fill(size % 251);
      await client.publish("sizes/a", payload);
      assertEquals((await next).value, ["sizes/a", payload]);
      next = messages.next();
    }
    await client.publish("other", new Uint8Array(1));
    await client.publish("sizes/é", new Uint8Array(1));
    assertEquals((await next).value?.[0], "sizes/é");
  });

  await t.step("main.ts publishes to another client", async () => {
    await using client = await MqttClient.connect(address, "reader");
    const messages = client.subscribe("sensors/+");
    const ready = messages.next();
    // The broker handles packets of a client in order: this one follows it.
    await client.publish("sensors/ready", new Uint8Array(0));
    assertEquals((await ready).value?.[0], "sensors/ready");
    const { code, stderr } = await output(Deno.execPath(), [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["examples/mqtt/main.ts", `${server.port}`, "sensors/hall", "21.5 °C"],
    ]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const payload = new TextEncoder().encode("21.5 °C");
    assertEquals((await messages.next()).value, ["sensors/hall", payload]);
    await assertRejects(() => client.subscribe("#").next(), Error, "already");
    await assertRejects(
      () => client.publish("x".repeat(65_536), payload),
      RangeError,
      "too long",
    );
  });
});
