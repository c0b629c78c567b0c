/**
 * Bytes that gateways hold while a thousand streams are not read.
 *
 * @module
 */
import { connect, protocol, serve, serverStream } from "@lengthwise/lengthwise";
import { forward, forwardSessions } from "@lengthwise/lengthwise/forward";
import {
  type SimulatedNetwork,
  simulatedNetwork,
} from "@lengthwise/lengthwise/testing";
import { DEFAULT_LIMITS } from "../../lib/messages/session/wire/limits.ts";
import { assert, assertEquals } from "@std/assert";

const Flood = protocol({
  name: "flood",
  server: { flood: serverStream<void, Uint8Array>() },
});

const CLIENTS = 10;
const STREAMS = 100;
/** Bytes of an item, and its charge: the fields, the value's head and 64. */
const ITEM = 4_096, CHARGE: number = ITEM + 2 + 3 + 64;

/** Unsent bytes of a session: those before the last read, the read, and a frame. */
const MOST_UNSENT: number = 2 * 65_536 + ITEM + 64;

/** A server that sends items without an end, and what it has sent. */
async function floods(network: SimulatedNetwork) {
  const sent = { items: 0 };
  const item = new Uint8Array(ITEM);
  const server = await serve(Flood, network.listen("server")).handle({
    async *flood() {
      for (;;) {
        sent.items++;
        yield item;
      }
    },
  });
  return { sent, server };
}

/** Waits until a number has not changed for a while. */
async function settled(number: () => number): Promise<void> {
  for (let last = -1; last !== number();) {
    last = number();
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** Opens sessions to a gateway, with streams of which one item each is read. */
async function stall(network: SimulatedNetwork) {
  const { signal } = new AbortController();
  const sessions = await Promise.all(
    Array.from(
      { length: CLIENTS },
      async () =>
        connect(Flood, await network.address("gateway").connect(signal)),
    ),
  );
  const streams = sessions.flatMap(({ remote }) =>
    Array.from(
      { length: STREAMS },
      () => remote.flood()[Symbol.asyncIterator](),
    )
  );
  return { sessions, streams };
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

Deno.test("forwardSessions() holds nothing of streams that stall, and little of connections that do", async () => {
  const network = simulatedNetwork({ capacity: 65_536 });
  const { sent, server } = await floods(network);
  const gateway = await forwardSessions(network.listen("gateway"), {
    upstreams: { flood: network.address("server") },
  });
  const { sessions, streams } = await stall(network);
  await Promise.all(streams.map((stream) => stream.next()));
  const links = network.links.filter(({ name }) => name === "gateway");
  assertEquals(links.length, CLIENTS);
  // Connections that are not read: the gateway stops reading, too.
  for (const { toClient } of links) {
    toClient.fault = { kind: "stall", after: toClient.bytes };
  }
  await settled(() => sent.items);
  const { unsent } = gateway;
  // Some may have had nothing left to send: their windows were used before.
  assert(unsent > 65_536, `${unsent} bytes`);
  assert(unsent <= CLIENTS * MOST_UNSENT, `${unsent} bytes`);
  // Streams that are not read: the windows of the clients hold all of it.
  for (const { toClient } of links) toClient.fault = undefined;
  await settled(() => sent.items);
  const received = sessions.map(({ stats }) => stats.bytesReceived);
  assertEquals([gateway.unsent, server.stats.bytesSent], [0, sum(received)]);
  await Promise.all(sessions.map((session) => session.close()));
  await gateway.shutdown();
  await server.shutdown();
});

Deno.test("forward() holds at most the windows of streams that stall", async () => {
  const network = simulatedNetwork({ capacity: 65_536 });
  const { sent, server } = await floods(network);
  const gateway = await forward(Flood, network.listen("gateway"), {
    upstreams: { flood: network.address("server") },
  });
  const { sessions, streams } = await stall(network);
  await Promise.all(streams.map((stream) => stream.next()));
  await settled(() => sent.items);
  const upstream = gateway.upstreams.get("flood")!.session!.stats; // it is open
  const held = upstream.bytesReceived - gateway.server.stats.bytesSent;
  // The window of all items, and what items may take beyond it.
  const { itemsWindow, maxAssembly } = DEFAULT_LIMITS;
  const window = itemsWindow + maxAssembly / 2;
  assert(held > 0 && held <= window, `${held} of ${window} bytes`);
  const received = sessions.map(({ stats }) => stats.bytesReceived);
  assertEquals(gateway.server.stats.bytesSent, sum(received));
  // The server has sent what was granted, and one more item for each stream.
  const made = sent.items * ITEM;
  const granted = sum(received) + held;
  const more = CLIENTS * STREAMS * 2 * CHARGE;
  assert(made <= granted + more, `${made} of ${granted} bytes`);
  await Promise.all(sessions.map((session) => session.close()));
  await gateway.shutdown();
  await server.shutdown();
});
