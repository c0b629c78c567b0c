import type { Connection, Listener } from "@lengthwise/lengthwise/transport";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { assertEquals } from "@std/assert";
import { BoundedHandshakes } from "../../../lib/transport/tls/bounded_handshakes.ts";
import { performHandshake } from "../../../lib/transport/tls/handshake.ts";
import { authority, server as certificate } from "./certificates.ts";

/** Returns a listener that accepts some sockets, and then waits forever. */
function listenerOf(...sockets: Connection[]): Listener {
  const waiting = sockets.map((socket) => Promise.resolve(socket));
  const end = Promise.withResolvers<never>();
  const close = () => end.reject(new Error("closed"));
  return {
    addr: { transport: "memory", name: "acceptor" },
    accept: () => waiting.shift() ?? end.promise,
    close,
    [Symbol.dispose]: close,
    async *[Symbol.asyncIterator]() {},
  };
}

/** A socket that calls `done` when its address is read after the handshake. */
function observed(real: Connection, done: () => void): Connection {
  return {
    get localAddr() {
      done();
      return real.localAddr;
    },
    remoteAddr: real.remoteAddr,
    read: (buffer) => real.read(buffer),
    write: (data) => real.write(data),
    closeWrite: () => real.closeWrite(),
    close: () => real.close(),
    [Symbol.dispose]: () => real.close(),
  };
}

Deno.test("BoundedHandshakes.close() closes a connection secured in the same turn", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const [client, server] = memoryPair();
    const closed = Promise.withResolvers<void>();
    const socket = observed(server, async () => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      handshakes.close();
      closed.resolve();
    });
    const handshakes = new BoundedHandshakes(listenerOf(socket), {
      tlsOptions: () => certificate,
      requireAlpn: false,
      handshakeTimeout: 5_000,
      maxHandshakes: 8,
      onHandshakeError: undefined,
    });
    const clientHandshake = performHandshake(client, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, { timeout: Infinity, timeoutError: () => new Error("late") });
    // In either turn the server closes: at once, or after a close_notify.
    const ended = clientHandshake.then(async (engine) => {
      await engine.read(new Uint8Array(1)).catch(() => null);
      engine.close();
      return "ended";
    }, () => "ended");
    await closed.promise;
    await handshakes.stopped();
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve("still open"), 500);
    assertEquals(await Promise.race([ended, promise]), "ended", `${turns}`);
    clearTimeout(timer);
    while (!server.closed || !client.closed) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
});

Deno.test("BoundedHandshakes.close() ends a handshake in progress", async () => {
  using time = virtualTime();
  const [client, server] = memoryPair();
  const handshakes = new BoundedHandshakes(listenerOf(server), {
    tlsOptions: () => certificate,
    requireAlpn: false,
    handshakeTimeout: 60_000,
    maxHandshakes: 8,
    onHandshakeError: undefined,
  });
  let ended = false;
  const reading = client.read(new Uint8Array(8)).then(() => ended = true);
  await time.advance(1_000);
  assertEquals(ended, false);
  handshakes.close();
  await time.advance(2_000); // a socket lingers for a second
  assertEquals(ended, true);
  await reading;
  await time.run(handshakes.stopped());
  client.close();
});

/** Returns both ends of a connection from a host. */
function from(hostname: string): [client: Connection, server: Connection] {
  const [client, server] = memoryPair();
  return [client, {
    localAddr: server.localAddr,
    remoteAddr: { transport: "tcp", hostname, port: 1 },
    read: (buffer) => server.read(buffer),
    write: (data) => server.write(data),
    closeWrite: () => server.closeWrite(),
    close: () => server.close(),
    [Symbol.dispose]: () => server[Symbol.dispose](),
  }];
}

Deno.test("BoundedHandshakes drops a handshake of the host that has most of them", async () => {
  const dropped: string[] = [];
  const hosts = ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"];
  const pairs = hosts.map(from);
  const [honest] = pairs.at(-1)!;
  const handshakes = new BoundedHandshakes(
    listenerOf(...pairs.map(([, server]) => server)),
    {
      tlsOptions: () => certificate,
      requireAlpn: false,
      handshakeTimeout: 60_000,
      maxHandshakes: 3,
      onHandshakeError: ({ code, address }) =>
        void dropped.push(`${code} ${address}`),
    },
  );
  const [engine, connection] = await Promise.all([
    performHandshake(honest, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, { timeout: Infinity, timeoutError: () => new Error("late") }),
    handshakes.accept({}),
  ]);
  // The first host's handshake is older.
  assertEquals(dropped, ["limit tcp://192.0.2.2:1"]);
  engine.close();
  connection.close();
  await connection[Symbol.asyncDispose]();
  handshakes.close();
  await handshakes.stopped();
});

Deno.test("BoundedHandshakes drops handshakes only while the process is responsive", async () => {
  using time = virtualTime();
  const began = performance.now();
  const drops: [code: string, at: number][] = [];
  const pairs = Array.from({ length: 4 }, () => memoryPair());
  const handshakes = new BoundedHandshakes(
    listenerOf(...pairs.map(([, server]) => server)),
    {
      tlsOptions: () => certificate,
      requireAlpn: false,
      handshakeTimeout: 60_000,
      maxHandshakes: 1,
      onHandshakeError: ({ code }) =>
        drops.push([code, performance.now() - began]),
    },
  );
  await time.advance(2600);
  assertEquals(drops, [
    ["limit", 1000], // 500 ms old, after 10 probes of 50 ms
    ["limit", 1500], // 500 ms old; the process is responsive for 500 ms
    ["limit", 2500], // after 10 more probes
  ]);
  handshakes.close();
  await time.run(handshakes.stopped());
  for (const [client] of pairs) client.close();
  await time.advance(10_000);
});
