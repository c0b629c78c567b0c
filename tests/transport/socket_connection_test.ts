import {
  connect,
  type Connection,
  listen,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { SocketConnectionImpl } from "../../lib/transport/socket_connection_impl.ts";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";

Deno.test("SocketConnection counts the bytes of both directions", async () => {
  const [client, server] = memoryPair({ writeSize: 3 });
  assertEquals(await client.write(new Uint8Array(5)), 3);
  assertEquals(await client.write(new Uint8Array(2)), 2);
  assertEquals(await server.read(new Uint8Array(4)), 4);
  assertEquals([client.bytesWritten, client.bytesRead], [5, 0]);
  assertEquals([server.bytesWritten, server.bytesRead], [0, 4]);
  await client.closeWrite();
  assertEquals(await server.read(new Uint8Array(4)), 1);
  assertEquals(await server.read(new Uint8Array(4)), null);
  assertEquals(server.bytesRead, 5);
});

Deno.test("SocketConnection closes its socket once and calls onClose once", () => {
  let closes = 0;
  let calls = 0;
  const socket = fake({ close: () => void closes++ });
  const connection = new SocketConnectionImpl(socket, {
    onClose: () => calls++,
  });
  assertEquals(connection.closed, false);
  connection.close();
  connection.close();
  connection[Symbol.dispose]();
  assertEquals([closes, calls, connection.closed], [1, 1, true]);
});

Deno.test("SocketConnection closes a Deno.Conn that is already closed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [raw, peer] = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port }),
  ]);
  const connection = new SocketConnectionImpl(raw);
  raw.close();
  connection.close();
  peer.close();
});

Deno.test("SocketConnection throws TransportError with address and cause", async () => {
  const cause = new Deno.errors.ConnectionReset("gone");
  const connection = new SocketConnectionImpl(fake({
    read: () => Promise.reject(cause),
    write: () => Promise.reject(cause),
    closeWrite: () => Promise.reject(cause),
  }));
  const calls = [
    () => connection.read(new Uint8Array(1)),
    () => connection.write(new Uint8Array(1)),
    () => connection.closeWrite(),
  ];
  for (const call of calls) {
    const error = await assertRejects(call, TransportError);
    assertEquals([error.code, error.address], ["reset", "tcp://10.0.0.1:9"]);
    assertStrictEquals(error.cause, cause);
  }
  connection.close();
  for (const call of calls) {
    const error = await assertRejects(call, TransportError);
    assertEquals([error.code, error.cause], ["closed", undefined]);
  }
});

Deno.test("SocketConnection has the addresses of its socket", async () => {
  await using listener = await listen({ port: 0 });
  using client = await connect(listener.addr);
  using server = await listener.accept();
  assertEquals(client.remoteAddr.port, listener.addr.port);
  assertEquals(server.remoteAddr.port, client.localAddr.port);
  assertEquals(server.localAddr.hostname, "127.0.0.1");
});

Deno.test("calls of SocketConnection may fail unawaited", async () => {
  const cause = new Deno.errors.ConnectionReset("gone");
  const fails = async () => {
    await Promise.resolve();
    throw cause;
  };
  const calls = (connection: Connection) => [
    connection.read(new Uint8Array(1)),
    connection.write(new Uint8Array(1)),
    connection.closeWrite(),
  ];
  const failing = new SocketConnectionImpl(
    fake({ read: fails, write: fails, closeWrite: fails }),
  );
  const closing = new SocketConnectionImpl(fake({}));
  const all = [...calls(failing), ...calls(closing)];
  closing.close();
  all.push(...calls(closing));
  await new Promise((resolve) => setTimeout(resolve)); // nothing awaits them
  const results = await Promise.allSettled(all);
  assertEquals(
    results.map((result) =>
      result.status === "rejected" ? result.reason.code : result.status
    ),
    [
      ...["reset", "reset", "reset"],
      ...["closed", "closed", "fulfilled"], // half-closed before it was closed
      ...["closed", "closed", "closed"],
    ],
  );
});

function fake(parts: Partial<Connection>): Connection {
  const addr = { transport: "tcp", hostname: "10.0.0.1", port: 9 };
  return {
    localAddr: addr,
    remoteAddr: addr,
    read: () => Promise.resolve(null),
    write: (data) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
    [Symbol.dispose]: () => {},
    ...parts,
  };
}
