/**
 * The compliance suite's checks of resets, on every transport with resets.
 *
 * A relay resets connections over TCP; a Unix socket is reset by a peer that
 * closes with unread bytes.
 *
 * @module
 */
import {
  connect,
  type Connection,
  connectWebSocket,
  listen,
  type SocketConnection,
  type TlsClientOptions,
  type TlsServerOptions,
  upgradeWebSocket,
  type WebSocketConnection,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import {
  checkTransport,
  type ConnectionPair,
} from "../../lib/testing/check_transport.ts";
import { authority, client as alice, server } from "./tls/certificates.ts";
import { ResetRelay } from "./reset_relay.ts";

const resets = new WeakMap<Connection, () => void | Promise<void>>();

function suite(name: string, makePair: () => Promise<ConnectionPair>): void {
  Deno.test(`checkTransport() checks resets on ${name}`, async (t) => {
    await checkTransport(makePair, {
      step: (check, run) =>
        check.startsWith("reset") ? t.step(check, run) : Promise.resolve(),
      reset: (connection) => resets.get(connection)?.(),
    });
  });
}

async function relayed(
  target: number,
  dial: (port: number) => Promise<SocketConnection>,
): Promise<SocketConnection> {
  const relay = await ResetRelay.open(target);
  const client = await dial(relay.port);
  resets.set(client, () => relay.reset());
  return client;
}

function overTcp(
  tls?: { server: TlsServerOptions; client: TlsClientOptions },
): () => Promise<ConnectionPair> {
  return async () => {
    await using listener = await listen(
      { port: 0 },
      tls && { tls: tls.server },
    );
    const [accepted, client] = await Promise.all([
      listener.accept(),
      relayed(
        listener.addr.port ?? 0,
        (port) => connect({ port }, tls && { tls: tls.client }),
      ),
    ]);
    return [client, accepted];
  };
}

async function overWebSocket(): Promise<ConnectionPair> {
  const upgraded = Promise.withResolvers<WebSocketConnection>();
  const web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { connection, response } = upgradeWebSocket(request);
      upgraded.resolve(connection);
      return response;
    },
  );
  const client = await relayed(
    web.addr.port,
    (port) => connectWebSocket(`ws://127.0.0.1:${port}/`),
  );
  const accepted = await upgraded.promise;
  const reset = resets.get(client);
  resets.set(client, async () => {
    await reset?.();
    await Promise.all([accepted.finished, web.shutdown()]);
  });
  return [client, accepted];
}

async function overUnix(): Promise<ConnectionPair> {
  const directory = await Deno.makeTempDir();
  await using listener = await listen({ path: `${directory}/socket` });
  const [accepted, client] = await Promise.all([
    listener.accept(),
    connect(listener.addr),
  ]);
  await Deno.remove(directory, { recursive: true });
  // The peer loses unread bytes, which the operating system reports as a reset.
  resets.set(client, async () => {
    await writeAll(accepted, new Uint8Array(1));
    client.close();
  });
  return [client, accepted];
}

const caCerts = [authority.cert];
suite("TCP", overTcp());
suite("TLS", overTcp({ server, client: { caCerts } }));
suite(
  "mutual TLS",
  overTcp({
    server: { ...server, clientCaCerts: caCerts },
    client: { ...alice, caCerts },
  }),
);
suite("WebSocket", overWebSocket);
if (Deno.build.os !== "windows") suite("Unix sockets", overUnix);
suite("memory", () => {
  const fault = { kind: "reset", after: 3 } as const;
  const [client, accepted] = memoryPair({ toServer: { fault } });
  resets.set(client, () => writeAll(client, new Uint8Array(3)));
  return Promise.resolve([client, accepted]);
});
