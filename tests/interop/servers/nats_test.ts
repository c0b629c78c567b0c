/**
 * The client of the NATS example against nats-server (Debian package
 * `nats-server`).
 *
 * @module
 */
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { connect } from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";
import { nats, NatsClient } from "../../../examples/nats/client.ts";
import {
  findProgram,
  output,
  startServer,
  temporaryFolder,
} from "./programs.ts";

Deno.test("the NATS example's framing passes checkFraming()", () => {
  const samples = ["PING\r\n", "MSG a 1 3\r\n\r\n\n\r\n", "PUB b 0\r\n\r\n"];
  checkFraming(nats, samples.map((text) => new TextEncoder().encode(text)));
});

Deno.test("the NATS example publishes and subscribes at nats-server", async (t) => {
  const program = findProgram("nats-server", "nats-server");
  await using folder = await temporaryFolder(undefined);
  const configuration = `${folder.path}/nats.conf`;
  await Deno.writeTextFile(
    configuration,
    'ping_interval: "100ms", ping_max: 1',
  );
  await using server = await startServer({
    user: undefined,
    command: (port) => [
      ...[program, "-a", "127.0.0.1", "-p", `${port}`, "-c", configuration],
    ],
    ready: /Server is ready/,
    stopSignal: "SIGTERM",
  });
  const address = { hostname: "127.0.0.1", port: server.port };

  await t.step("messages arrive in order, of any content", async () => {
    await using client = new NatsClient(await connect(address));
    const received: [string, string][] = [];
    client.subscribe("a.*", (payload, subject) => {
      received.push([subject, new TextDecoder().decode(payload)]);
    });
    const sent = ["", "\r\n", "Grüße", "x".repeat(1_000_000), "PING\r\n"]
      .map((message, i): [string, string] => [`a.${i}`, message]);
    for (const [subject, message] of sent) client.publish(subject, message);
    client.publish("b.1", "not subscribed");
    await client.flush();
    assertEquals(received.length, sent.length);
    for (const [i, message] of received.entries()) {
      assertEquals(message[0], sent[i]?.[0]);
      assertEquals(message[1] === sent[i]?.[1], true);
    }
  });

  await t.step("the client answers PING, or it would be closed", async () => {
    await using client = new NatsClient(await connect(address));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await Promise.all([client.flush(), client.flush(), client.flush()]);
  });

  await t.step("ended rejects with an error of the server", async () => {
    await using client = new NatsClient(await connect(address));
    client.subscribe("a..b", () => {});
    await assertRejects(() => client.ended, Error, "-ERR");
    await assertRejects(() => client.flush(), Error);
  });

  await t.step("main.ts publishes to another client", async () => {
    await using client = new NatsClient(await connect(address));
    const { promise, resolve } = Promise.withResolvers<string>();
    client.subscribe(
      "news.>",
      (bytes) => resolve(new TextDecoder().decode(bytes)),
    );
    await client.flush();
    const { code, stderr } = await output(Deno.execPath(), [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["examples/nats/main.ts", `${server.port}`, "news.today", "hello"],
    ]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(await promise, "hello");
  });
});
