/**
 * Connections over a real NATS server, which is killed, stopped and started again.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CallError,
  connect,
  createClient,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import {
  natsAddress,
  natsBus,
  natsListener,
  type NatsStreamOptions,
} from "@lengthwise/lengthwise/nats";
import { checkTransport } from "@lengthwise/lengthwise/testing";
import {
  readExactly,
  type SocketConnection,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { type Client, connectNats, NatsServer } from "./nats_server.ts";

const subject = "lw.shop";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});

/** Waits until a condition holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (let n = 0; !condition(); n++) {
    if (n === 2_000) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Returns both ends of a connection; the listener stays open. */
async function pairOf(
  near: Client,
  far: Client,
  options: NatsStreamOptions = {},
): Promise<readonly [SocketConnection, SocketConnection]> {
  const listener = await natsListener(far, { subject, ...options });
  const accepted = listener.accept();
  const client = await natsAddress(near, { subject, ...options }).connect();
  const server = await accepted;
  listener.close();
  return [client, server];
}

Deno.test("natsListener() passes checkTransport() over nats-server", async (t) => {
  await using nats = await NatsServer.start();
  const clients: Client[] = [];
  const ends = new Map<unknown, Client>();
  await checkTransport(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    const [near, far] = [await connectNats(nats), await connectNats(nats)];
    clients.push(near, far);
    const [client, server] = await pairOf(near, far, { heartbeat: 100 });
    ends.set(client, near).set(server, far);
    return [client, server];
  }, {
    step: (name, check) => t.step(name, check),
    reset: (connection) => ends.get(connection)?.close(),
  });
  await Promise.all(clients.map((client) => client.close()));
});

Deno.test("a connection carries megabytes in messages of 1 KiB", async () => {
  await using nats = await NatsServer.start("max_payload: 1024");
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const [client, server] = await pairOf(near, far);
  const sent = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at % 251);
  const received = new Uint8Array(sent.length);
  await Promise.all([writeAll(client, sent), readExactly(server, received)]);
  assertEquals(received, sent);
  client.close();
  assertEquals(await server.read(new Uint8Array(1)), null);
  server.close();
  await Promise.all([near.close(), far.close()]);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`connections end when nats-server ends with ${signal}, without a wrong byte`, async () => {
    await using nats = await NatsServer.start();
    const [near, far] = [await connectNats(nats), await connectNats(nats)];
    const listener = await natsListener(far, { subject });
    const address = natsAddress(near, { subject });
    const accepted = listener.accept();
    const client = await address.connect();
    const server = await accepted;
    // Both ends write forever; each byte shows its place.
    const block = Uint8Array.from({ length: 251 }, (_, at) => at);
    let read = 0;
    const ends = [client, server].flatMap((end) => [
      assertRejects(async () => {
        for (;;) await writeAll(end, block);
      }, TransportError),
      assertRejects(async () => {
        const buffer = new Uint8Array(64 * 1024);
        for (let at = 0;;) {
          const count = await end.read(buffer) ?? 0;
          for (let n = 0; n < count; n++, at++) {
            if (buffer[n] !== at % 251) throw new Error(`wrong byte ${at}`);
          }
          read += count;
        }
      }, TransportError),
    ]);
    await until(() => read > 2 ** 20, "the first megabyte");
    await nats.end(signal);
    const errors = await Promise.all(ends);
    assertEquals(errors.map(({ code }) => code), Array(4).fill("reset"));
    const down = await assertRejects(() => address.connect(), TransportError);
    assertEquals(down.code, "unreachable");
    await nats.start();
    const buses = [natsBus(near), natsBus(far)];
    await until(
      () => buses.every(({ status }) => status === "up"),
      "the reconnection",
    );
    await Promise.all([near.flush(), far.flush()]);
    const again = listener.accept();
    using second = await address.connect();
    using other = await again;
    await writeAll(second, block);
    const received = new Uint8Array(block.length);
    await readExactly(other, received);
    assertEquals(received, block);
    listener.close();
    second.close();
    other.close();
    await Promise.all([near.close(), far.close()]);
  });
}

