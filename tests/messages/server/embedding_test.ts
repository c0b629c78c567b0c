/**
 * Servers inside existing services: connections that were accepted elsewhere, and
 * merged protocols.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { connectWebSocket } from "../../../lib/transport/websocket/connect_websocket.ts";
import { upgradeWebSocket } from "../../../lib/transport/websocket/upgrade_websocket.ts";
import { all } from "../kit.ts";

const Echo = protocol({
  name: "echo",
  server: {
    echo: unary<Uint8Array, Uint8Array>(),
    count: serverStream<number, number>(),
    talk: duplex<string, string>(),
    whoami: unary<void, string>(),
  },
  client: { hello: notification<string>() },
});

function echoServer() {
  return createServer(Echo).handle({
    echo: (bytes) => bytes,
    async *count(upTo) {
      for (let i = 0; i < upTo; i++) yield i;
    },
    async *talk(lines) {
      for await (const line of lines) yield line.toUpperCase();
    },
    async whoami(_, { session }) {
      await session.remote.hello("you");
      return session.remoteAddr.transport;
    },
  });
}

/** Calls every shape, and sends a message of many frames. */
async function useAll(
  target: Parameters<typeof connect<typeof Echo>>[1],
): Promise<string> {
  const heard: string[] = [];
  const handlers = { hello: (name: string) => void heard.push(name) };
  await using session = await connect(Echo, target, { handlers });
  const { remote } = session;
  const large = new Uint8Array(1_000_000).fill(7);
  assertEquals(await remote.echo(large), large);
  assertEquals(await all(remote.count(3)), [0, 1, 2]);
  assertEquals(await all(remote.talk(["a", "b"])), ["A", "B"]);
  const name = await remote.whoami();
  assertEquals(heard, ["you"]);
  return name;
}

Deno.test("server.accept() serves a WebSocket from Deno.serve, alongside HTTP requests", async () => {
  const server = echoServer();
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      if (new URL(request.url).pathname !== "/messages") {
        return new Response("a page");
      }
      const { response, connection } = upgradeWebSocket(request);
      server.accept(connection);
      return response;
    },
  );
  const { port } = http.addr;
  await useAll(`ws://127.0.0.1:${port}/messages`);
  const page = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals(await page.text(), "a page");
  await server.shutdown();
  await http.shutdown();
});

Deno.test("authenticate sees the request of an upgrade", async () => {
  const server = createServer(Echo, {
    authenticate: (_, { request }) => request?.headers.get("cookie") ?? "none",
  }).handle({
    echo: (bytes) => bytes,
    async *count() {},
    async *talk() {},
    whoami: (_, { session }) =>
      `${session.auth} ${new URL(session.request?.url ?? "").pathname}`,
  });
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { response, connection } = upgradeWebSocket(request);
      server.accept(connection);
      return response;
    },
  );
  const connection = await connectWebSocket(
    `ws://127.0.0.1:${http.addr.port}/messages`,
    { headers: { cookie: "user=ada" } },
  );
  {
    await using session = await connect(Echo, connection, {
      handlers: { hello() {} },
    });
    assertEquals(await session.remote.whoami(), "user=ada /messages");
    assertEquals(session.request, undefined);
  }
  await server.shutdown();
});

Deno.test("server.accept() passes the given info to authenticate", async () => {
  const seen: unknown[] = [];
  const server = createServer(Echo, {
    authenticate: (_, { remoteAddr, localAddr, request }) => {
      seen.push(remoteAddr.hostname, localAddr.transport, request);
    },
  }).handle({
    echo: (bytes) => bytes,
    async *count() {},
    async *talk() {},
    whoami: (_, { session }) => session.remoteAddr.hostname ?? "",
  });
  const [near, far] = memoryPair();
  const info = { remoteAddr: { transport: "tcp", hostname: "192.0.2.7" } };
  server.accept(far, { info });
  await using session = await connect(Echo, near, { handlers: { hello() {} } });
  assertEquals(await session.remote.whoami(), "192.0.2.7");
  assertEquals(seen, ["192.0.2.7", "memory", undefined]);
  const options: object = { inf: info };
  await assertRejects(
    () => server.accept(near, options),
    TypeError,
    'Unknown option "inf"',
  );
});

Deno.test("server.accept() and connect() accept a Deno.Conn", async () => {
  const server = echoServer();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept().then((connection) =>
    server.accept(connection)
  );
  const { port } = listener.addr;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  assertEquals(await useAll(connection), "tcp");
  await accepted; // the connection has been closed
  await server.shutdown();
});

Deno.test("serve() serves a protocol of mergeProtocols() to clients of each part and of the whole", async () => {
  const Orders = protocol({
    name: "orders",
    server: { orders: { create: unary<string, number>() } },
  });
  const Audit = protocol({
    name: "audit",
    server: { orders: { last: unary<void, string>() } },
    client: { audited: notification<string>() },
  });
  const Both = mergeProtocols(Orders, Audit);
  const created: string[] = [];
  const server = createServer(Both).handle({
    orders: {
      create(name, { session }) {
        session.server.broadcast.audited(name);
        return created.push(name);
      },
      last: () => created.at(-1) ?? "",
    },
  });
  const addr = await server.listen({ port: 0 });
  const heard: string[] = [];
  const handlers = { audited: (name: string) => void heard.push(name) };
  await using both = await connect(Both, addr, { handlers });
  await using orders = await connect(Orders, addr);
  await using audit = await connect(Audit, addr, { handlers });
  assertEquals(await both.remote.orders.create("a"), 1);
  assertEquals(await orders.remote.orders.create("b"), 2);
  assertEquals(await audit.remote.orders.last(), "b");
  assertEquals(await both.remote.orders.last(), "b");
  assertEquals(heard.toSorted(), ["a", "a", "b", "b"]);
  assertEquals(both.mismatches, []);
  await server.shutdown();
});
