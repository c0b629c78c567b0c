/**
 * Tests of the pump on Deno's own sockets.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  FrameError,
  frames,
  type FramesOptions,
  type FrameStream,
  u32be,
} from "../../../lib/framing/mod.ts";
import { payload, ScriptedConnection } from "./scripted_connection.ts";

const FOUR_MIB = 4 * 1024 * 1024;

/** Returns both ends of a TCP connection over the loopback interface. */
async function pair(): Promise<[client: Deno.TcpConn, server: Deno.TcpConn]> {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  const both = await Promise.all([
    Deno.connect({ port, hostname: "127.0.0.1" }),
    listener.accept(),
  ]);
  for (const one of both) one.setNoDelay(true);
  return both;
}

async function streams(
  options: FramesOptions = {},
): Promise<[client: FrameStream, server: FrameStream]> {
  const [client, server] = await pair();
  return [frames(client, u32be(), options), frames(server, u32be(), options)];
}

/** Echoes every frame until the peer ends its stream, then half-closes. */
async function echo(stream: FrameStream): Promise<void> {
  await stream.receive((frame) => stream.write(frame));
  await stream.closeWrite();
}

Deno.test("frames() carries frames of all sizes in both directions and half-closes", async () => {
  const [client, server] = await streams();
  await using _both = new AsyncDisposableStack();
  _both.use(client);
  _both.use(server);
  const echoed = echo(server);
  const sizes = [0, 1, 3, 100, 2044, 65_536, 1_000_000, FOUR_MIB, 7];
  for (let i = 0; i < 5000; i++) sizes.push(i % 700);
  const sent = (async () => {
    for (const size of sizes) await client.send(payload(size));
    await client.closeWrite();
  })();
  let count = 0;
  for await (const frame of client) {
    assertEquals(frame.length, sizes[count]);
    if (count++ % 97 === 0 || frame.length > 60_000) {
      assertEquals(frame.at(-1), payload(frame.length).at(-1));
    }
  }
  await Promise.all([echoed, sent]);
  assertEquals(count, sizes.length);
  assertEquals(client.unsent, 0);
  assertEquals(server.bytesRead, client.bytesWritten);
  assertEquals(client.bytesRead, server.bytesWritten);
});

Deno.test("send() waits for a peer that does not read and continues when it reads", async () => {
  const [client, server] = await streams({ highWaterMark: 100_000 });
  await using _client = client;
  await using _server = server;
  let sent = 0;
  const total = 40;
  const sending = (async () => {
    while (sent < total) {
      await client.send(payload(500_000));
      sent++;
    }
    await client.closeWrite();
  })();
  // No socket buffer can hold 20 MB, so the sender must stop by itself.
  const stuck = Promise.withResolvers<void>();
  client.onWritten = () => {
    if (sent > 0 && client.unsent > 100_000) stuck.resolve();
  };
  await stuck.promise;
  assert(client.unsent <= 100_000 + 500_004);
  let count = 0;
  await server.receive(() => count++);
  await sending;
  assertEquals([sent, count], [total, total]);
});

Deno.test("receive() reports a stream that the peer ended inside a frame", async () => {
  const [client, server] = await pair();
  await using stream = frames(server, u32be());
  await client.write(new Uint8Array([0, 0, 0, 1, 65, 0, 0, 0]));
  client.close();
  let count = 0;
  const error = await assertRejects(
    () => stream.receive(() => count++),
    FrameError,
  );
  assertEquals([error.code, count], ["truncated", 1]);
});

Deno.test("close() ends a pending receive() on a socket", async () => {
  const [client, server] = await streams();
  await using _server = server;
  const ended = client.receive(() => {});
  const peerEnded = server.receive(() => {});
  client.close();
  await ended;
  await peerEnded; // the peer reads the end of the stream
});

Deno.test("the signal rejects a pending receive() and send() on a socket", async () => {
  const controller = new AbortController();
  const [client, server] = await streams();
  await using _client = client;
  const stream = frames(server.connection, u32be(), {
    signal: controller.signal,
    highWaterMark: 0,
  });
  const waiting = [
    stream.receive(() => {}),
    stream.send(payload(FOUR_MIB)).then(() => stream.send(payload(FOUR_MIB))),
  ].map((one) => assertRejects(() => one, Error, "shutting down"));
  controller.abort(new Error("shutting down"));
  await Promise.all(waiting);
});

Deno.test("a peer that has closed causes an error of the write side", async () => {
  const [client, server] = await pair();
  await using stream = frames(client, u32be());
  server.close();
  const failed = Promise.withResolvers<unknown>();
  stream.onWriteFailed = failed.resolve;
  const pushing = assertRejects(async () => {
    while (true) await stream.send(payload(100_000));
  });
  assert(await failed.promise instanceof Error);
  await pushing;
});

