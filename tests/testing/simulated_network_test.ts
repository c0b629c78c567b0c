import {
  connect,
  createClient,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
import type { SimulatedNetwork } from "@lengthwise/lengthwise/testing";
import { TransportError } from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

const pure = { permissions: "none" } as const;

/** Connects to "a" without a session; returns both ends and the link. */
async function linked(network: SimulatedNetwork) {
  using listener = network.listen("a");
  const { signal } = new AbortController();
  const [client, server] = await Promise.all([
    network.address("a").connect(signal),
    listener.accept(),
  ]);
  const link = network.links[0];
  assert(link);
  return { client, server, link };
}

const bytes = (count: number) => new Uint8Array(count);

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "settled",
    (error) => error instanceof TransportError ? error.code : String(error),
  );
}

/** Returns whether some work settles within an hour. */
async function settles(
  time: ReturnType<typeof virtualTime>,
  work: Promise<unknown>,
) {
  let settled = false;
  const end = () => settled = true;
  work.then(end, end);
  await time.advance(3_600_000);
  return settled;
}

Deno.test(
  "simulatedNetwork() delivers bytes after the latency",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 50 });
    const linking = linked(network);
    const { client, server, link } = await time.run(linking);
    assertEquals(time.now, 100); // a round trip
    await client.write(bytes(3));
    assertEquals(link.toServer.bytes, 3);
    assertEquals(await time.run(server.read(bytes(9))), 3);
    assertEquals(time.now, 150);
    client.close();
    assertEquals(await time.run(server.read(bytes(9))), null);
    assertEquals(await codeOf(server.write(bytes(1))), "reset");
    server.close();
    assertEquals(network.links, []);
  },
);

Deno.test(
  "a link keeps the order of its bytes when latencies differ",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({
      latency: { min: 1, max: 500 },
      seed: 3,
    });
    const { client, server } = await time.run(linked(network));
    for (let n = 0; n < 50; n++) await client.write(new Uint8Array([n]));
    await client.closeWrite();
    const read: number[] = [];
    const buffer = bytes(9);
    for (let count; (count = await time.run(server.read(buffer))) !== null;) {
      read.push(...buffer.subarray(0, count));
    }
    assertEquals(read, Array.from({ length: 50 }, (_, n) => n));
  },
);

Deno.test(
  "cut() fails both ends, and the bytes on their way are lost",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 50 });
    const { client, server, link } = await time.run(linked(network));
    await client.write(bytes(3));
    const read = server.read(bytes(9));
    link.cut();
    assertEquals(await codeOf(read), "reset");
    assertEquals(await codeOf(client.read(bytes(9))), "reset");
    assertEquals(await codeOf(server.write(bytes(1))), "reset");
    assertEquals(await codeOf(client.write(bytes(1))), "reset");
    assertEquals(network.links, []);
  },
);

for (const end of ["client", "server"] as const) {
  Deno.test(`cut("${end}") leaves the other end half-open`, pure, async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ capacity: 10 });
    const ends = await time.run(linked(network));
    const [near, far] = end === "client"
      ? [ends.client, ends.server]
      : [ends.server, ends.client];
    ends.link.cut(end);
    assertEquals(await codeOf(near.read(bytes(9))), "reset");
    assertEquals(await codeOf(near.write(bytes(1))), "reset");
    near.close();
    assertEquals(await settles(time, far.read(bytes(9))), false);
    network.set("a", "up"); // does not mend it
    assertEquals(network.links.length, 1);
    far.close();
    assertEquals(network.links, []);
  });
}

Deno.test(
  "a fault may be set after a number of bytes, and a stall may end",
  pure,
  async () => {
    using time = virtualTime();
    const { client, server, link } = await time.run(linked(simulatedNetwork()));
    await client.write(bytes(3));
    link.toServer.fault = { kind: "stall", after: 5 };
    await client.write(bytes(4));
    assertEquals(await server.read(bytes(9)), 5);
    await server.write(bytes(1)); // the other direction flows
    assertEquals(await client.read(bytes(9)), 1);
    await client.closeWrite();
    const rest = server.read(bytes(9));
    assertEquals(await settles(time, rest), false);
    link.toServer.fault = undefined;
    assertEquals(await rest, 2);
    assertEquals(await server.read(bytes(9)), null);
    link.toClient.fault = { kind: "reset", after: link.toClient.bytes + 2 };
    assertEquals(await server.write(bytes(9)), 2);
    assertEquals(await codeOf(server.write(bytes(7))), "reset");
  },
);

