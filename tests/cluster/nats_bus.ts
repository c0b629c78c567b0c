/**
 * Servers that are joined by a real NATS server, which is killed, stopped and
 * started again.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CallError } from "@lengthwise/lengthwise";
import type { Bus, BusGap } from "@lengthwise/lengthwise/bus";
import { natsBus } from "@lengthwise/lengthwise/nats";
import { checkBus } from "@lengthwise/lengthwise/testing";
import { joinChat, startChat } from "./chat.ts";
import { connectNats, NatsServer } from "./nats_server.ts";

/** Waits until a condition holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (let n = 0; !condition(); n++) {
    if (n === 2_000) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const isUp = (bus: Bus) => bus.status === "up";

Deno.test("natsBus() passes checkBus() while nats-server is killed and started again", async (t) => {
  await using nats = await NatsServer.start();
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const pair = [natsBus(near), natsBus(far)] as const;
  await checkBus(() => pair, {
    step: (name, check) => t.step(name, check),
    disconnect: () => nats.end("SIGKILL"),
    async reconnect() {
      await nats.start();
      await until(() => pair.every(isUp), "a second connection");
    },
  });
  await near.close();
  await far.close();
  assertEquals(pair.map(({ status }) => status), ["closed", "closed"]);
});

Deno.test("each subscriber gets each message once, with and without noEcho", async () => {
  await using nats = await NatsServer.start();
  for (const noEcho of [false, true]) {
    const [one, two] = [
      await connectNats(nats, { noEcho }),
      await connectNats(nats, { noEcho }),
    ];
    const near = startChat({ bus: natsBus(one) });
    const far = startChat({ bus: natsBus(two) });
    const members = await Promise.all(
      [near, near, far, far].map((server) => joinChat(server, "a.>")),
    );
    for (let n = 0; n < 100; n++) {
      near.topic("a.>").publish.said(`near ${n}`);
      far.topic("a.>").publish.said(`far ${n}`);
      near.topic("a.b").publish.said("another topic");
    }
    await until(
      () => members.every(({ heard }) => heard.length >= 200),
      "the last message",
    );
    await Promise.all([one.flush(), two.flush()]);
    for (const { heard, session } of members) {
      await session.remote.leave("other");
      for (const name of ["near", "far"]) {
        assertEquals(
          heard.filter((text) => text.startsWith(name)),
          Array.from({ length: 100 }, (_, n) => `${name} ${n}`),
        );
      }
      assertEquals(heard.length, 200);
      await session.close();
    }
    await Promise.all([near.shutdown(), far.shutdown()]);
    await Promise.all([one.close(), two.close()]);
  }
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`after nats-server ended with ${signal}, its messages are counted and not sent late`, async () => {
    await using nats = await NatsServer.start();
    const [one, two] = [await connectNats(nats), await connectNats(nats)];
    const [nearBus, farBus] = [natsBus(one), natsBus(two)];
    const gaps: BusGap[] = [];
    const changes: string[] = [];
    await using near = startChat({
      bus: nearBus,
      busOptions: { onStatus: (status) => void changes.push(status) },
    });
    await using far = startChat({
      bus: farBus,
      busOptions: { onGap: (gap) => void gaps.push(gap) },
    });
    const [own, other] = [await joinChat(near, "a"), await joinChat(far, "a")];
    const { said } = near.topic("a").publish;
    said("0");
    await until(() => other.heard.length === 1, "the first message");
    await nats.end(signal);
    await until(() => !isUp(nearBus) && !isUp(farBus), "the loss");
    for (let n = 1; n <= 50; n++) assertEquals(said(`${n}`), 1);
    const late = await joinChat(far, "a"); // joins while the bus is down
    assertEquals(near.bus?.dropped, 50);
    await nats.start();
    await until(() => isUp(nearBus) && isUp(farBus), "the reconnection");
    await Promise.all([one.flush(), two.flush()]);
    assertEquals([other.heard, late.heard], [["0"], []]); // no burst
    said("51");
    await until(() => other.heard.length === 2, "the next message");
    await until(() => own.heard.length === 52, "the local messages");
    assertEquals([other.heard, late.heard], [["0", "51"], ["51"]]);
    assertEquals(gaps.map(({ topic, missing }) => [topic, missing]), [
      ["a", 50],
    ]);
    assertEquals([far.bus?.gaps, far.bus?.missing], [1, 50]);
    assertEquals(changes, ["down", "up"]);
    for (const { session } of [own, other, late]) await session.close();
    await Promise.all([near.shutdown(), far.shutdown()]);
    await Promise.all([one.close(), two.close()]);
  });
}

Deno.test("messages above the payload of nats-server are refused", async () => {
  await using nats = await NatsServer.start("max_payload: 65536");
  const client = await connectNats(nats);
  const server = startChat({ bus: natsBus(client) });
  const { session, heard } = await joinChat(server, "a");
  const { said } = server.topic("a").publish;
  const error = assertThrows(() => said("x".repeat(65_536)), CallError);
  assertEquals(error.code, "too-large");
  said("x".repeat(65_000));
  await until(() => heard.length === 1, "the message");
  assertEquals([heard[0]?.length, server.bus?.published], [65_000, 1]);
  await session.close();
  await server.shutdown();
  await client.close();
});

Deno.test("while nats-server is stopped, no more than maxUnflushed is held for it", async () => {
  await using nats = await NatsServer.start();
  const [one, two] = [await connectNats(nats), await connectNats(nats)];
  const bus = natsBus(one, { maxUnflushed: 2 ** 20 });
  await using near = startChat({ bus });
  await using far = startChat({ bus: natsBus(two) });
  const { session, heard } = await joinChat(far, "a");
  nats.signal("SIGSTOP");
  const text = "x".repeat(10_000);
  for (let n = 0; n < 1_000; n++) near.topic("a").publish.said(text);
  const { published = 0, dropped = 0 } = near.bus ?? {};
  assertEquals(published + dropped, 1_000);
  assert(published * 10_000 <= 2 ** 20, `${published} were taken`);
  nats.signal("SIGCONT");
  await until(() => heard.length === published, "what was taken");
  await one.flush();
  near.topic("a").publish.said("again");
  await until(() => heard.at(-1) === "again", "the next message");
  assertEquals(far.bus?.missing, dropped);
  await session.close();
  await Promise.all([near.shutdown(), far.shutdown()]);
  await Promise.all([one.close(), two.close()]);
});

Deno.test("a client with the defaults of NATS is warned of, by its real options", async () => {
  await using nats = await NatsServer.start();
  const client = await connect({ servers: `127.0.0.1:${nats.port}` });
  const warnings: string[] = [];
  natsBus(client, { onWarning: (text) => void warnings.push(text) });
  assertEquals(warnings.length, 2);
  await client.close();
});
