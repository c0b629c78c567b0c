/**
 * Tests of closing a stream whose connection does not linger itself.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FrameError, frames, u32be } from "../../../lib/framing/mod.ts";
import { FakeTime } from "./fake_time.ts";
import {
  payload,
  PlainConnection,
  ScriptedConnection,
  settled,
} from "./scripted_connection.ts";

/** Returns a stream that has written a frame, and its connection. */
async function written(): Promise<
  [ReturnType<typeof frames>, PlainConnection]
> {
  const connection = new PlainConnection();
  const stream = frames(connection, u32be());
  await stream.send(payload(3));
  await stream.flush();
  return [stream, connection];
}

Deno.test("close() half-closes and discards input until the peer ends its stream", async () => {
  const [stream, connection] = await written();
  stream.close();
  await settled();
  assertEquals([connection.halfClosed, connection.closed], [1, 0]);
  for (let i = 0; i < 10; i++) {
    connection.feed(new Uint8Array(10_000));
    await settled();
  }
  assertEquals(connection.closed, 0);
  connection.feed(null);
  await settled();
  assertEquals([connection.closed, connection.destroyed], [1, 0]);
});

Deno.test("close() lingers for at most 1 s", async () => {
  using time = new FakeTime();
  const [stream, connection] = await written();
  stream.close();
  await settled();
  time.tick(999);
  await settled();
  assertEquals(connection.closed, 0);
  time.tick(1);
  await settled();
  assertEquals(connection.closed, 1);
  assertEquals(time.timers, 0);
});

Deno.test("close() discards at most 256 KiB, including the read in progress", async () => {
  for (const reading of [false, true]) {
    const [stream, connection] = await written();
    const done = reading ? stream.receive(() => {}) : undefined;
    stream.close();
    for (let i = 0; i < 255; i++) connection.feed(new Uint8Array(1024));
    connection.feed(new Uint8Array(1023));
    await settled();
    assertEquals(connection.closed, 0);
    connection.feed(new Uint8Array(1));
    await settled();
    assertEquals(connection.closed, 1);
    await done;
  }
});

Deno.test("close() ends a reader when the connection is closed, and drops its bytes", async () => {
  const [stream, connection] = await written();
  let frameCount = 0;
  const done = stream.receive(() => frameCount++);
  stream.close();
  connection.feed(u32be().encoder().encode(payload(5)));
  await done;
  assertEquals([frameCount, connection.closed], [0, 0]);
  connection.feed(null);
  await settled();
  assertEquals(connection.closed, 1);
});

for (
  const [how, close] of [
    ["a second close()", (stream) => stream.close()],
    ["abort()", (stream) => stream.abort()],
  ] as [string, (stream: ReturnType<typeof frames>) => void][]
) {
  Deno.test(`${how} ends lingering at once`, async () => {
    using time = new FakeTime();
    const [stream, connection] = await written();
    stream.close();
    await settled();
    assertEquals(connection.closed, 0);
    close(stream);
    assertEquals(connection.closed, 1);
    await settled();
    assertEquals([connection.destroyed, time.timers], [0, 0]);
    close(stream);
    await stream[Symbol.asyncDispose]();
    assertEquals(connection.destroyed, 0);
  });
}

Deno.test("abort() closes at once", async () => {
  using time = new FakeTime();
  const [stream, connection] = await written();
  const done = stream.receive(() => {});
  stream.abort();
  assertEquals([connection.closed, connection.halfClosed], [1, 0]);
  await done;
  await assertRejects(() => stream.send(payload(1)), Error, "it is closed");
  assertEquals(time.timers, 0);
});

Deno.test("abort() ends the lingering of a connection that lingers itself", async () => {
  const connection = new ScriptedConnection();
  const stream = frames(connection, u32be());
  await stream.send(payload(1));
  stream.close();
  assertEquals([connection.closed, connection.destroyed], [1, 0]);
  stream.abort();
  assert(connection.destroyed > 0);
});

Deno.test("disposing waits until the connection no longer lingers", async () => {
  const [stream, connection] = await written();
  let disposed = false;
  const disposing = stream[Symbol.asyncDispose]().then(() => disposed = true);
  await settled();
  assertEquals([disposed, connection.halfClosed], [false, 1]);
  connection.feed(new Uint8Array(10), null);
  await disposing;
  assertEquals([connection.closed, connection.destroyed], [1, 0]);
});