Deno.test(
  'set() lets connecting fail while a name is "down", and cuts its links',
  pure,
  async () => {
    using _time = virtualTime();
    const network = simulatedNetwork();
    const { client } = await linked(network);
    const { signal } = new AbortController();
    const listener = network.listen("a");
    const read = codeOf(client.read(bytes(9)));
    network.set("a", "down");
    assertEquals(await read, "reset");
    const attempt = () => network.address("a").connect(signal);
    assertEquals(await codeOf(attempt()), "refused");
    network.set("a", "up");
    assertEquals(await codeOf(attempt()), "settled");
    listener.close();
    assertEquals(await codeOf(attempt()), "refused"); // no listener
  },
);

Deno.test(
  'set() lets nothing arrive while a name is "silent"',
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork();
    const { client, server } = await linked(network);
    using _listener = network.listen("a");
    network.set("a", "silent");
    await client.write(bytes(3));
    const read = server.read(bytes(9));
    const controller = new AbortController();
    const attempt = network.address("a").connect(controller.signal);
    assertEquals(await settles(time, Promise.race([read, attempt])), false);
    const cancelled = new AbortController();
    const second = network.address("a").connect(cancelled.signal);
    cancelled.abort(new Error("enough"));
    await assertRejects(() => second, Error, "enough");
    network.set("a", "up");
    assertEquals(await read, 3);
    await time.run(attempt);
  },
);

Deno.test(
  "simulatedNetwork() rejects unknown options and a name in use",
  pure,
  () => {
    assertThrows(
      () => simulatedNetwork({ latency: -1 }),
      RangeError,
      "latency",
    );
    // @ts-expect-error no such option
    assertThrows(() => simulatedNetwork({ delay: 1 }), TypeError, "delay");
    const network = simulatedNetwork();
    using _listener = network.listen("a");
    assertThrows(() => network.listen("a"), Error, '"a"');
  },
);

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});

Deno.test(
  "connect() and createClient() use the addresses of a network",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const server = await serve(Echo, network.listen("a")).handle({
      echo: (text) => text,
    });
    const session = await time.run(connect(Echo, network.address("a")));
    assertEquals(await time.run(session.remote.echo("one")), "one");
    const client = createClient(Echo, [
      network.address("b"),
      network.address("a"),
    ]);
    const names: string[] = [];
    const reading = (async () => {
      for await (const { address } of client.events()) names.push(address);
    })();
    assertEquals(await time.run(client.remote.echo("two")), "two");
    await time.run(
      Promise.all([session.close(), client.close(), server.shutdown()]),
    );
    await time.run(reading);
    assertEquals(new Set(names), new Set(["memory:b", "memory:a", ""]));
    assertEquals([network.links, time.timers], [[], 0]);
  },
);

Deno.test("simulatedNetwork() rejects invalid options and states", pure, () => {
  const untyped = (value: unknown) => value as never; // as JavaScript passes it
  assertThrows(
    () => simulatedNetwork({ onLink: untyped(1) }),
    TypeError,
    "the option onLink of simulatedNetwork(): expected a function",
  );
  assertThrows(() => simulatedNetwork({ seed: NaN }), RangeError, "seed NaN");
  assertThrows(
    () => simulatedNetwork().set("shop", untyped("gone")),
    TypeError,
    'Unknown reachability "gone"',
  );
});

Deno.test("an attempt to connect leaves no listener, timer or waiter", async () => {
  const added: string[] = [];
  const { signal, abort } = counted(added);
  const network = simulatedNetwork({ latency: 1 });
  using listener = network.listen("a");
  const connector = network.address("a");
  const connecting = connector.connect(signal);
  const server = await listener.accept();
  using _client = await connecting;
  server.close();
  assertEquals(added, []);
  network.set("a", "silent");
  const waiting = connector.connect(signal);
  while (network.links.length > 0) network.links[0]!.cut();
  await new Promise((resolve) => setTimeout(resolve, 10)); // the round trip
  assertEquals(added.length, 1);
  abort();
  await assertRejects(() => waiting, Error, "enough");
  assertEquals(added, []);
  network.set("a", "up"); // wakes nothing
  const slow = simulatedNetwork({ latency: 60_000 });
  const late = counted(added);
  const attempt = slow.address("a").connect(late.signal);
  late.abort();
  await assertRejects(() => attempt, Error, "enough"); // its timer would leak
  assertEquals(added, []);
});

/** Returns a signal whose listeners are in a list. */
function counted(added: string[]) {
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      added.push(args[0]);
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      added.pop();
      removeEventListener.apply(signal, args);
    },
  });
  return { signal, abort: () => controller.abort(new Error("enough")) };
}
