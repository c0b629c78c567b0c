import {
  connect,
  listen,
  readExactly,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";

const bytes = (length: number, value: number) =>
  new Uint8Array(length).fill(value);

Deno.test("writeAll() does not mix the bytes of concurrent writers on TCP", async () => {
  await using listener = await listen({ port: 0 });
  using client = await connect(listener.addr);
  using server = await listener.accept();
  const size = 4 << 20; // more than a socket accepts in one write
  const writing = Promise.all(
    [1, 2, 3].map((value) => writeAll(client, bytes(size, value))),
  );
  const received = new Uint8Array(3 * size);
  await readExactly(server, received);
  await writing;
  for (const value of [1, 2, 3]) {
    const part = received.subarray((value - 1) * size, value * size);
    assert(part.every((byte) => byte === value), `writer ${value} is whole`);
  }
});

Deno.test("writeAll() fails the calls that are queued after a failure", async () => {
  const [client] = memoryPair({
    toServer: { fault: { kind: "reset", after: 2 }, writeSize: 1 },
  });
  const results = await Promise.allSettled([
    writeAll(client, bytes(2, 1)),
    writeAll(client, bytes(2, 2)),
    writeAll(client, bytes(2, 3)),
  ]);
  assertEquals(results.map((result) => result.status), [
    "fulfilled",
    "rejected",
    "rejected",
  ]);
});

Deno.test("writeAll() and readExactly() may fail unawaited if the peer resets", async () => {
  const fault = { kind: "reset", after: 2 } as const;
  const [client] = memoryPair({ toServer: { fault }, toClient: { fault } });
  const transfers = [
    writeAll(client, bytes(3, 1)),
    writeAll(client, bytes(3, 2)),
    readExactly(client, bytes(3, 0)),
  ];
  await new Promise((resolve) => setTimeout(resolve)); // nothing awaits them
  client.close();
  const results = await Promise.allSettled(transfers);
  assertEquals(results.map(({ status }) => status), Array(3).fill("rejected"));
});

Deno.test("writeAll() and readExactly() continue after each single byte", async () => {
  const [client, server] = memoryPair({ readSize: 1, writeSize: 1 });
  const sent = Uint8Array.of(1, 2, 3, 4, 5);
  const received = new Uint8Array(5);
  await Promise.all([writeAll(client, sent), readExactly(server, received)]);
  assertEquals(received, sent);
  client.close();
});

Deno.test("writeAll() writes nothing for an empty buffer", async () => {
  const [client] = memoryPair();
  client.close();
  await writeAll(client, new Uint8Array(0));
});

Deno.test("readExactly() serves concurrent readers in order", async () => {
  const [client, server] = memoryPair({ readSize: 1 });
  const first = new Uint8Array(3);
  const second = new Uint8Array(2);
  const reading = Promise.all([
    readExactly(server, first),
    readExactly(server, second),
  ]);
  await writeAll(client, new Uint8Array([1, 2, 3, 4, 5]));
  assertEquals(await reading, [true, true]);
  assertEquals([[...first], [...second]], [[1, 2, 3], [4, 5]]);
});

Deno.test("readExactly() distinguishes an end before the first byte from a truncated read", async () => {
  const [client, server] = memoryPair();
  await writeAll(client, bytes(5, 1));
  await client.closeWrite();
  assertEquals(await readExactly(server, new Uint8Array(3)), true);
  const error = await assertRejects(
    () => readExactly(server, new Uint8Array(3)),
    TransportError,
    "Cannot read 3 bytes from memory:pair: the stream ended after 2",
  );
  assertEquals(error.code, "truncated");
  assertEquals(await readExactly(server, new Uint8Array(3)), false);
});

for (const transfer of ["read", "write"] as const) {
  Deno.test(`a signal ends a pending ${transfer} and closes the connection`, async () => {
    await using listener = await listen({ port: 0 });
    using client = await connect(listener.addr);
    using server = await listener.accept();
    const abort = new AbortController();
    const { signal } = abort;
    const reason = new Error("enough");
    const pending = transfer === "read"
      ? readExactly(client, new Uint8Array(8), { signal })
      : writeAll(client, new Uint8Array(64 << 20), { signal });
    setTimeout(() => abort.abort(reason), 10);
    assertStrictEquals(await assertRejects(() => pending), reason);
    assert(client.closed);
    assertEquals(server.closed, false);
  });

  Deno.test(`a signal aborted before a ${transfer} leaves the connection open`, async () => {
    const [client] = memoryPair();
    const signal = AbortSignal.abort(new Error("before"));
    const call = transfer === "read"
      ? () => readExactly(client, new Uint8Array(8), { signal })
      : () => writeAll(client, new Uint8Array(8), { signal });
    await assertRejects(call, Error, "before");
    assertEquals([client.closed, client.bytesWritten], [false, 0]);
  });
}

Deno.test("a signal aborted after the transfer changes nothing", async () => {
  const [client] = memoryPair();
  const abort = new AbortController();
  await writeAll(client, new Uint8Array(8), { signal: abort.signal });
  abort.abort();
  assertEquals(client.closed, false);
});

Deno.test("a signal ends two transfers on a Deno.Conn, and nothing else", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [peer, conn] = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port }),
  ]);
  using _peer = peer;
  const abort = new AbortController();
  const { signal } = abort;
  const transfers = [
    readExactly(conn, new Uint8Array(8), { signal }),
    writeAll(conn, new Uint8Array(64 << 20), { signal }),
  ];
  const outcomes = transfers.map((transfer) =>
    assertRejects(() => transfer, Error, "enough")
  );
  // A `Deno.Conn` throws when it is closed twice; in an event listener, that
  // would end the process.
  abort.abort(new Error("enough"));
  await Promise.all(outcomes);
});

Deno.test("readExactly() and writeAll() reject invalid counts", async () => {
  for (const count of [0, -1, 1.5, 6, NaN, undefined]) {
    const [connection, peer] = memoryPair();
    const wrong = Object.assign(Object.create(connection), {
      read: () => Promise.resolve(count),
      write: () => Promise.resolve(count),
      [Symbol.dispose]: () => connection.close(),
    });
    const message = `returned a count of ${count}; expected 1 to 5`;
    await assertRejects(() => readExactly(wrong, bytes(5, 0)), Error, message);
    await assertRejects(() => writeAll(wrong, bytes(5, 0)), Error, message);
    connection.close();
    peer.close();
  }
});

Deno.test("an aborted transfer survives a connection that cannot be closed", async () => {
  const [client, server] = memoryPair();
  const fail = () => {
    throw new Error("cannot close");
  };
  const faulty = {
    localAddr: client.localAddr,
    remoteAddr: client.remoteAddr,
    read: (buffer: Uint8Array) => client.read(buffer),
    write: (data: Uint8Array) => client.write(data),
    closeWrite: () => client.closeWrite(),
    close: fail,
    [Symbol.dispose]: fail,
  };
  const abort = new AbortController();
  const { signal } = abort;
  const reading = assertRejects(
    () => readExactly(faulty, new Uint8Array(8), { signal }),
    Error,
    "enough",
  );
  abort.abort(new Error("enough")); // an exception here would be uncaught
  client.close();
  await reading;
  server.close();
});