Deno.test("disposing waits for a connection that lingers itself", async () => {
  const lingering = Promise.withResolvers<void>();
  class Lingering extends ScriptedConnection {
    override [Symbol.asyncDispose](): Promise<void> {
      return lingering.promise;
    }
  }
  const connection = new Lingering();
  const stream = frames(connection, u32be());
  let disposed = false;
  const disposing = stream[Symbol.asyncDispose]().then(() => disposed = true);
  await settled();
  assertEquals([disposed, connection.closed], [false, 1]);
  lingering.resolve();
  await disposing;
  assertEquals(connection.destroyed, 0);
});

Deno.test("disposing lingers for at most the rest of linger", async () => {
  using time = new FakeTime();
  const connection = new PlainConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be(), { linger: 700 });
  stream.write(payload(3));
  const disposing = stream[Symbol.asyncDispose]();
  await settled();
  time.tick(500);
  connection.letWrite();
  await settled();
  assertEquals([connection.halfClosed, connection.closed], [1, 0]);
  time.tick(200);
  await disposing;
  assertEquals(connection.closed, 1);
});

Deno.test("close() does not linger if nothing was written or the peer has ended its stream", async () => {
  const silent = new PlainConnection();
  frames(silent, u32be()).close();
  assertEquals([silent.closed, silent.halfClosed], [1, 0]);

  const [stream, connection] = await written();
  connection.feed(null);
  await stream.receive(() => {});
  stream.close();
  assertEquals([connection.closed, connection.halfClosed], [1, 0]);
});

Deno.test("disposing lingers after bytes that cannot be decoded", async () => {
  const connection = new PlainConnection([new Uint8Array(9).fill(255)]);
  const stream = frames(connection, u32be());
  await assertRejects(() => stream.receive(() => {}), FrameError);
  await stream.send(payload(1)); // notifies the peer
  const disposing = stream[Symbol.asyncDispose]();
  await settled();
  assertEquals([connection.halfClosed, connection.closed], [1, 0]);
  connection.feed(null);
  await disposing;
  assertEquals(connection.closed, 1);
});

Deno.test("close() does not linger after a failed read", async () => {
  const [stream, connection] = await written();
  connection.feed(new Error("connection reset"));
  await assertRejects(() => stream.receive(() => {}), Error, "reset");
  stream.close();
  assertEquals([connection.closed, connection.halfClosed], [1, 0]);
});

Deno.test("close() does not linger after a failed write or on an aborted signal", async () => {
  const failing = new PlainConnection();
  const broken = frames(failing, u32be());
  await broken.send(payload(1));
  failing.writeError = new Error("broken pipe");
  broken.write(payload(1));
  await settled();
  broken.close();
  assertEquals(failing.closed, 1);

  const connection = new PlainConnection();
  const controller = new AbortController();
  const { signal } = controller;
  await using stream = frames(connection, u32be(), { signal });
  await stream.send(payload(1));
  controller.abort();
  assertEquals(connection.closed, 1);
});

Deno.test("close() after closeWrite() does not half-close again", async () => {
  const [stream, connection] = await written();
  await stream.closeWrite();
  stream.close();
  await settled();
  assertEquals([connection.halfClosed, connection.closed], [1, 0]);
  connection.feed(null);
  await settled();
  assertEquals(connection.closed, 1);
});

Deno.test("close() half-closes although closeWrite() still waits for unsent bytes", async () => {
  const connection = new PlainConnection();
  const stream = frames(connection, u32be());
  connection.blocked = true;
  stream.write(payload(3));
  const halfClosed = stream.closeWrite();
  await settled();
  stream.close();
  await assertRejects(() => halfClosed, Error, "it is closed");
  await settled();
  assertEquals([connection.halfClosed, connection.closed], [1, 0]);
  connection.feed(null);
  await settled();
  assertEquals(connection.closed, 1);
});

Deno.test("close() does not report errors of a connection that it discards", async () => {
  class Broken extends PlainConnection {
    override closeWrite(): Promise<void> {
      return Promise.reject(new Error("not connected"));
    }
    override [Symbol.dispose](): void {
      super.close();
      throw new Error("cannot close");
    }
  }
  const connection = new Broken();
  const stream = frames(connection, u32be());
  await stream.send(payload(1));
  stream.close();
  await settled();
  assertEquals(connection.closed, 1);
});
