/**
 * Sockets and listeners of `node:net`, driven by their events.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createServer, Socket } from "node:net";
import { NodeListener } from "../../lib/node/node_listener.ts";

import { failureCode } from "../../lib/transport/error_mapping.ts";
import { NodeStreams } from "../../lib/transport/node_streams.ts";

const addr = { transport: "tcp", hostname: "127.0.0.1", port: 7 };
const addresses = { localAddr: addr, remoteAddr: addr };

/** Returns a listener, and functions that connect clients and report errors. */
function listener(backlog = 2) {
  const server = createServer();
  const calls: string[] = [];
  server.close = (): typeof server => {
    calls.push("close");
    return server;
  };
  server.ref = (): typeof server => {
    calls.push("ref");
    return server;
  };
  server.unref = (): typeof server => {
    calls.push("unref");
    return server;
  };
  return {
    listener: new NodeListener(server, addr, backlog),
    calls,
    connect() {
      const client = new Socket();
      server.emit("connection", client);
      return client;
    },
    fail: (error: Error) => server.emit("error", error),
  };
}

/** Returns the code of the error with which a promise rejects. */
function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => "none", failureCode);
}

Deno.test("NodeListener skips clients that failed while they waited", async () => {
  const { listener: listening, connect } = listener();
  connect().destroy(new Error("reset")); // an error that nothing else handles
  const second = connect();
  const accepted = await listening.accept();
  second.emit("data", new Uint8Array([7]));
  const buffer = new Uint8Array(2);
  assertEquals([await accepted.read(buffer), buffer[0]], [1, 7]);
  accepted.close();
  assertEquals(second.destroyed, true);
});

Deno.test("NodeListener disconnects clients beyond its backlog", async () => {
  const { listener: listening, connect } = listener(2);
  const clients = [connect(), connect(), connect()];
  assertEquals(clients.map(({ destroyed }) => destroyed), [false, false, true]);
  const first = await listening.accept();
  clients.push(connect(), connect()); // the first of them takes a free place
  assertEquals(clients.slice(3).map(({ destroyed }) => destroyed), [
    false,
    true,
  ]);
  first.close();
  listening.close();
});

Deno.test("NodeListener disconnects clients that wait when it closes", async () => {
  const { listener: listening, connect, calls } = listener();
  const clients = [connect(), connect(), connect()];
  await listening.accept();
  listening.close();
  clients.push(connect());
  assertEquals(
    clients.map(({ destroyed }) => destroyed),
    [false, true, true, true], // the first one was accepted
  );
  assertEquals(await codeOf(listening.accept()), "closed");
  assertEquals(calls, ["close"]);
  clients[0]!.destroy();
});

Deno.test("NodeListener rejects pending calls of accept() when it closes", async () => {
  const { listener: listening, connect } = listener();
  const pending = [codeOf(listening.accept()), codeOf(listening.accept())];
  const client = connect();
  listening.close();
  assertEquals(await Promise.all(pending), ["none", "closed"]);
  client.destroy();
});

Deno.test("NodeListener reports each error to one call of accept()", async () => {
  const { listener: listening, connect, fail, calls } = listener();
  const first = codeOf(listening.accept());
  fail(Object.assign(new Error("too many"), { code: "EMFILE" }));
  fail(Object.assign(new Error("denied"), { code: "EACCES" }));
  const client = connect();
  assertEquals(
    [await first, await codeOf(listening.accept())],
    ["limit", "permission"],
  );
  (await listening.accept()).close();
  assertEquals(client.destroyed, true);
  listening.ref();
  listening.unref();
  assertEquals(calls, ["ref", "unref"]);
  listening.close();
});

Deno.test("NodeStreams stops receiving while 64 KiB are unread", async () => {
  const socket = new Socket();
  const connection = new NodeStreams(socket, socket, addresses);
  socket.emit("data", new Uint8Array(64 * 1024 - 1));
  assertEquals(socket.isPaused(), false);
  socket.emit("data", new Uint8Array(1));
  assertEquals(socket.isPaused(), true);
  assertEquals(await connection.read(new Uint8Array(1)), 1);
  assertEquals(socket.isPaused(), false);
  connection.close();
});