Deno.test("clients are spread over the listeners of a subject, and refused without one", async () => {
  await using nats = await NatsServer.start();
  const [near, one, two] = [
    await connectNats(nats),
    await connectNats(nats),
    await connectNats(nats),
  ];
  const address = natsAddress(near, { subject });
  const none = await assertRejects(() => address.connect(), TransportError);
  assertEquals(none.code, "refused");
  const counts = [0, 0];
  const listeners = [
    await natsListener(one, { subject }),
    await natsListener(two, { subject }),
  ];
  const loops = listeners.map(async (listener, at) => {
    for await (const connection of listener) {
      counts[at] = (counts[at] ?? 0) + 1;
      connection.close();
    }
  });
  for (let n = 0; n < 100; n++) (await address.connect()).close();
  await until(() => counts[0]! + counts[1]! === 100, "the last client");
  assert(Math.min(...counts) > 10, `the shares are ${counts}`);
  listeners[0]?.close();
  await one.flush();
  const before = counts[1]!;
  for (let n = 0; n < 10; n++) (await address.connect()).close();
  await until(() => counts[1] === before + 10, "the last client");
  listeners[1]?.close();
  await Promise.all(loops);
  await Promise.all([near.close(), one.close(), two.close()]);
});

Deno.test("a slow reader stops none of the other connections", async () => {
  await using nats = await NatsServer.start();
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const listener = await natsListener(far, { subject });
  const address = natsAddress(near, { subject });
  const open = async () => {
    const accepted = listener.accept();
    return [await address.connect(), await accepted] as const; // both ends
  };
  const [slow, unread] = await open();
  const stuck = assertRejects(async () => {
    for (;;) await writeAll(slow, new Uint8Array(64 * 1024));
  }, TransportError);
  const [fast, reader] = await open();
  const sent = Uint8Array.from({ length: 4 * 2 ** 20 }, (_, at) => at % 251);
  const received = new Uint8Array(sent.length);
  await Promise.all([writeAll(fast, sent), readExactly(reader, received)]);
  assertEquals(received, sent);
  assert(slow.bytesWritten <= 262_144, `${slow.bytesWritten} were written`);
  for (const end of [slow, unread, fast, reader]) end.close();
  await stuck;
  listener.close();
  await Promise.all([near.close(), far.close()]);
});

Deno.test("of 100 calls while nats-server restarts, each ends and says whether it ran", async () => {
  await using nats = await NatsServer.start();
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const Shop = protocol({
    name: "shop",
    server: {
      buy: unary<number, number>(),
      watch: serverStream<number, number>(),
    },
  });
  const ran = new Set<number>();
  const server = await serve(Shop, await natsListener(far, { subject })).handle(
    {
      async buy(n) {
        ran.add(n);
        await new Promise((resolve) => setTimeout(resolve, n % 50));
        return n;
      },
      async *watch(count) {
        for (let n = 0; n < count; n++) yield n;
      },
    },
  );
  assertEquals(server.addr, { transport: "nats", name: subject });
  const client = createClient(Shop, natsAddress(near, { subject }));
  await client.remote.buy(2_000);
  const calls = Array.from({ length: 100 }, (_, n) => client.remote.buy(n));
  await until(() => ran.size > 20, "the first calls");
  await nats.end("SIGKILL");
  const results = Promise.allSettled(calls);
  await nats.start();
  for (const [n, result] of (await results).entries()) {
    if (result.status === "fulfilled") {
      assertEquals([result.value, ran.has(n)], [n, true]);
      continue;
    }
    const error: unknown = result.reason;
    assert(error instanceof CallError, String(error));
    if (error.processed === "no") assert(!ran.has(n), `call ${n} has run`);
    if (error.processed === "yes") assert(ran.has(n), `call ${n} did not run`);
  }
  // The client has connected again by itself.
  assertEquals(await client.remote.buy(1_000), 1_000);
  const items: number[] = [];
  for await (const item of client.remote.watch(1_000)) items.push(item);
  assertEquals(items.length, 1_000);
  await client.close();
  await server.shutdown();
  await Promise.all([near.close(), far.close()]);
});

Deno.test("a peer whose process has stopped is noticed by its heartbeats", async () => {
  await using nats = await NatsServer.start();
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const [client, server] = await pairOf(near, far, { heartbeat: 50 });
  await near.close(); // without a word to the peer
  const error = await assertRejects(
    () => server.read(new Uint8Array(1)),
    TransportError,
  );
  assertEquals(error.code, "reset");
  client.close();
  server.close();
  await far.close();
});