Deno.test("detach() hands over a socket in mid-stream without losing a byte", async () => {
  const [client, server] = await pair();
  const before = frames(client, u32be());
  const after = frames(server, u32be());
  before.write(new TextEncoder().encode("STARTTLS"));
  // The peer switches protocols immediately after its frame.
  const { connection } = await before.detach();
  await connection.write(new TextEncoder().encode("hello"));
  await connection.closeWrite();

  let text = "";
  for await (const frame of after) {
    assertEquals(new TextDecoder().decode(frame), "STARTTLS");
    const detached = await after.detach();
    text = new TextDecoder().decode(detached.rest);
    const buffer = new Uint8Array(100);
    for (let n; (n = await detached.connection.read(buffer)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
  }
  assertEquals(text, "hello");
  client.close();
  server.close();
});

Deno.test("many concurrent calls need few reads and writes", async () => {
  const [client, server] = await streams();
  await using _client = client;
  await using _server = server;
  const echoed = echo(server);
  let writes = 0;
  client.onWritten = () => writes++;
  let answered = 0;
  const total = 6400;
  for (let i = 0; i < 64; i++) client.write(payload(170));
  await client.receive(() => {
    answered++;
    if (answered + 64 <= total) client.write(payload(170));
    else if (answered === total) void client.closeWrite();
  });
  await echoed;
  assertEquals(answered, total);
  // 64 frames of 174 bytes are 11 KiB: about two writes per round.
  assert(writes < total / 4, `${writes} writes for ${total} frames`);
});

Deno.test("frames() carries frames over a Unix socket", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using listener = Deno.listen({ transport: "unix", path: `${folder}/s` });
    const [client, server] = await Promise.all([
      Deno.connect({ transport: "unix", path: `${folder}/s` }),
      listener.accept(),
    ]);
    await using left = frames(client, u32be());
    await using right = frames(server, u32be());
    left.write(payload(100_000));
    await left.closeWrite();
    assertEquals(await Array.fromAsync(right), [payload(100_000)]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("frames() takes any object with read, write, closeWrite and dispose", async () => {
  const calls: string[] = [];
  const incoming = u32be().encoder().encode(payload(3));
  const connection = {
    name: "my pipe",
    read(buffer: Uint8Array) {
      calls.push("read");
      if (calls.length > 1) return Promise.resolve(null);
      buffer.set(incoming);
      return Promise.resolve(incoming.length);
    },
    write: (data: Uint8Array) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    [Symbol.dispose]: () => void calls.push("dispose"),
  };
  {
    await using stream = frames(connection, u32be());
    assertEquals(stream.connection.name, "my pipe"); // its own type
    for await (const frame of stream) assertEquals(frame, payload(3));
    await stream.send(payload(5));
  }
  assertEquals(calls, ["read", "read", "dispose"]);

  const other = frames(connection, u32be());
  assertEquals((await other.detach()).connection.name, "my pipe");
});

for (
  const missing of ["read", "write", "closeWrite", Symbol.dispose] as const
) {
  Deno.test(`frames() rejects a connection without ${String(missing)}`, () => {
    const { read, write, closeWrite, [Symbol.dispose]: dispose } =
      new ScriptedConnection();
    const connection = { read, write, closeWrite, [Symbol.dispose]: dispose };
    const incomplete = { ...connection, [missing]: undefined };
    assertThrows(
      () => frames(incomplete as typeof connection, u32be()),
      TypeError,
      `has no method '${String(missing)}'`,
    );
  });
}

Deno.test("frameTimeout lets bytes arrive that waited while the process was busy", async () => {
  const [client, server] = await pair();
  const options = { frameTimeout: 500, minByteRate: 0 };
  await using stream = frames(server, u32be(), options);
  const wire = u32be().encoder().encode(payload(3));
  await client.write(wire.subarray(0, 5));
  const done = stream.receive((frame) => {
    assertEquals(frame, payload(3));
    client.close();
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const piece of [wire.subarray(5, 6), wire.subarray(6)]) {
    const written = client.write(piece);
    for (const end = performance.now() + 700; performance.now() < end;);
    await written;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await done;
});

for (const close of ["dispose", "close"] as const) {
  Deno.test(`${close} of a stream over a Deno.Conn destroys nothing that was written`, async () => {
    const [client, server] = await pair();
    const stream = frames(server, u32be());
    await client.write(new Uint8Array(1000)); // never read
    await new Promise((resolve) => setTimeout(resolve, 5));
    await stream.send(payload(1_000_000));
    if (close === "close") {
      await stream.flush();
      stream.close();
    }
    const disposing = stream[Symbol.asyncDispose]();
    await client.write(new Uint8Array(1000)); // more input for a closed stream
    await using other = frames(client, u32be());
    const lengths: number[] = [];
    await other.receive((frame) => lengths.push(frame.length));
    assertEquals(lengths, [1_000_000]);
    await other[Symbol.asyncDispose]();
    await disposing;
  });
}

Deno.test("a frame times out after the process was busy if no bytes waited", async () => {
  const [client, server] = await pair();
  using _ = client;
  await using stream = frames(server, u32be(), { frameTimeout: 20 });
  await client.write(new Uint8Array(3));
  const done = stream.receive(() => {});
  const failed = assertRejects(() => done, FrameError, "within 20 ms");
  await new Promise((resolve) => setTimeout(resolve, 1));
  for (const end = performance.now() + 100; performance.now() < end;);
  await failed;
});
