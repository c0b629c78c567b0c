/**
 * Sockets of `node:net`, in Deno; `sockets_in_node.ts` has Node.js and Bun.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createConnection } from "node:net";
import { nodePlatform } from "../../lib/node/node_platform.ts";
import { checkTransport } from "../../lib/testing/check_transport.ts";
import { useNodeSockets } from "../../lib/node/mod.ts";
import { acceptFrom } from "../../lib/transport/accept_from.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { requirePlatform } from "../../lib/transport/current_platform.ts";
import { failureCode } from "../../lib/transport/error_mapping.ts";
import { listen } from "../../lib/transport/listen.ts";
import { SocketConnectionImpl } from "../../lib/transport/socket_connection_impl.ts";
import { SocketListenerImpl } from "../../lib/transport/socket_listener_impl.ts";

const settings = { noDelay: true, keepAlive: true };
const anyPort = { hostname: "127.0.0.1", port: 0 };

async function pair(
  listening: Promise<Parameters<typeof acceptFrom>[0]>,
  connect: (port: number) => Promise<Connection>,
): Promise<[client: Connection, server: Connection]> {
  const listener = new SocketListenerImpl(acceptFrom(await listening));
  const [server, client] = await Promise.all([
    listener.accept(),
    connect(listener.addr.port ?? 0),
  ]);
  listener.close();
  return [new SocketConnectionImpl(client), server];
}

const tcpPair = () =>
  pair(
    nodePlatform.listenTcp(anyPort, { ...settings, reusePort: false }),
    (port) => nodePlatform.connectTcp({ ...anyPort, port }, settings),
  );

/** Reads from a connection; rejects if nothing has arrived after two seconds. */
async function readSoon(
  connection: Deno.Conn,
  buffer: Uint8Array,
): Promise<number | null> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("nothing arrived")), 2_000);
  try {
    const reading = connection.read(buffer).catch(() => null);
    return await Promise.race([reading, promise]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("checkTransport() passes TCP sockets of node:net", async (t) => {
  await checkTransport(tcpPair, { step: (name, check) => t.step(name, check) });
});

Deno.test("NodeListener keeps clients until they are accepted", async () => {
  const tcp = { ...settings, reusePort: false, backlog: 2 };
  const listener = await nodePlatform.listenTcp(anyPort, tcp);
  const { port = 0 } = listener.addr;
  const clients = [];
  for (let n = 0; n < 4; n++) {
    const client = await nodePlatform.connectTcp(
      { ...anyPort, port },
      settings,
    );
    await client.write(new Uint8Array([n]));
    clients.push(client);
  }
  // The listener has disconnected the last two.
  for (const client of clients.slice(2)) {
    const end = await client.read(new Uint8Array(1)).catch(failureCode);
    assert(end === null || end === "reset", `${end}`);
  }
  const first = await listener.accept();
  const buffer = new Uint8Array(8);
  assertEquals([await first.read(buffer), buffer[0]], [1, 0]);
  listener.close();
  assertEquals(await clients[1]!.read(buffer).catch(() => null), null);
  for (const connection of [...clients, first]) connection.close();
  assertEquals(await listener.accept().catch(failureCode), "closed");
});

Deno.test("nodePlatform cancels connecting, and reports the codes of failures", async () => {
  const gone = await nodePlatform.listenTcp(anyPort, {
    ...settings,
    reusePort: false,
  });
  const { port = 0 } = gone.addr;
  gone.close();
  const to = { ...anyPort, port };
  const refused = nodePlatform.connectTcp(to, settings);
  assertEquals(await refused.catch(failureCode), "refused");
  const signal = AbortSignal.abort("stopped");
  await assertRejects(
    () =>
      nodePlatform.connectTcp(to, { ...settings, signal }).catch((reason) => {
        throw new Error(reason);
      }),
    Error,
    "stopped",
  );
  const none = nodePlatform.connectUnix("/nonexistent/socket");
  assertEquals(await none.catch(failureCode), "not-found");
});

Deno.test("nodePlatform disconnects a client whose connecting is cancelled", async () => {
  using listener = Deno.listen(anyPort);
  const to = { ...anyPort, port: listener.addr.port };
  const abort = new AbortController();
  const { signal } = abort;
  const cancelled = nodePlatform.connectTcp(to, { ...settings, signal });
  abort.abort("stopped");
  assertEquals(await cancelled.catch((reason) => reason), "stopped");
  const client = await nodePlatform.connectTcp(to, settings);
  await client.write(new Uint8Array([7]));
  // The cancelled client may have connected before, and has then gone again.
  const buffer = new Uint8Array(2);
  for (;;) {
    using accepted = await listener.accept();
    const count = await readSoon(accepted, buffer);
    if (count === null) continue;
    assertEquals([count, buffer[0]], [1, 7]);
    break;
  }
  client.close();
});

Deno.test("nodePlatform does not listen to the signal of an open connection", async () => {
  using listener = Deno.listen(anyPort);
  const abort = new AbortController();
  const { signal } = abort;
  const to = { ...anyPort, port: listener.addr.port };
  const client = await nodePlatform.connectTcp(to, { ...settings, signal });
  abort.abort();
  await client.write(new Uint8Array([7]));
  using accepted = await listener.accept();
  assertEquals(await accepted.read(new Uint8Array(2)), 1);
  client.close();
});

Deno.test("nodePlatform rejects a port and a path in use", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  const first = await nodePlatform.listenUnix(path);
  const tcp = { ...settings, reusePort: false };
  const other = await nodePlatform.listenTcp(anyPort, tcp);
  try {
    const { port = 0 } = other.addr;
    const codes = [
      await nodePlatform.listenUnix(path).catch(failureCode),
      await nodePlatform.listenTcp({ ...anyPort, port }, tcp)
        .catch(failureCode),
    ];
    assertEquals(codes, ["address-in-use", "address-in-use"]);
    assertEquals(first.addr, { transport: "unix", path });
  } finally {
    first.close();
    other.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("nodePlatform recognizes socket files", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/file`;
  try {
    await Deno.writeTextFile(path, "");
    assertEquals(await nodePlatform.socketFile(path), undefined);
    await nodePlatform.setMode(path, 0o600);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    await nodePlatform.removeFile(path);
    const missing = await nodePlatform.socketFile(path).catch(failureCode);
    assertEquals(missing, "not-found");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("useNodeSockets() changes nothing in Deno", async () => {
  useNodeSockets();
  const listener = await listen({ port: 0 });
  listener.close();
  assertEquals(
    requirePlatform({ verb: "test", address: "" }).os,
    Deno.build.os,
  );
  assert(requirePlatform({ verb: "test", address: "" }) !== nodePlatform);
});

Deno.test("NodeListener goes on after a client that resets while it waits", async () => {
  const listener = await nodePlatform.listenTcp(anyPort, {
    ...settings,
    reusePort: false,
  });
  const { port = 0 } = listener.addr;
  const gone = createConnection({ host: "127.0.0.1", port });
  await new Promise<void>((resolve) => gone.once("connect", resolve));
  const closed = new Promise<void>((resolve) => gone.once("close", resolve));
  gone.resetAndDestroy();
  await closed;
  const to = { ...anyPort, port };
  const client = await nodePlatform.connectTcp(to, settings);
  await client.write(new Uint8Array([7]));
  // Waiting clients are not read, so that the reset is noticed by a read only.
  const buffer = new Uint8Array(4);
  const first = await listener.accept();
  assertEquals(await first.read(buffer).catch(failureCode), "reset");
  const second = await listener.accept();
  assertEquals([await second.read(buffer), buffer[0]], [1, 7]);
  for (const each of [client, first, second, listener]) each.close();
});
