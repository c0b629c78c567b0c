/**
 * How a connection ends, as the table in the README of the layer has it.
 *
 * @module
 */
import {
  connect,
  type Connection,
  listen,
  type ListenAddress,
  type SocketConnection,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";

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

/** What writing tells in the end; the peer's answer to a write may take a while. */
async function writeOutcome(connection: Connection): Promise<string> {
  try {
    for (let round = 0; round < 100; round++) {
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

async function withPair(
  address: ListenAddress,
  body: (client: SocketConnection, server: SocketConnection) => Promise<void>,
): Promise<void> {
  await using listener = await listen(address);
  using client = await connect(listener.addr);
  using server = await listener.accept();
  await body(client, server);
}

const path = await Deno.makeTempFile();
await Deno.remove(path);
const transports: Record<string, ListenAddress> = {
  TCP: { port: 0 },
  Unix: { path },
  memory: { memory: "endings" },
};

for (const [transport, address] of Object.entries(transports)) {
  for (const [name, { end, read, write }] of Object.entries(endings)) {
    Deno.test(`on ${transport}, when ${name}`, () =>
      withPair(address, async (client, server) => {
        await end(client, server);
        for (const outcome of read) {
          assertEquals(await readOutcome(server), outcome);
        }
        assertEquals(await writeOutcome(server), write);
      }));
  }
}

const UNREAD: Record<string, string> = {
  TCP: "end",
  Unix: "reset",
  memory: "end",
};
for (const [transport, address] of Object.entries(transports)) {
  Deno.test(`on ${transport}, when the peer closes with bytes unread`, () =>
    withPair(address, async (client, server) => {
      await writeAll(server, new Uint8Array(3));
      client.close();
      assertEquals(await readOutcome(server), UNREAD[transport]);
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
