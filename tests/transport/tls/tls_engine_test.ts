import { writeAll } from "@lengthwise/lengthwise/transport";
import {
  memoryPair,
  type MemoryPairOptions,
} from "../../../lib/transport/memory/memory_pair.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { SocketConnection } from "../../../lib/transport/socket_connection.ts";
import type { TlsEngine } from "../../../lib/transport/tls/tls_engine.ts";
import { performHandshake } from "../../../lib/transport/tls/handshake.ts";
import { authority, server as certificate } from "./certificates.ts";
import { readAll } from "./tls_pair.ts";

/** Two ends over a socket that accepts few bytes at a time, with latency. */
async function withSlowPair(
  body: (client: TlsEngine, server: TlsEngine) => Promise<void>,
  options: MemoryPairOptions = {},
): Promise<void> {
  const bounds = { timeout: Infinity, timeoutError: () => new Error("late") };
  const [near, far] = memoryPair({
    capacity: 2_000,
    latency: 1,
    ...options,
  });
  const [client, server] = await Promise.all([
    performHandshake(near, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, bounds),
    performHandshake(far, { server: certificate }, bounds),
  ]);
  await body(client, server);
  client.linger();
  server.linger();
  while (!near.closed || !far.closed) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const block = Uint8Array.from({ length: 50_000 }, (_, at) => at % 251);

Deno.test("TlsEngine loses nothing when both ends close with bytes in transit", () =>
  withSlowPair(async (client, server) => {
    await client.closeWrite();
    assertEquals(await readAll(server), new Uint8Array(0));
    const sent = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
    const receiving = readAll(client);
    await writeAll(server, sent);
    // Both have ended then: the stream could destroy itself, and drop the bytes
    // that the socket has not accepted yet.
    await server.closeWrite();
    assertEquals(await receiving, sent);
  }, { toServer: { capacity: 100_000, latency: 0 } }));

Deno.test("TlsEngine loses nothing when both ends write and end at once, over a tiny socket", () =>
  withSlowPair(async (client, server) => {
    const sent = block.subarray(0, 20_000);
    const receiving = [readAll(client), readAll(server)];
    await Promise.all([client, server].map(async (end) => {
      await writeAll(end, sent);
      await end.closeWrite();
    }));
    for (const received of receiving) assertEquals(await received, sent);
  }, { capacity: 200 }));

Deno.test("TlsEngine.linger() sends the written bytes, however slow the socket", () =>
  withSlowPair(async (client, server) => {
    await writeAll(client, block);
    client.linger();
    assertEquals(await readAll(server), block);
  }));

Deno.test("TlsEngine.linger() abandons a blocked write and sends the bytes before it", () =>
  withSlowPair(async (client, server) => {
    await writeAll(client, block);
    const blocked = client.write(block).then(() => "done", ({ name }) => name);
    client.linger();
    const outcome = await blocked;
    const received: number[] = [];
    const buffer = new Uint8Array(16_384);
    const end = (async () => {
      for (;;) {
        const count = await server.read(buffer);
        if (count === null) return "end";
        received.push(...buffer.subarray(0, count));
      }
    })().catch(({ name }) => name);
    // Whether the second write blocks depends on the platform's buffers.
    assertEquals(
      [outcome, await end],
      outcome === "done" ? ["done", "end"] : ["Interrupted", "UnexpectedEof"],
    );
    assertEquals(Uint8Array.from(received.slice(0, block.length)), block);
  }));

Deno.test("TlsEngine.read() rejects if the socket can no longer be read", async () => {
  const bounds = { timeout: Infinity, timeoutError: () => new Error("late") };
  const [near, far] = memoryPair();
  const read = near.read.bind(near);
  let broken = false;
  near.read = (buffer) =>
    broken ? Promise.reject(new Error("unplugged")) : read(buffer);
  const [client, server] = await Promise.all([
    performHandshake(near, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, bounds),
    performHandshake(far, { server: certificate }, bounds),
  ]);
  broken = true;
  await writeAll(server, new Uint8Array(10)); // ends the read in progress
  await assertRejects(() => readAll(client), Error, "unplugged");
  client.close();
  server.close();
});

Deno.test("TlsEngine.close() ends a pending read and write", () =>
  withSlowPair(async (client, server) => {
    const read = client.read(new Uint8Array(9));
    const outcomes = [read, client.write(block), client.write(block)]
      .map((pending) => pending.then(() => "done", ({ name }) => name));
    client.close();
    assertEquals(await outcomes[0], "Interrupted");
    assertEquals((await Promise.all(outcomes)).at(-1), "Interrupted");
    await assertRejects(() => client.write(block), Error, "closed locally");
    await assertRejects(() => client.read(new Uint8Array(9)), Error);
    await assertRejects(() => readAll(server));
  }));

Deno.test("TlsEngine.linger() abandons a blocked write of one byte", async () => {
  const bounds = { timeout: Infinity, timeoutError: () => new Error("late") };
  const [near, far] = memoryPair();
  const write = near.write.bind(near);
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let gated = false;
  near.write = async (data) => {
    if (gated) {
      reached.resolve();
      await gate.promise;
    }
    return await write(data);
  };
  const [client, server] = await Promise.all([
    performHandshake(near, {
      client: { host: "127.0.0.1", ca: [authority.cert] },
    }, bounds),
    performHandshake(far, { server: certificate }, bounds),
  ]);
  await client.write(new Uint8Array(5));
  gated = true;
  const outcome = client.write(new Uint8Array(1)).catch(() => {});
  await reached.promise;
  // The platform's buffers may have taken the byte.
  const blocked = client.socket.writableLength > 0;
  client.linger();
  gate.resolve();
  await outcome;
  const end = await readAll(server).then(() => "end", ({ name }) => name);
  assertEquals(end, blocked ? "UnexpectedEof" : "end"); // without close_notify
  server.linger();
  while (!near.closed || !far.closed) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

for (const broken of ["read", "write", "closeWrite"] as const) {
  Deno.test(`TlsEngine.linger() closes a socket whose ${broken}() fails`, async () => {
    const bounds = { timeout: Infinity, timeoutError: () => new Error("late") };
    const [near, far] = memoryPair();
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => {});
    const [client, server] = await Promise.all([
      performHandshake(near, {
        client: { host: "127.0.0.1", ca: [authority.cert] },
      }, bounds),
      performHandshake(far, { server: certificate }, bounds),
    ]);
    const reached = Promise.withResolvers<void>();
    const fails = () => {
      reached.resolve();
      return failure.promise.then(); // another one, which must be handled
    };
    Object.assign(near, { [broken]: fails });
    if (broken === "read") {
      await writeAll(server, new Uint8Array(3)); // ends the read in progress
      await reached.promise;
    }
    const released = client.linger();
    if (broken === "closeWrite") {
      server.linger(); // both directions end
      await reached.promise;
    }
    failure.reject(new Error("unplugged"));
    await released;
    for (let turn = 0; turn < 20 && !near.closed; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(near.closed, true);
    server.close();
  });
}

/** How a client's end of a connection spoils a server's handshake. */
const SPOILERS: Readonly<
  Record<string, (client: SocketConnection, stop: () => void) => unknown>
> = {
  "bytes that are not TLS": (client) => client.write(block.subarray(0, 100)),
  "an end": (client) => client.closeWrite(),
  "an abort": (_, stop) => stop(),
};

/** Returns the server's socket of a handshake that has failed. */
async function spoiled(how: string): Promise<WeakRef<object>> {
  const stop = new AbortController();
  const [client, server] = memoryPair();
  const handshake = performHandshake(server, { server: certificate }, {
    signal: stop.signal,
    timeout: Infinity,
    timeoutError: () => new Error("late"),
  });
  await SPOILERS[how]?.(client, () => stop.abort());
  assert(await handshake.then(() => false, () => true));
  client.close();
  return new WeakRef(server);
}

Deno.test("performHandshake() leaves nothing of a socket when it fails", async () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  const sockets = new Map<string, WeakRef<object>>();
  for (const how of Object.keys(SPOILERS)) {
    sockets.set(how, await spoiled(how));
  }
  const left = () =>
    [...sockets].filter(([, socket]) => socket.deref()).map(([how]) => how);
  for (let round = 0; round < 3 && left().length > 0; round++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
  }
  assertEquals(left(), []);
});
