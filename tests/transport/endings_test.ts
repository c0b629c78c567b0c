/**
 * How a connection ends, as the table in the README of the layer has it.
 *
 * @module
 */
import {
  connect,
  type Connection,
  connectWebSocket,
  listen,
  type ListenAddress,
  type SocketConnection,
  type TlsClientOptions,
  TransportError,
  upgradeWebSocket,
  type WebSocketConnection,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";
import { authority, server as certificate } from "./_certificates.ts";

type Ending = (
  client: SocketConnection,
  server: SocketConnection,
) => Promise<unknown>;

/** What a read tells: bytes, the end, or the kind of an error. */
async function readOutcome(connection: Connection): Promise<string> {
  try {
    const count = await connection.read(new Uint8Array(1 << 16));
    return count === null ? "end" : `${count} bytes`;
  } catch (error) {
    return error instanceof TransportError ? error.kind : String(error);
  }
}

/**
 * What writing comes to: an error, or none in so many rounds. A peer's answer to
 * a write takes a while, and TLS waits a second for an end in answer to its own.
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
    return "goes on";
  } catch (error) {
    return error instanceof TransportError ? error.kind : String(error);
  }
}

const endings: Record<string, { end: Ending; read: string[]; write: string }> =
  {
    "the peer half-closes": {
      end: (client) => client.closeWrite(),
      read: ["end", "end", "end"],
      write: "goes on",
    },
    "the peer closes": {
      end: async (client) => {
        await writeAll(client, new Uint8Array(3));
        client.close();
      },
      read: ["3 bytes", "end", "end"],
      write: "reset",
    },
    "this side closes": {
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

async function overWebSocket(
  body: Parameters<WithPair>[0],
): Promise<void> {
  const upgraded = Promise.withResolvers<WebSocketConnection>();
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { connection, response } = upgradeWebSocket(request);
      upgraded.resolve(connection);
      return response;
    },
  );
  const client = await connectWebSocket(`ws://127.0.0.1:${web.addr.port}/`);
  const server = await upgraded.promise;
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
        const rounds = write === "goes on" ? 50 : undefined;
        assertEquals(await writeOutcome(server, rounds), write);
      }));
  }
  Deno.test(`on ${transport}, when the peer closes with bytes unread`, () =>
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
