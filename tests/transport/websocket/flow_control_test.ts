/**
 * Flow control between ends that know different things about it.
 *
 * @module
 */
import {
  connectWebSocket,
  type SocketConnection,
  TransportError,
  type WebSocketConnection,
  webSocketConnection,
  type WebSocketConnectionOptions,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { WebSocketStream } from "../../../lib/transport/websocket/websocket_stream.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkTransport } from "../../../lib/testing/check_transport.ts";
import { FlowControl } from "../../../lib/transport/websocket/flow_control.ts";

const MEBIBYTE = 1024 * 1024;
const none = { permissions: "none" } as const; // the literal type that Deno.test wants

interface Case {
  /** Whether the framework selects the subprotocol. */
  selected: boolean;
  /** The option `flowControl` of the client and of the server. */
  client?: boolean;
  server?: boolean;
}

/** A pair whose server's socket was upgraded by a framework. */
async function withPair(
  { selected, client: clientSays, server: serverSays }: Case,
  body: (client: SocketConnection, server: SocketConnection) => Promise<void>,
): Promise<void> {
  const accepted = Promise.withResolvers<WebSocketConnection>();
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(
        request,
        selected ? { protocol: "lengthwise.bytes.v1" } : {},
      );
      accepted.resolve(
        webSocketConnection(socket, { flowControl: serverSays }),
      );
      return response;
    },
  );
  const client = await connectWebSocket(
    `ws://127.0.0.1:${http.addr.port}/`,
    { flowControl: clientSays },
  );
  const server = await accepted.promise;
  await body(client, server);
  for (const connection of [client, server]) {
    connection.close();
    connection.close();
    await connection.finished;
  }
}

/** Transfers some MiB to a slow reader; returns the outcome at both ends. */
async function transfer(
  from: SocketConnection,
  to: SocketConnection,
  mebibytes: number,
): Promise<string> {
  const sending = (async () => {
    const part = new Uint8Array(MEBIBYTE);
    for (let sent = 0; sent < mebibytes; sent++) await writeAll(from, part);
    await from.closeWrite();
  })();
  const receiving = (async () => {
    const buffer = new Uint8Array(100_000);
    for (let total = 0;;) {
      const count = await to.read(buffer);
      if (count === null) return assertEquals(total, mebibytes * MEBIBYTE);
      total += count;
    }
  })();
  const failures: string[] = [];
  for (const result of await Promise.allSettled([sending, receiving])) {
    if (result.status === "fulfilled") continue;
    const { reason } = result;
    assert(reason instanceof TransportError, String(reason));
    failures.push(reason.message);
  }
  return failures.length === 0 ? "works" : failures.join("; ");
}

const cases: readonly (Case & { refused?: string })[] = [
  { selected: true },
  { selected: true, server: true },
  { selected: true, server: false, refused: "flow control is off" },
  { selected: true, client: true },
  { selected: false },
  { selected: false, server: true },
  { selected: false, server: false },
  { selected: false, client: false },
  { selected: false, client: false, server: false },
  {
    selected: false,
    client: false,
    server: true,
    refused: "flow control is off",
  },
];

for (const { refused, ...options } of cases) {
  const { selected, client, server } = options;
  const name = `subprotocol ${selected ? "selected" : "not selected"}, ` +
    `client says ${client}, server says ${server}`;
  for (const direction of ["up", "down"]) {
    Deno.test(`a WebSocket of a framework carries bytes ${direction} or is refused: ${name}`, () =>
      withPair(options, async (near, far) => {
        const [from, to] = direction === "up" ? [near, far] : [far, near];
        // One MiB may arrive before the sender learns that it is refused.
        const mebibytes = refused === undefined ? 1 : 256;
        const outcome = await transfer(from, to, mebibytes);
        if (refused === undefined) assertEquals(outcome, "works");
        else assert(outcome.includes(refused), outcome);
      }));
  }
}

for (const selected of [true, false]) {
  Deno.test(
    `checkTransport() passes WebSockets of a framework, subprotocol ${
      selected ? "selected" : "not selected"
    }`,
    async (t) => {
      const sockets: WebSocket[] = [];
      let accept = (_: WebSocketConnection) => {};
      await using http = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => {
          const { socket, response } = Deno.upgradeWebSocket(
            request,
            selected ? { protocol: "lengthwise.bytes.v1" } : {},
          );
          sockets.push(socket);
          accept(webSocketConnection(socket));
          return response;
        },
      );
      await checkTransport(async () => {
        const { promise, resolve } = Promise.withResolvers<
          WebSocketConnection
        >();
        accept = resolve;
        const client = await connectWebSocket(
          `ws://127.0.0.1:${http.addr.port}/`,
        );
        return [client, await promise];
      }, {
        step: async (name, check) => {
          // Without flow control, nothing limits the sender.
          if (!selected && name.includes("wait for the reader")) return;
          if (!selected && name.includes("pending write")) return;
          await t.step(name, check);
        },
      });
    },
  );
}

