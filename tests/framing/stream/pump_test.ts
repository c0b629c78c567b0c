import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  cobs,
  FrameError,
  frames,
  lines,
  u32be,
} from "../../../lib/framing/mod.ts";
import { FakeTime } from "./fake_time.ts";
import { payload, ScriptedConnection, settled } from "./scripted_connection.ts";

const encoder = u32be().encoder();

function framed(...payloads: Uint8Array[]): Uint8Array {
  return concat(payloads.map((one) => encoder.encode(one)));
}

Deno.test("close() ends receive() and loops without an error, and the write side with one", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be());
  let failed = 0;
  stream.onWriteFailed = () => failed++;
  const done = stream.receive(() => {});
  stream.write(payload(3));
  const flushed = stream.flush();
  stream.close();
  stream.close();
  await done;
  await assertRejects(() => flushed, Error, "it is closed");
  assertThrows(() => stream.write(payload(1)), Error, "it is closed");
  await assertRejects(() => stream.flush(), Error, "it is closed");
  await assertRejects(() => stream.closeWrite(), Error, "it is closed");
  await assertRejects(() => stream.detach(), Error, "it is closed");
  await stream.receive(() => assert(false));
  for await (const _ of stream) assert(false);
  assertEquals(connection.closed, 1);
  assertEquals(failed, 0);
});

Deno.test("close() in onFrame stops the delivery of frames", async () => {
  const bytes = framed(payload(1), payload(2), payload(3));
  const connection = new ScriptedConnection([bytes, null]);
  const stream = frames(connection, u32be());
  const lengths: number[] = [];
  await stream.receive((frame) => {
    if (lengths.push(frame.length) === 2) stream.close();
  });
  assertEquals(lengths, [1, 2]);
  assertEquals(connection.readSizes.length, 1);
});

Deno.test("the signal closes the connection and rejects all pending calls with its reason", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const controller = new AbortController();
  const { signal } = controller;
  await using stream = frames(connection, u32be(), {
    signal,
    highWaterMark: 0,
  });
  const reason = new Error("enough");
  const waiting = [
    stream.receive(() => {}),
    stream.send(payload(3)),
    stream.flush(),
    stream.closeWrite(),
  ].map((one) => assertRejects(() => one, Error, "enough"));
  controller.abort(reason);
  await Promise.all(waiting);
  assertEquals(connection.closed, 1);
  assertThrows(() => stream.begin(1), Error, "enough");
  await assertRejects(() => stream.receive(() => {}), Error, "enough");
});

Deno.test("a signal that is already aborted closes the connection immediately", async () => {
  const connection = new ScriptedConnection([framed(payload(1)), null]);
  const signal = AbortSignal.abort(new Error("too late"));
  await using stream = frames(connection, u32be(), { signal });
  assertEquals(connection.closed, 1);
  await assertRejects(() => stream.receive(() => {}), Error, "too late");
  await assertRejects(() => stream.send(payload(1)), Error, "too late");
});

Deno.test("close() and detach() stop listening to the signal", async () => {
  let listeners = 0;
  const { signal } = new AbortController();
  signal.addEventListener = () => listeners++;
  signal.removeEventListener = () => listeners--;
  frames(new ScriptedConnection(), u32be(), { signal }).close();
  assertEquals(listeners, 0);
  await frames(new ScriptedConnection(), u32be(), { signal }).detach();
  assertEquals(listeners, 0);
});

Deno.test("disposing writes unsent bytes, then closes once", async () => {
  const connection = new ScriptedConnection();
  connection.maxWrite = 5;
  {
    await using stream = frames(connection, u32be());
    for (let i = 0; i < 10; i++) stream.write(payload(i));
    await stream[Symbol.asyncDispose]();
  }
  assertEquals(connection.sent.length, 85);
  assertEquals(connection.closed, 1);
});

Deno.test("disposing waits for the peer for at most linger", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be(), { linger: 700 });
  stream.write(payload(3));
  const disposed = stream[Symbol.asyncDispose]();
  await settled();
  time.tick(699);
  await settled();
  assertEquals(connection.closed, 0);
  time.tick(1);
  await disposed;
  assertEquals(connection.closed, 1);
  assertEquals(time.timers, 0);
});