Deno.test("NodeStreams writes at most 128 KiB at a time", async () => {
  const socket = new Socket();
  const sent: number[] = [];
  socket.write = (chunk: Uint8Array, done?: unknown) => {
    sent.push(chunk.length);
    if (typeof done === "function") done();
    return true;
  };
  const connection = new NodeStreams(socket, socket, addresses);
  for (const length of [0, 1, 128 * 1024, 128 * 1024 + 1]) {
    const count = await connection.write(new Uint8Array(length));
    assertEquals(count, Math.min(length, 128 * 1024));
  }
  assertEquals(sent, [1, 128 * 1024, 128 * 1024]);
  connection.close();
});

Deno.test("NodeStreams fails writes with the first error of its socket", async () => {
  const socket = new Socket();
  const writes: ((error?: Error) => void)[] = [];
  socket.write = (_: Uint8Array, done?: unknown) => {
    writes.push((error) => typeof done === "function" && done(error));
    return true;
  };
  const connection = new NodeStreams(socket, socket, addresses);
  const pending = codeOf(connection.write(new Uint8Array(1)));
  socket.emit(
    "error",
    Object.assign(new Error("reset"), { code: "ECONNRESET" }),
  );
  writes[0]!(Object.assign(new Error("gone"), { code: "EPIPE" }));
  const later = connection.write(new Uint8Array(1));
  const reading = connection.read(new Uint8Array(1));
  const closing = connection.closeWrite();
  assertEquals(
    await Promise.all([pending, ...[later, reading, closing].map(codeOf)]),
    ["reset", "reset", "reset", "reset"],
  );
  connection.close();
  assertEquals([socket.destroyed, writes.length], [true, 1]);
});

Deno.test("NodeStreams half-closes once, and fails writes after it", async () => {
  const socket = new Socket();
  let ends = 0;
  socket.end = (done?: unknown) => {
    ends++;
    if (typeof done === "function") done();
    return socket;
  };
  const connection = new NodeStreams(socket, socket, addresses);
  await Promise.all([connection.closeWrite(), connection.closeWrite()]);
  assertEquals(ends, 1);
  socket.emit("end");
  assertEquals(await connection.read(new Uint8Array(1)), null);
  assertEquals(await codeOf(connection.write(new Uint8Array(1))), "reset");
  socket.emit("close");
  assertEquals(await connection.read(new Uint8Array(1)), null);
  connection[Symbol.dispose]();
  assertEquals(socket.destroyed, true);
});

Deno.test("NodeStreams fails its calls once its socket has closed", async () => {
  const socket = new Socket();
  const connection = new NodeStreams(socket, socket, addresses);
  const reading = codeOf(connection.read(new Uint8Array(1)));
  socket.emit("close");
  assertEquals(await reading, "reset");
  assertEquals(await codeOf(connection.write(new Uint8Array(1))), "reset");
  connection.close();
});

Deno.test("NodeStreams passes nothing to its socket after close()", async () => {
  const socket = new Socket();
  let calls = 0;
  socket.write = () => calls++ > 0;
  socket.end = () => (calls++, socket);
  const connection = new NodeStreams(socket, socket, addresses);
  const reading = connection.read(new Uint8Array(1));
  connection.close();
  const codes = [
    reading,
    connection.read(new Uint8Array(1)),
    connection.write(new Uint8Array(1)),
    connection.closeWrite(),
  ].map(codeOf);
  assertEquals(await Promise.all(codes), Array(4).fill("closed"));
  assertEquals(calls, 0);
});

Deno.test("NodeStreams passes ref() and unref() to its socket", () => {
  const socket = new Socket();
  const calls: string[] = [];
  socket.ref = () => (calls.push("ref"), socket);
  socket.unref = () => (calls.push("unref"), socket);
  const connection = new NodeStreams(socket, socket, addresses);
  connection.unref();
  connection.ref();
  assertEquals(calls, ["unref", "ref"]);
  connection.close();
});