Deno.test("a listener without permission is refused, and sessions with tokens work", async () => {
  await using nats = await NatsServer.start(`
authorization {
  users = [
    { user: server, password: s, permissions: {
      subscribe: ["lw.shop", "lw.shop.>"], publish: "_INBOX.>" } }
    { user: client, password: c, permissions: {
      subscribe: "_INBOX.>", publish: ["lw.shop", "lw.shop.>"] } }
  ]
}`);
  const as = (user: string, pass: string) => connectNats(nats, { user, pass });
  const [near, far] = [await as("client", "c"), await as("server", "s")];
  const error = await assertRejects(
    () => natsListener(near, { subject }),
    TransportError,
  );
  assertEquals(error.code, "permission");
  const server = await serve(Echo, await natsListener(far, { subject }))
    .handle({ echo: (text) => text });
  const session = await connect(Echo, natsAddress(near, { subject }));
  const [accepted] = server.sessions; // NATS says nothing about the client
  assertEquals(accepted?.remoteAddr.transport, "nats");
  assertEquals(accepted?.remoteAddr.hostname, undefined);
  assertEquals([accepted?.peerCertificate, accepted?.request], [
    undefined,
    undefined,
  ]);
  const text = "x".repeat(3_000_000); // more than max_payload
  assertEquals((await session.remote.echo(text)).length, text.length);
  await session.close();
  await server.shutdown();
  await Promise.all([near.close(), far.close()]);
});

Deno.test("1,000 clients share one NATS connection, and each call returns", async () => {
  await using nats = await NatsServer.start();
  const [near, far] = [await connectNats(nats), await connectNats(nats)];
  const server = await serve(Echo, await natsListener(far, { subject }))
    .handle({ echo: (text) => text });
  const address = natsAddress(near, { subject });
  const sessions = [];
  for (let n = 0; n < 20; n++) {
    sessions.push(
      ...await Promise.all(
        Array.from({ length: 50 }, () => connect(Echo, address)),
      ),
    );
  }
  assertEquals(server.sessions.size, 1_000);
  const text = "x".repeat(1_000);
  const replies = await Promise.all(
    sessions.map(({ remote }, n) => remote.echo(text + n)),
  );
  assertEquals(replies, sessions.map((_, n) => text + n));
  // The windows hold 1,024 connections.
  const more = Array.from({ length: 24 }, () => address.connect());
  const rest = await Promise.all(more);
  const error = await assertRejects(() => address.connect(), TransportError);
  assertEquals(error.code, "limit");
  for (const connection of rest) connection.close();
  await Promise.all(sessions.map((session) => session.close()));
  await server.shutdown();
  await Promise.all([near.close(), far.close()]);
});

Deno.test("a client that dials without end holds no more than the windows, and not for long", async () => {
  await using nats = await NatsServer.start();
  const [near, bad, far] = [
    await connectNats(nats),
    await connectNats(nats),
    await connectNats(nats),
  ];
  const server = await serve(Echo, await natsListener(far, { subject }), {
    limits: { handshakeTimeout: 500 },
  }).handle({ echo: (text) => text });
  // Its connections open, and send nothing.
  let opened = 0;
  let refused = 0;
  bad.subscribe("_INBOX.bad.*", {
    callback(_error, { data }) {
      if (data[0] === 0) opened++;
      if (data[0] === 1) refused++;
    },
  });
  const dial = new Uint8Array(25);
  dial.set([1]);
  const view = new DataView(dial.buffer);
  view.setUint32(17, 8_192);
  view.setUint32(21, 2 ** 20);
  for (let n = 0; n < 5_000; n++) {
    view.setUint32(1, n + 1);
    bad.publish(subject, dial.slice(), { reply: `_INBOX.bad.${n}` });
  }
  await until(() => opened + refused === 5_000, "the last reply");
  assert(opened <= 1_024, `${opened} connections`);
  // They end with the handshake, and a client finds room.
  const client = createClient(Echo, natsAddress(near, { subject }));
  assertEquals(await client.remote.echo("hello"), "hello");
  await client.close();
  await server.shutdown();
  await Promise.all([near.close(), bad.close(), far.close()]);
});