Deno.test("the announcement is the first or second message, however much is written", async () => {
  for (const writes of [0, 1, 5]) {
    const kinds: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { socket, response } = Deno.upgradeWebSocket(request, {
          protocol: "lengthwise.bytes.v1",
        });
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => {
          kinds.push(typeof data === "string" ? data : "bytes");
          if (kinds.length === writes + 1) resolve();
        };
        return response;
      },
    );
    const socket = new WebSocket(`ws://127.0.0.1:${http.addr.port}/`, [
      "lengthwise.bytes.v1",
    ]);
    const client = webSocketConnection(socket);
    for (let at = 0; at < writes; at++) void client.write(new Uint8Array(10));
    await promise;
    assert(kinds.indexOf("0") <= 1, kinds.join());
    assertEquals(kinds.filter((kind) => kind === "0").length, 1);
    client.close();
    client.close();
    await client.finished;
  }
});

Deno.test("FlowControl learns from the first two messages only", none, () => {
  const late = new FlowControl(undefined);
  assertEquals([late.state, late.credit], ["unknown", 262_144]);
  late.receive();
  assertEquals(late.state, "unknown");
  late.receive();
  assertEquals([late.state, late.credit], ["assumed-off", Infinity]);
  assertEquals(late.granted(0), false);

  const second = new FlowControl(undefined);
  second.send(262_144);
  second.receive();
  assert(second.receiveLimit > 262_144); // the peer may not count its bytes
  assertEquals(second.granted(10), true);
  assertEquals([second.state, second.credit], ["on", 10]);
  assertEquals(second.receiveLimit, 262_144);
});

Deno.test(
  "FlowControl grants what was read before the announcement",
  none,
  () => {
    const flow = new FlowControl(undefined);
    flow.receive();
    assertEquals(flow.take(200_000), 0);
    assertEquals(flow.granted(0), true);
    assertEquals(flow.take(0), 200_000);
  },
);

/** A WebSocket whose state and events a test determines. */
class FakeSocket extends EventTarget {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url = "ws://127.0.0.1:9/";
  readonly protocol = "";
  readonly bufferedAmount = 0;
  binaryType = "blob";
  readonly closes: unknown[] = [];
  readonly sent: unknown[] = [];

  constructor(public readyState: number) {
    super();
  }

  send(message: unknown): void {
    this.sent.push(message);
  }

  close(...reason: unknown[]): void {
    this.closes.push(reason);
    this.readyState = this.CLOSING;
  }

  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** Adapts it; a fake has the members that a connection uses. */
  connection(options?: WebSocketConnectionOptions): WebSocketConnection {
    return webSocketConnection(this as unknown as WebSocket, options);
  }
}

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof TransportError ? error.code : String(error);
  }
}

Deno.test("write() keeps to the credit if the peer announces flow control meanwhile", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const socket = new FakeSocket(1);
    const connection = socket.connection(); // assumes no flow control
    const block = new Uint8Array(65_536);
    for (let at = 0; at < 4; at++) await connection.write(block);
    let count: number | undefined;
    const writing = connection.write(block).then((sent) => count = sent);
    // In Deno, a message may arrive between two microtasks.
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    socket.dispatchEvent(new MessageEvent("message", { data: "0" }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (count !== undefined) assertEquals(count, 65_536); // sent before
    else {
      socket.dispatchEvent(new MessageEvent("message", { data: "5" }));
      assertEquals(await writing, 5);
    }
    connection.close();
    connection.close();
  }
});

Deno.test("an end that learns of flow control announces it, then grants what was read", async () => {
  for (const receiveLimit of [undefined, 300_000, 1 << 20]) {
    const socket = new FakeSocket(1);
    const connection = socket.connection({ receiveLimit });
    const first = new ArrayBuffer(150_000);
    const buffer = new Uint8Array(150_000);
    socket.receive(first);
    assertEquals(await connection.read(buffer), 150_000);
    socket.receive("0");
    // The peer assumes 256 KiB, and has used up what was read.
    const window = receiveLimit ?? 262_144;
    const granted = window / 2 <= 150_000 ? ["150000"] : [];
    assertEquals(socket.sent, [String(window - 262_144), ...granted]);
    socket.receive("0"); // later grants are not announcements
    assertEquals(socket.sent.length, 1 + granted.length);
    connection.close();
    connection.close();
  }
});