Deno.test("disposing with linger 0 or after a failed write closes immediately", async () => {
  const blocked = new ScriptedConnection();
  blocked.blocked = true;
  const hasty = frames(blocked, u32be(), { linger: 0 });
  hasty.write(payload(3));
  await hasty[Symbol.asyncDispose]();
  assertEquals(blocked.closed, 1);

  const refusing = new ScriptedConnection();
  refusing.writeError = new Error("broken pipe");
  {
    await using stream = frames(refusing, u32be());
    stream.write(payload(3));
  }
  assertEquals(refusing.closed, 1);
});

Deno.test("detach() in onFrame returns the bytes after that frame and stops reading", async () => {
  const rest = new TextEncoder().encode("not frames any more");
  const bytes = concat([framed(payload(1), payload(2)), rest]);
  const connection = new ScriptedConnection([bytes, null]);
  const stream = frames(connection, u32be());
  const lengths: number[] = [];
  const detached = Promise.withResolvers<Uint8Array>();
  await stream.receive((frame) => {
    if (lengths.push(frame.length) < 2) return;
    stream.write(payload(9));
    stream.detach().then(({ rest }) => detached.resolve(rest));
  });
  assertEquals(await detached.promise, rest);
  assertEquals(lengths, [1, 2]);
  assertEquals(connection.sent, framed(payload(9)));
  assertEquals(connection.readSizes.length, 1);
  assertEquals(connection.closed, 0);
  stream.close();
  await stream[Symbol.asyncDispose]();
  assertEquals(connection.closed, 0); // the stream no longer owns it
  assertThrows(() => stream.write(payload(1)), Error, "detached");
});

Deno.test("detach() in a loop ends the loop and returns a copy of the rest", async () => {
  const bytes = concat([framed(payload(1)), new Uint8Array([9, 9, 9])]);
  const connection = new ScriptedConnection([bytes]);
  await using stream = frames(connection, u32be(), { copy: "never" });
  let rest = new Uint8Array();
  let count = 0;
  for await (const _ of stream) {
    count++;
    const detached = await stream.detach();
    assertEquals(detached.connection, connection);
    rest = detached.rest.slice();
    assert(!connection.readMemory.includes(detached.rest.buffer));
  }
  assertEquals(count, 1);
  assertEquals(rest, new Uint8Array([9, 9, 9]));
});

Deno.test("detach() rejects while a read is in progress and leaves the stream usable", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const lengths: number[] = [];
  const done = stream.receive((frame) => lengths.push(frame.length));
  await assertRejects(() => stream.detach(), Error, "a read is in progress");
  connection.feed(framed(payload(2)), null);
  await done;
  assertEquals(lengths, [2]);
});

Deno.test("close() closes the connection while detach() waits for the peer", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be());
  stream.write(payload(2));
  const detached = stream.detach();
  await settled();
  stream.close();
  await assertRejects(() => detached, Error, "it is closed");
  assertEquals(connection.closed, 1);
});

Deno.test("each direction ends separately: frames are received after closeWrite() and sent after the peer's end", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  await stream.closeWrite();
  connection.feed(framed(payload(4)), null);
  let count = 0;
  await stream.receive(() => count++);
  assertEquals(count, 1);

  const other = new ScriptedConnection([null]);
  await using late = frames(other, u32be());
  await late.receive(() => {});
  late.write(payload(5));
  await late.flush();
  assertEquals(other.sent, framed(payload(5)));
});

Deno.test("close() does not throw if the connection is already closed", async () => {
  class Once extends ScriptedConnection {
    override close(): void {
      if (this.closed > 0) throw new Error("Bad resource ID");
      super.close();
    }
    override [Symbol.dispose](): void {
      if (this.closed === 0) super.close();
    }
  }
  const connection = new Once();
  const stream = frames(connection, u32be());
  connection.close();
  stream.close();
  await stream[Symbol.asyncDispose]();
});

Deno.test("closeWrite() after detach() does not touch the connection", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  const stream = frames(connection, u32be());
  stream.write(payload(2));
  const detached = stream.detach();
  await assertRejects(() => stream.closeWrite(), Error, "detached");
  connection.blocked = false;
  connection.letWrite();
  await detached;
  await assertRejects(() => stream.closeWrite(), Error, "detached");
  assertEquals(connection.halfClosed, 0);

  const other = new ScriptedConnection();
  const late = frames(other, u32be());
  await late.detach();
  await assertRejects(() => late.closeWrite(), Error, "detached");
  assertEquals(other.halfClosed, 0);
});

