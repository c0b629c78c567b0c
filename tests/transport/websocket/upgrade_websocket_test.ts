/**
 * Upgrades that are refused, and what the server knows about the client.
 *
 * @module
 */
import { createServer, protocol } from "@lengthwise/lengthwise";
import {
  connectWebSocket,
  TransportError,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketConnection,
  webSocketConnection,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

function upgradeRequest(headers: Record<string, string> = {}): Request {
  return new Request("http://127.0.0.1/path?q=1", {
    headers: {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...headers,
    },
  });
}

/** Upgrades a request that must be refused; returns the status and the code. */
async function refusal(
  request: Request,
  options?: UpgradeWebSocketOptions,
): Promise<[status: number, code: string]> {
  let closes = 0;
  const onClose = () => void closes++;
  const { response, connection } = upgradeWebSocket(request, {
    ...options,
    onClose,
  });
  await response.body?.cancel();
  const codes = new Set<string>();
  for (
    const call of [
      () => connection.opened,
      () => connection.read(new Uint8Array(8)),
      () => connection.write(new Uint8Array(8)),
      () => connection.closeWrite(),
    ]
  ) {
    const error = await assertRejects(call, TransportError, "Cannot upgrade");
    assertEquals(error.status, response.status);
    codes.add(error.code);
  }
  await connection.finished;
  await connection[Symbol.asyncDispose]();
  assertEquals(closes, 1);
  return [response.status, [...codes].join()];
}

Deno.test("upgradeWebSocket() answers an ordinary request with 426", async () => {
  const plain = new Request("http://127.0.0.1/");
  assertEquals(await refusal(plain), [426, "protocol"]);
  assertEquals(
    upgradeWebSocket(plain).response.headers.get("upgrade"),
    "websocket",
  );
  const other = upgradeRequest({ upgrade: "h2c" });
  assertEquals(await refusal(other), [426, "protocol"]);
});

Deno.test("upgradeWebSocket() answers an invalid upgrade with 400", async () => {
  const { headers } = upgradeRequest();
  headers.delete("sec-websocket-key");
  const request = new Request("http://127.0.0.1/", { headers });
  assertEquals(await refusal(request), [400, "protocol"]);
});

Deno.test("upgradeWebSocket() answers pages of other origins with 403", async () => {
  const origins = ["https://app.example", "http://LOCALHOST:80/"];
  for (
    const origin of [
      "https://evil.example",
      "http://app.example",
      "https://app.example:8443",
      "https://app.example.evil.example",
      "null",
      "",
    ]
  ) {
    const request = upgradeRequest({ origin });
    assertEquals(await refusal(request, { origins }), [403, "forbidden"]);
  }
  assertEquals(
    await refusal(upgradeRequest({ origin: "https://app.example" }), {
      origins: [],
    }),
    [403, "forbidden"],
  );
});

Deno.test("upgradeWebSocket() accepts pages of 'origins', and clients without an origin", async () => {
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const origins = ["https://app.example", "http://LOCALHOST:80/"];
      const { response, connection } = upgradeWebSocket(request, { origins });
      void connection.opened.then(() => connection.close(), () => {});
      return response;
    },
  );
  const url = `ws://127.0.0.1:${http.addr.port}/`;
  for (
    const headers of [
      { origin: "https://app.example" },
      { origin: "http://localhost" },
      {},
    ]
  ) {
    const connection = await connectWebSocket(url, { headers });
    assertEquals(await connection.read(new Uint8Array(8)), null);
    connection.close();
    await connection.finished;
  }
  const error = await assertRejects(
    () => connectWebSocket(url, { headers: { origin: "https://b.example" } }),
    TransportError,
  );
  assertEquals([error.code, error.status], ["forbidden", 403]);
});

Deno.test("upgradeWebSocket() rejects options that do not exist, and invalid origins", () => {
  const options: object = { origin: ["https://app.example"] };
  assertThrows(
    () => upgradeWebSocket(upgradeRequest(), options),
    TypeError,
    'Unknown option "origin"',
  );
  for (
    const origin of [
      "app.example",
      "https://app.example/path",
      "*",
      "https://a/?b",
    ]
  ) {
    assertThrows(
      () => upgradeWebSocket(upgradeRequest(), { origins: [origin] }),
      TypeError,
      "as an origin",
    );
  }
  const socket = new EventTarget() as WebSocket; // rejected before it is used
  const misspelled: object = { flowcontrol: true };
  assertThrows(
    () => webSocketConnection(socket, misspelled),
    TypeError,
    'Unknown option "flowcontrol"',
  );
});

Deno.test("a server that accepts a refused upgrade reports nothing and goes on", async () => {
  const reported: unknown[] = [];
  const server = createServer(protocol({ name: "p", server: {} }), {
    onError: (report) => void reported.push(report),
  }).handle({});
  const { response, connection } = upgradeWebSocket(
    new Request("http://127.0.0.1/"),
  );
  await response.body?.cancel();
  await server.accept(connection);
  assertEquals(reported, []);
  await server.shutdown();
});

Deno.test("WebSocketConnection.info has a copy of the request", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, { remoteAddr }) => {
      const { response, connection } = upgradeWebSocket(request, {
        remoteAddr,
      });
      void connection.read(new Uint8Array(8)).then(() => {
        const { request, remoteAddr, peerCertificate } = connection.info;
        resolve([
          new URL(request?.url ?? "").search,
          request?.headers.get("cookie"),
          remoteAddr.hostname,
          peerCertificate,
        ]);
        connection.close();
      });
      return response;
    },
  );
  await using client = await connectWebSocket(
    `ws://127.0.0.1:${http.addr.port}/path?q=1`,
    { headers: { cookie: "session=7" } },
  );
  await client.closeWrite();
  assertEquals(await promise, ["?q=1", "session=7", "127.0.0.1", undefined]);
  assertEquals(client.info.request, undefined);
});

Deno.test("WebSockets take undefined options as omitted", async () => {
  const ends: WebSocketConnection[] = [];
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { response, connection } = upgradeWebSocket(request, {
        origins: undefined,
        idleTimeout: undefined,
        receiveLimit: undefined,
        remoteAddr: undefined,
        onClose: undefined,
      });
      ends.push(connection);
      return response;
    },
  );
  const url = `ws://127.0.0.1:${http.addr.port}/`;
  ends.push(
    await connectWebSocket(url, {
      receiveLimit: undefined,
      signal: undefined,
      timeout: undefined,
      flowControl: undefined,
      headers: undefined,
      tls: undefined,
    }),
    webSocketConnection(new WebSocket(url), {
      receiveLimit: undefined,
      remoteAddr: undefined,
      request: undefined,
      flowControl: undefined,
      onClose: undefined,
    }),
  );
  for (const end of ends) await end.opened;
  assertEquals(ends.length, 4);
  for (const end of ends) end.close();
  for (const end of ends) await end.finished;
});
