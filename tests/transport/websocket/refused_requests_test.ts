/**
 * Requests that cannot be upgraded are answered, and their connections fail.
 *
 * @module
 */
import { connect, createServer, protocol, unary } from "@lengthwise/lengthwise";
import {
  upgradeWebSocket,
  webSocketConnection,
} from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertRejects } from "@std/assert";

const P = protocol({ name: "p", server: { ask: unary<void, number>() } });

const UPGRADE = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
};

function serve(reported: unknown[]) {
  const server = createServer(P, {
    onError: (incident) => void reported.push(incident),
  }).handle({ ask: () => 42 });
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { response, connection } = upgradeWebSocket(request, {
        origins: ["https://app.example"],
      });
      server.accept(connection);
      return response;
    },
  );
  return { server, http };
}

/** Sends a request by hand, and returns the status. */
async function statusOf(
  port: number,
  method: string,
  headers: Record<string, string>,
): Promise<number> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = Object.entries({ host: "127.0.0.1", ...headers });
  await conn.write(
    new TextEncoder().encode(
      `${method} / HTTP/1.1\r\n` +
        lines.map(([name, value]) => `${name}: ${value}\r\n`).join("") +
        "\r\n",
    ),
  );
  const buffer = new Uint8Array(1_024);
  const count = await conn.read(buffer) ?? 0;
  const [, status] = new TextDecoder().decode(buffer.subarray(0, count))
    .split(" ");
  return Number(status);
}

Deno.test("requests that cannot be upgraded are answered and leave no incident", async () => {
  const reported: unknown[] = [];
  const { server, http } = serve(reported);
  const { port } = http.addr;
  const origin = (origin: string) => ({ ...UPGRADE, origin });
  assertEquals(
    [
      await statusOf(port, "GET", {}),
      await statusOf(port, "HEAD", {}),
      await statusOf(port, "POST", { "content-length": "0" }),
      await statusOf(port, "POST", { ...UPGRADE, "content-length": "0" }),
      await statusOf(port, "GET", origin("null")),
      await statusOf(port, "GET", origin("https://app.example.evil")),
      await statusOf(port, "GET", origin("https://app.example:444")),
      await statusOf(port, "GET", origin("http://app.example")),
      await statusOf(port, "GET", origin("https://app.example")),
      await statusOf(port, "GET", { ...UPGRADE, "sec-websocket-version": "8" }),
    ],
    [426, 426, 426, 400, 403, 403, 403, 403, 101, 426],
  );
  await server.shutdown();
  await http.shutdown();
  assertEquals(reported, []);
});

Deno.test("a WebSocket that has closed before it is given ends the session with a reason", async () => {
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onopen = () => socket.close(1000);
      return response;
    },
  );
  const socket = new WebSocket(`ws://127.0.0.1:${http.addr.port}/`);
  await new Promise((resolve) => socket.onclose = resolve);
  assertEquals(socket.readyState, WebSocket.CLOSED);
  const error = await assertRejects(() =>
    connect(P, webSocketConnection(socket))
  );
  assert(error instanceof Error);
  const server = createServer(P).handle({ ask: () => 42 });
  await server.accept(webSocketConnection(socket));

  const closing = new WebSocket(`ws://127.0.0.1:${http.addr.port}/`);
  await new Promise((resolve) => closing.onopen = resolve);
  closing.close();
  assertEquals(closing.readyState, WebSocket.CLOSING);
  await assertRejects(() => connect(P, webSocketConnection(closing)));
  await server.shutdown();
  await http.shutdown();
});