Deno.test("disposing waits for a half-close in progress for at most linger", async () => {
  const connection = new ScriptedConnection();
  const order: string[] = [];
  const halfClosed = Promise.withResolvers<void>();
  connection.closeWrite = () => {
    order.push("half-close");
    return halfClosed.promise;
  };
  const stream = frames(connection, u32be());
  const closing = stream.closeWrite().then(() => order.push("half-closed"));
  const disposed = stream[Symbol.asyncDispose]();
  await settled();
  assertEquals([order, connection.closed], [["half-close"], 0]);
  halfClosed.resolve();
  await Promise.all([closing, disposed]);
  assertEquals([order.at(-1), connection.closed], ["half-closed", 1]);

  using time = new FakeTime();
  const stuck = new ScriptedConnection();
  stuck.closeWrite = () => new Promise(() => {});
  const hanging = frames(stuck, u32be(), { linger: 700 });
  void hanging.closeWrite();
  const waited = hanging[Symbol.asyncDispose]();
  await settled();
  time.tick(700);
  await waited;
  assertEquals(stuck.closed, 1);
});

Deno.test("a connection that throws on close does not hide a timeout or an abort", async () => {
  class Stubborn extends ScriptedConnection {
    override [Symbol.dispose](): void {
      super.close();
      throw new Error("cannot close");
    }
  }
  const controller = new AbortController();
  const aborted = frames(new Stubborn(), u32be(), {
    signal: controller.signal,
  });
  const reading = aborted.receive(() => {});
  controller.abort(new Error("enough"));
  await assertRejects(() => reading, Error, "enough");

  using time = new FakeTime();
  const connection = new Stubborn([new Uint8Array(3)]);
  const late = frames(connection, u32be(), { frameTimeout: 10 });
  let reported: unknown;
  late.onWriteFailed = (error) => reported = error;
  const done = late.receive(() => {});
  await settled();
  time.tick(10);
  const error = await assertRejects(() => done, FrameError);
  assertEquals([error.code, reported], ["timeout", error]);

  // A caller of close() receives the exception.
  const stream = frames(new Stubborn(), u32be());
  assertThrows(() => stream.close(), Error, "cannot close");
});

Deno.test("read() returns one frame and leaves the next ones to other readers", async () => {
  const bytes = framed(
    ...[1, 2, 3, 4, 5, 6, 7].map((length) => payload(length)),
  );
  const connection = new ScriptedConnection([
    bytes.slice(0, 8),
    bytes.slice(8),
  ]);
  const stream = frames(connection, u32be());
  assertEquals(await stream.read(), payload(1));
  assertEquals(await stream.read(), payload(2));
  for await (const frame of stream) {
    assertEquals(frame.length, 3);
    await assertRejects(() => stream.read(), Error, "another receive() call");
    break;
  }
  const both = await Promise.all([stream.read(), stream.read()]);
  assertEquals(both, [payload(4), payload(5)]); // in order
  const waiting = [6, 7, 8].map(() => stream.read());
  await settled();
  await assertRejects(() => stream.receive(() => {}), Error, "another");
  await assertRejects(() => stream.detach(), Error, "a read is in progress");
  connection.feed(framed(payload(8)), null);
  assertEquals(
    await Promise.all(waiting),
    [6, 7, 8].map((length) => payload(length)),
  );
  assertEquals([await stream.read(), await stream.read()], [null, null]);
  await stream.receive(() => assert(false));
});

Deno.test("read() goes before a loop that begins later in the same turn", async () => {
  const bytes = framed(payload(1), payload(2), payload(3));
  const connection = new ScriptedConnection([bytes, null]);
  const stream = frames(connection, u32be());
  const reads = [stream.read(), stream.read()];
  await assertRejects(() => stream.receive(() => {}), Error, "another");
  await assertRejects(() => Array.fromAsync(stream), Error, "another");
  assertEquals(await Promise.all(reads), [payload(1), payload(2)]);
  assertEquals(await Array.fromAsync(stream), [payload(3)]);
});

Deno.test("detach() rejects if the connection fails or closes meanwhile", async () => {
  const failing = new ScriptedConnection();
  failing.writeError = new Error("broken pipe");
  const failed = frames(failing, u32be());
  failed.write(payload(1));
  failed.detach(); // no unhandled rejection, although the peer causes it
  await settled();
  await assertRejects(() => failed.flush(), Error, "broken pipe");

  const closing = new ScriptedConnection();
  const closed = frames(closing, u32be());
  const detached = closed.detach();
  closed.close();
  await assertRejects(() => detached, Error, "it is closed");
  assertEquals(closing.closed, 1);

  const controller = new AbortController();
  const { signal } = controller;
  const aborted = frames(new ScriptedConnection(), u32be(), { signal });
  const later = aborted.detach();
  controller.abort(new Error("stop"));
  await assertRejects(() => later, Error, "stop");
});

