/**
 * The endings of a connection, as listed in the table of the layer's README.
 *
 * @module
 */
import {
  connect,
  type Connection,
  connectWebSocket,
  formatAddress,
  listen,
  type ListenAddress,
  type SocketConnection,
  type TlsClientOptions,
  TransportError,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketConnection,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";
import { authority, server as certificate } from "./tls/certificates.ts";
import { Relay } from "./tls/tls_pair.ts";

type Ending = (
  client: SocketConnection,
  server: SocketConnection,
) => Promise<unknown>;

/** Returns the outcome of a read: bytes, the end, or the code of an error. */
async function readOutcome(connection: Connection): Promise<string> {
  try {
    const count = await connection.read(new Uint8Array(1 << 16));
    return count === null ? "end" : `${count} bytes`;
  } catch (error) {
    return error instanceof TransportError ? error.code : String(error);
  }
}

/**
 * Returns the outcome of repeated writes: an error, or success after all rounds.
 *
 * A peer's reset takes a while to arrive, and TLS waits up to a second for the
 * peer's close_notify.
 */
async function writeOutcome(
  connection: Connection,
  rounds = 10_000,
): Promise<string> {
  try {
    for (let round = 0; round < rounds; round++) {
      await writeAll(connection, new Uint8Array(1));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return "still works";
  } catch (error) {
    return error instanceof TransportError ? error.code : String(error);
  }
}

const endings: Record<string, { end: Ending; read: string[]; write: string }> =
  {
    "the peer half-closes": {
      end: (client) => client.closeWrite(),
      read: ["end", "end", "end"],
      write: "still works",
    },
    "the peer closes": {
      end: async (client) => {
        await writeAll(client, new Uint8Array(3));
        client.close();
      },
      read: ["3 bytes", "end", "end"],
      write: "reset",
    },
    "the connection is closed locally": {
      end: (_client, server) => Promise.resolve(server.close()),
      read: ["closed", "closed", "closed"],
      write: "closed",
    },
  };

type WithPair = (
  body: (client: SocketConnection, server: SocketConnection) => Promise<void>,
) => Promise<void>;

function over(address: ListenAddress, tls?: TlsClientOptions): WithPair {
  return async (body) => {
    await using listener = await listen(address);
    const [server, client] = await Promise.all([
      listener.accept(),
      connect(listener.addr, tls && { tls }),
    ]);
    await bodyOver(body, client, server);
  };
}

/** A server that upgrades one request. */
class Upgrades implements AsyncDisposable {
  readonly port: number;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #upgraded = Promise.withResolvers<WebSocketConnection>();

  constructor(options: UpgradeWebSocketOptions = {}) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const { connection, response } = upgradeWebSocket(request, options);
        this.#upgraded.resolve(connection);
        return response;
      },
    );
    this.port = this.#server.addr.port;
  }

  next(): Promise<WebSocketConnection> {
    return this.#upgraded.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

async function overWebSocket(
  body: Parameters<WithPair>[0],
): Promise<void> {
  await using service = new Upgrades();
  const client = await connectWebSocket(`ws://127.0.0.1:${service.port}/`);
  const server = await service.next();
  await bodyOver(body, client, server);
  await Promise.all([client.finished, server.finished]);
}

async function bodyOver(
  body: Parameters<WithPair>[0],
  client: SocketConnection,
  server: SocketConnection,
): Promise<void> {
  using _client = client;
  using _server = server;
  await body(client, server);
}

const path = await Deno.makeTempFile();
await Deno.remove(path);
const transports: Record<string, WithPair> = {
  TCP: over({ port: 0 }),
  TLS: over({ port: 0, tls: certificate }, { caCerts: [authority.cert] }),
  Unix: over({ path }),
  memory: over({ memory: "endings" }),
  WebSocket: overWebSocket,
};

for (const [transport, withPair] of Object.entries(transports)) {
  for (const [name, { end, read, write }] of Object.entries(endings)) {
    Deno.test(`on ${transport}, when ${name}`, () =>
      withPair(async (client, server) => {
        await end(client, server);
        for (const outcome of read) {
          assertEquals(await readOutcome(server), outcome);
        }
        const rounds = write === "still works" ? 50 : undefined;
        assertEquals(await writeOutcome(server, rounds), write);
      }));
  }
  Deno.test(`on ${transport}, when the peer closes with unread bytes`, () =>
    withPair(async (client, server) => {
      await writeAll(server, new Uint8Array(3));
      client.close();
      const outcome = await readOutcome(server);
      assertEquals(outcome, transport === "Unix" ? "reset" : "end");
      assertEquals(await writeOutcome(server), "reset");
    }));
}

Deno.test("on TCP, when the peer resets", async () => {
  await using listener = await listen({ port: 0 });
  const socket = createConnection(listener.addr.port ?? 0, "127.0.0.1");
  await once(socket, "connect");
  using server = await listener.accept();
  const pending = readOutcome(server);
  socket.resetAndDestroy();
  assertEquals(await pending, "reset");
  assertEquals(await writeOutcome(server), "reset");
});

/** Checks the outcome of a read on a connection that a relay cuts. */
type CutOff = (cut: (relay: Relay) => Promise<void>) => Promise<void>;

function cutOff(
  address: ListenAddress,
  { tls, outcome }: { tls?: TlsClientOptions; outcome: string },
): CutOff {
  return async (cut) => {
    await using listener = await listen(address);
    const { port, path } = listener.addr;
    await using relay = new Relay(path ?? port ?? 0);
    const [server, client] = await Promise.all([
      listener.accept(),
      connect(relay.addr, tls && { tls }),
    ]);
    using _client = client;
    using _server = server;
    await writeAll(client, new Uint8Array(3));
    assertEquals(await readOutcome(server), "3 bytes");
    await cut(relay);
    for (const end of [server, client]) {
      assertEquals(await readOutcome(end), outcome);
    }
  };
}

const cuts: Record<string, CutOff> = {
  TCP: cutOff({ port: 0 }, { outcome: "end" }),
  TLS: cutOff({ port: 0, tls: certificate }, {
    tls: { caCerts: [authority.cert] },
    outcome: "truncated",
  }),
  Unix: cutOff({ path }, { outcome: "end" }),
  WebSocket: async (cut) => {
    await using service = new Upgrades();
    await using relay = new Relay(service.port);
    const client = await connectWebSocket(
      `ws://127.0.0.1:${relay.addr.port}/`,
    );
    const server = await service.next();
    await writeAll(client, new Uint8Array(3));
    assertEquals(await readOutcome(server), "3 bytes");
    await cut(relay);
    for (const end of [server, client]) {
      assertEquals(await readOutcome(end), "reset");
      await end.finished;
    }
  },
};

for (const [transport, withCut] of Object.entries(cuts)) {
  Deno.test(`on ${transport}, when the stream is cut in transit`, async () => {
    await withCut((relay) => relay.cut());
  });
}

Deno.test("on TCP, TLS, Unix and WebSocket, when the peer's process is killed", async () => {
  await using tcp = await listen({ port: 0 });
  await using tls = await listen({ port: 0, tls: certificate });
  await using unix = await listen({ path });
  await using service = new Upgrades();
  const accepting = [tcp, tls, unix].map((listener) => listener.accept());
  const program = new URL("programs/killed.ts", import.meta.url);
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--no-check", "--allow-all", program.pathname],
      authority.cert,
      formatAddress(tcp.addr),
      `tls://127.0.0.1:${tls.addr.port}`,
      formatAddress(unix.addr),
      `ws://127.0.0.1:${service.port}/`,
    ],
  }).spawn();
  const accepted = await Promise.all([...accepting, service.next()]);
  for (const connection of accepted) {
    assertEquals(await readOutcome(connection), "3 bytes");
  }
  child.kill("SIGKILL");
  const outcomes = await Promise.all(accepted.map(readOutcome));
  assertEquals(outcomes, ["end", "truncated", "end", "reset"]);
  for (const connection of accepted) connection.close();
});

Deno.test("on WebSocket, when the peer vanishes", async () => {
  await using service = new Upgrades({ idleTimeout: 1 });
  // This client opens the WebSocket but does not answer pings.
  using conn = await Deno.connect({ port: service.port });
  const request = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const server = await service.next();
  assertEquals(await readOutcome(server), "reset");
  await server.finished;
});