Deno.test("webSocketConnection() fails at once for a socket that has closed", async () => {
  const connection = new FakeSocket(3).connection();
  assertEquals(await code(connection.opened), "reset");
  assertEquals(await code(connection.read(new Uint8Array(8))), "reset");
  assertEquals(await code(connection.write(new Uint8Array(8))), "reset");
  await connection.finished;
  await connection[Symbol.asyncDispose]();
});

Deno.test("webSocketConnection() waits for the end of a socket that is closing", async () => {
  const socket = new FakeSocket(2);
  const connection = socket.connection();
  const reading = code(connection.read(new Uint8Array(8)));
  socket.readyState = socket.CLOSED;
  socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  assertEquals(await reading, "reset");
  await connection.finished;
});

Deno.test("webSocketConnection() ends after an error without a close event", async () => {
  // Node.js 22 does so for a connection that is refused.
  for (const state of [0, 1]) {
    const socket = new FakeSocket(state);
    const connection = socket.connection();
    const reading = code(connection.read(new Uint8Array(8)));
    socket.readyState = socket.CLOSED;
    socket.dispatchEvent(
      new ErrorEvent("error", {
        error: new TypeError("fetch failed", {
          cause: new Error("connect ECONNREFUSED 127.0.0.1:9"),
        }),
      }),
    );
    assertEquals(await reading, state === 0 ? "refused" : "reset");
    await connection.finished;
  }
});

Deno.test("close() of a WebSocket that never closes gives up after a second", async () => {
  const socket = new FakeSocket(1);
  const connection = socket.connection();
  connection.close();
  assertEquals(socket.closes, [[1000, ""]]);
  await connection[Symbol.asyncDispose]();
});

Deno.test("close() of a WebSocket of the package ws terminates it", async () => {
  const socket = Object.assign(new FakeSocket(1), {
    terminations: 0,
    terminate() {
      this.terminations++;
    },
  });
  const connection = socket.connection();
  connection.close();
  connection.close();
  assertEquals(socket.terminations, 1);
  await connection[Symbol.asyncDispose]();
});

Deno.test("close() before the upgrade has been answered closes the WebSocket", async () => {
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      webSocketConnection(socket).close();
      return response;
    },
  );
  const client = await connectWebSocket(`ws://127.0.0.1:${http.addr.port}/`);
  assertEquals(await client.read(new Uint8Array(8)), null);
  client.close();
  await client.finished;
});

Deno.test("a WebSocket that delivers a Blob ends with an error", async () => {
  const socket = new FakeSocket(1);
  const connection = socket.connection();
  const read = connection.read(new Uint8Array(9));
  const data = new Blob(["bytes"]);
  socket.dispatchEvent(new MessageEvent("message", { data }));
  await assertRejects(() => read, TransportError, "it sent a Blob");
  assertEquals(socket.closes.length, 1);
  socket.readyState = socket.CLOSED;
  socket.dispatchEvent(new CloseEvent("close", { code: 4002 }));
  await connection.finished;
});

Deno.test("webSocketConnection() explains a request that can no longer be read", () => {
  const request = {
    url: "http://127.0.0.1/",
    get headers(): Headers {
      throw new TypeError("request closed");
    },
  };
  const socket = new FakeSocket(1) as unknown as WebSocket; // has what is used
  const error = assertThrows(
    () => webSocketConnection(socket, { request }),
    TypeError,
    "copy it before the upgrade",
  );
  assertEquals((error.cause as Error).message, "request closed");
});

Deno.test("WebSocketStream closes when it is disposed", async () => {
  const socket = new FakeSocket(1);
  const stream = new WebSocketStream(socket as unknown as WebSocket, { // has what is used
    receiveLimit: undefined,
    address: "",
    remoteAddr: { transport: "websocket" },
    flowControl: false,
    negotiated: undefined,
  });
  stream[Symbol.dispose]();
  assertEquals(socket.closes.length, 1);
  await assertRejects(() => stream.read(new Uint8Array(9)), TransportError);
  socket.readyState = socket.CLOSED;
  socket.dispatchEvent(new CloseEvent("close", { code: 1000 }));
  await stream.finished;
});