Deno.test("next() and read() may fail unawaited if the connection fails", async () => {
  for (const count of [1, 3]) {
    for (const ofLoop of [true, false]) {
      const connection = new ScriptedConnection([framed(payload(1))]);
      const stream = frames(connection, u32be());
      const loop = stream[Symbol.asyncIterator]();
      const next = () => ofLoop ? loop.next() : stream.read();
      await next();
      const calls = Array.from({ length: count }, next);
      connection.feed(new Error("reset by the peer"));
      await settled();
      await assertRejects(() => calls[0]!, Error, "reset by the peer");
    }
  }
});

Deno.test("read() rejects with the same error each time, after the frames before it", async () => {
  const connection = new ScriptedConnection([
    framed(payload(3)),
    encoder.encode(payload(3)).slice(0, 5),
    null,
  ]);
  const stream = frames(connection, u32be());
  assertEquals(await stream.read(), payload(3));
  const error = await assertRejects(() => stream.read(), FrameError);
  assertEquals(error.code, "truncated");
  assertEquals(await assertRejects(() => stream.read()), error);
});

Deno.test("read() returns null after close() and detach()", async () => {
  const closed = frames(new ScriptedConnection(), u32be());
  const waiting = closed.read();
  await settled();
  closed.close();
  assertEquals([await waiting, await closed.read()], [null, null]);
  const bytes = framed(payload(1), payload(2));
  const stream = frames(new ScriptedConnection([bytes]), u32be());
  assertEquals(await stream.read(), payload(1));
  const { rest } = await stream.detach();
  assertEquals(rest, framed(payload(2)));
  assertEquals(await stream.read(), null);
});

Deno.test("read() copies frames unless copy is never", async () => {
  for (const copy of ["always", "never"] as const) {
    const connection = new ScriptedConnection([
      framed(payload(3), payload(3)),
      framed(Uint8Array.of(9, 9, 9)),
    ]);
    const stream = frames(connection, u32be(), { copy });
    const first = await stream.read();
    const second = await stream.read();
    assertEquals(first!.buffer === second!.buffer, copy === "never");
    await stream.read();
    assertEquals(second![0] === 9, false);
  }
});

Deno.test("write() and send() frame several parts as one payload", async () => {
  for (const framing of [u32be(), cobs()]) {
    const connection = new ScriptedConnection();
    const stream = frames(connection, framing);
    const long = "é".repeat(10_000);
    stream.write("a€", Uint8Array.of(0, 7), "", "z");
    stream.write("one");
    stream.write();
    await stream.send(long, payload(200_000));
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const wanted = [
      concat([utf8("a€"), Uint8Array.of(0, 7), utf8("z")]),
      utf8("one"),
      new Uint8Array(0),
      concat([utf8(long), payload(200_000)]),
    ];
    await stream.flush();
    assertEquals(
      connection.sent,
      concat(wanted.map((one) => framing.encoder().encode(one))),
    );
    assertEquals(stream.bytesFramed, connection.sent.length);
  }
});

Deno.test("write() and send() drop a frame of parts that cannot be framed", async () => {
  const connection = new ScriptedConnection();
  const stream = frames(connection, lines({ maxFrameLength: 5 }));
  assertThrows(() => stream.write("abc", "def"), FrameError, "6");
  await assertRejects(() => stream.send("a", "\n"), FrameError, "delimiter");
  // @ts-expect-error -- neither text nor bytes
  assertThrows(() => stream.write("a", 1n), TypeError, "value is 1");
  stream.write("ok");
  await stream.flush();
  assertEquals(new TextDecoder().decode(connection.sent), "ok\n");
  // A single part as well: an array of 16-bit numbers would lose half of each.
  for (const wrong of [new Uint16Array([258]), [1], new ArrayBuffer(1), null]) {
    const part = wrong as never;
    assertThrows(() => stream.write(part), TypeError, "each part must be text");
    await assertRejects(() => stream.send(part), TypeError, "each part");
  }
  assertEquals(stream.unsent, 0);
  stream.begin(3);
  assertThrows(() => stream.write("a", "b"), Error, "another frame is open");
  stream.abandon();
  await stream.closeWrite();
  assertThrows(() => stream.write("a", "b"), Error, "closeWrite()");
  await assertRejects(() => stream.send("a", "b"), Error, "closeWrite()");
});
