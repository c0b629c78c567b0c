import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  type FrameEncoder,
  FrameError,
  frames,
  type Framing,
  lengthPrefixed,
  netstring,
  u24le,
  u32be,
  u64be,
  varint,
} from "../../../lib/framing/mod.ts";
import { payload, ScriptedConnection, settled } from "./scripted_connection.ts";

const encoder = u32be().encoder();

function framed(...payloads: Uint8Array[]): Uint8Array {
  return concat(payloads.map((one) => encoder.encode(one)));
}

/** A framing that cannot frame in place: payload, then its length in one byte. */
const trailing: Framing = {
  maxFrameLength: 255,
  decoder: () => u32be().decoder(),
  encoder: (): FrameEncoder => ({
    encode: (bytes) => new Uint8Array([...bytes, bytes.length]),
    maxEncodedLength: (length) => length + 1,
    maxFrameLength: 255,
    encodeInto(bytes, target, offset) {
      if (bytes.length > 255) {
        throw new FrameError("Cannot encode", { code: "too-large" });
      }
      target.set(bytes, offset);
      target[offset + bytes.length] = bytes.length;
      return offset + bytes.length + 1;
    },
  }),
};

Deno.test("write() sends all frames of a turn in one write", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const payloads = Array.from({ length: 100 }, (_, i) => payload(i % 10));
  for (const one of payloads) stream.write(one);
  assertEquals(connection.offered.length, 0);
  await stream.flush();
  assertEquals(connection.offered.length, 1);
  assertEquals(connection.sent, framed(...payloads));
});

Deno.test("write() writes at the end of the turn without flush()", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  stream.write(payload(3));
  assertEquals(stream.unsent, 7);
  await settled();
  assertEquals(connection.sent, framed(payload(3)));
  assertEquals(stream.unsent, 0);
  assertEquals(stream.bytesWritten, 7);
});

Deno.test("frames of one async generator share writes", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  async function* items() {
    for (let index = 0; index < 40; index++) yield payload(10);
  }
  for await (const item of items()) stream.write(item);
  await settled();
  // The first one follows nothing, so it does not wait for a second one.
  assertEquals(connection.offered.slice(0, 2), [14, 39 * 14]);
});

Deno.test("a frame waits for others unless it follows a read", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  /** Returns whether a frame is written within two microtasks. */
  async function isWrittenAtOnce(): Promise<boolean> {
    const { length } = connection.offered;
    stream.write(payload(1));
    await null;
    await null;
    return connection.offered.length > length;
  }
  assertEquals(await isWrittenAtOnce(), true);
  await settled();
  assertEquals(await isWrittenAtOnce(), false);
  await settled();
  const answered = Promise.withResolvers<boolean>();
  const ended = stream.receive(() => answered.resolve(isWrittenAtOnce()));
  connection.feed(framed(payload(1)));
  assertEquals(await answered.promise, true);
  connection.feed(null);
  await ended;
});

Deno.test("write() starts early at 2 KiB and collects frames while a write is in progress", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be());
  for (let i = 0; i < 15; i++) stream.write(payload(124));
  assertEquals(connection.offered, []);
  stream.write(payload(124));
  assertEquals(connection.offered, [2048]);
  for (let i = 0; i < 1000; i++) stream.write(payload(124));
  await settled();
  assertEquals(connection.offered, [2048]);
  connection.blocked = false;
  connection.letWrite();
  await stream.flush();
  assertEquals(connection.offered, [2048, 128_000]);
  assertEquals(connection.writers, 1);
  assertEquals(
    connection.sent,
    framed(...Array.from({ length: 1016 }, () => payload(124))),
  );
});

Deno.test("write() continues partial writes with one writer", async () => {
  const connection = new ScriptedConnection();
  connection.maxWrite = 7;
  await using stream = frames(connection, u32be());
  const payloads = Array.from({ length: 50 }, (_, i) => payload(i));
  for (const one of payloads) stream.write(one);
  let taken = 0;
  stream.onWritten = () => taken++;
  await stream.flush();
  assertEquals(connection.sent, framed(...payloads));
  assertEquals(connection.writers, 1);
  assertEquals(taken, connection.written.length);
  assertEquals(stream.unsent, 0);
});

for (const size of [0, 1, 2044, 4092, 65_532, 65_536, 128 * 1024]) {
  Deno.test(`write() passes a frame of ${size} bytes in one write`, async () => {
    const connection = new ScriptedConnection();
    await using stream = frames(connection, u32be());
    stream.write(payload(size));
    await stream.flush();
    assertEquals(connection.offered, [size + 4]);
    await stream.send(payload(size));
    await stream.flush();
    assertEquals(connection.offered, [size + 4, size + 4]);
    assertEquals(connection.sent, framed(payload(size), payload(size)));
  });
}

Deno.test("write() alternates two buffers while frames keep their size", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be());
  for (let i = 0; i < 200; i++) {
    for (let k = 0; k < 8; k++) stream.write(payload(1000));
    connection.letWrite();
    await settled();
  }
  const memory = connection.writeMemory.slice(20);
  assert(memory.length >= 150);
  assertEquals(new Set(memory).size, 2);
  connection.blocked = false;
  connection.letWrite();
});

Deno.test("write() reuses the buffers of connections that have nothing to write", async () => {
  const memory = new Set<ArrayBufferLike>();
  for (let i = 0; i < 100; i++) {
    const connection = new ScriptedConnection();
    await using stream = frames(connection, u32be());
    stream.write(payload(100));
    await stream.flush();
    for (const one of connection.writeMemory) memory.add(one);
  }
  assertEquals(memory.size, 1);
});

Deno.test("write() throws for a payload over the limit and writes nothing", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be({ maxFrameLength: 10 }));
  stream.write(payload(10));
  const error = assertThrows(() => stream.write(payload(11)), FrameError);
  assertEquals(error.code, "too-large");
  await assertRejects(() => stream.send(payload(11)), FrameError);
  stream.write(payload(9));
  await stream.flush();
  assertEquals(connection.sent, framed(payload(10), payload(9)));
});

Deno.test("begin() and commit() frame in place, mixed with write()", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  stream.write(payload(5));
  const room = stream.begin(100);
  assert(room.limit - room.start >= 100);
  room.buffer.set(payload(60), room.start);
  stream.commit(room.start + 60);
  assertEquals(stream.begin(0), room); // always the same object
  stream.commit(room.start);
  stream.write(payload(7));
  await stream.flush();
  assertEquals(
    connection.sent,
    framed(payload(5), payload(60), payload(0), payload(7)),
  );
});

Deno.test("begin() replaces an open room and keeps the frames before it", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  stream.write(payload(100));
  stream.begin(10);
  for (const size of [5_000, 100_000, 1_000_000]) {
    const { start, limit } = stream.begin(size);
    assert(limit - start >= size);
  }
  const room = stream.begin(1_000_000);
  room.buffer.set(payload(1_000_000), room.start);
  stream.commit(room.start + 1_000_000);
  await stream.flush();
  assertEquals(connection.sent, framed(payload(100), payload(1_000_000)));
  assertEquals(connection.offered.length, 1);
});

Deno.test("abandon() drops only the open frame and does nothing without one", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  stream.write(payload(3));
  const room = stream.begin(10);
  room.buffer.fill(255, room.start, room.limit);
  stream.abandon();
  stream.abandon();
  stream.write(payload(4));
  await stream.flush();
  assertEquals(connection.sent, framed(payload(3), payload(4)));
});

Deno.test("begin(), commit() and write() reject wrong arguments and states", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  assertThrows(() => stream.commit(4), Error, "call begin() first");
  assertThrows(() => stream.begin(-1), RangeError, "current value is -1");
  assertThrows(() => stream.begin(NaN), RangeError, "current value is NaN");
  const room = stream.begin(10);
  for (const end of [room.start - 1, room.limit + 1, NaN]) {
    assertThrows(() => stream.commit(end), RangeError, `value is ${end}`);
  }
  assertThrows(() => stream.write(payload(1)), Error, "commit or abandon");
  stream.commit(room.start); // still open
  assertThrows(() => stream.commit(room.start), Error, "no frame is open");
  await stream.flush();
  assertEquals(connection.sent, framed(payload(0)));
});

Deno.test("commit() drops the frame if its payload exceeds the limit", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be({ maxFrameLength: 10 }));
  stream.write(payload(1));
  const room = stream.begin(11);
  assertThrows(() => stream.commit(room.start + 11), FrameError);
  stream.write(payload(2));
  await stream.flush();
  assertEquals(connection.sent, framed(payload(1), payload(2)));
});

Deno.test("an open frame is never written, even at the end of the turn", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  stream.write(payload(3));
  const room = stream.begin(5);
  await settled();
  assertEquals(connection.offered, []);
  room.buffer.set(payload(5), room.start);
  stream.commit(room.start + 5);
  await settled();
  assertEquals(connection.sent, framed(payload(3), payload(5)));
});

Deno.test("begin() and commit() work without in-place framing", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, trailing);
  stream.write(payload(2));
  let room = stream.begin(3);
  room = stream.begin(5_000);
  assertEquals(room.limit - room.start >= 5_000, true);
  room.buffer.set(payload(3), room.start);
  stream.commit(room.start + 3);
  stream.begin(10);
  stream.abandon();
  room = stream.begin(300);
  assertThrows(() => stream.commit(room.start + 300), FrameError);
  stream.write(payload(0));
  await stream.flush();
  assertEquals(connection.sent, new Uint8Array([2, 3, 2, 3, 4, 5, 3, 0]));
});

Deno.test("send() waits only above highWaterMark", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be(), { highWaterMark: 1000 });
  let done = 0;
  await stream.send(payload(996)); // exactly the mark
  const waiting = stream.send(payload(100)).then(() => done++);
  await settled();
  assertEquals(done, 0);
  assertEquals(stream.unsent, 1104);
  connection.maxWrite = 103;
  connection.letWrite();
  await settled();
  assertEquals(done, 0); // 1001 unsent
  connection.maxWrite = 1;
  connection.letWrite();
  await waiting;
  assertEquals(stream.unsent, 1000);
  connection.maxWrite = Infinity;
  connection.blocked = false;
  connection.letWrite();
});

Deno.test("every call after a failed write reports its error", async () => {
  const connection = new ScriptedConnection();
  const error = connection.writeError = new Error("broken pipe");
  await using stream = frames(connection, u32be());
  const reported: unknown[] = [];
  stream.onWriteFailed = (error) => reported.push(error);
  stream.write(payload(3));
  await assertRejects(() => stream.flush(), Error, "broken pipe");
  assertEquals(reported, [error]);
  assertThrows(() => stream.write(payload(1)), Error, "broken pipe");
  assertThrows(() => stream.begin(1), Error, "broken pipe");
  await assertRejects(() => stream.send(payload(1)), Error, "broken pipe");
  await assertRejects(() => stream.flush(), Error, "broken pipe");
  await assertRejects(() => stream.closeWrite(), Error, "broken pipe");
  assertEquals(reported.length, 1);
  assertEquals(connection.offered.length, 1);
});

Deno.test("a failed write causes no unhandled rejection", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be(), { highWaterMark: 0 });
  stream.send(payload(3));
  stream.flush();
  stream.closeWrite();
  connection.writeError = new Error("broken pipe");
  connection.letWrite();
  await settled();
  assertEquals(connection.offered.length, 1);
});

for (const count of [0, -1, 8, NaN]) {
  Deno.test(`flush() rejects a transport's count of ${count} for 7 bytes`, async () => {
    const connection = new ScriptedConnection();
    connection.write = () => Promise.resolve(count);
    await using stream = frames(connection, u32be());
    stream.write(payload(3));
    await assertRejects(
      () => stream.flush(),
      Error,
      `a count of ${count}; expected 1 to 7`,
    );
  });
}

Deno.test("flush() rejects if the transport's write() throws synchronously", async () => {
  const connection = new ScriptedConnection();
  connection.write = () => {
    throw new TypeError("not today");
  };
  await using stream = frames(connection, u32be());
  stream.write(payload(3));
  await assertRejects(() => stream.flush(), TypeError, "not today");
});

Deno.test("onWritten may write more and may close", async () => {
  const connection = new ScriptedConnection();
  const stream = frames(connection, u32be());
  let rounds = 0;
  stream.onWritten = () => {
    if (++rounds < 5) stream.write(payload(rounds));
    else stream.close();
  };
  stream.write(payload(0));
  await settled();
  assertEquals(
    connection.sent,
    framed(...[0, 1, 2, 3, 4].map((n) => payload(n))),
  );
  assertEquals(connection.closed, 1);
});

Deno.test("closeWrite() flushes, half-closes once and accepts no more frames", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be());
  stream.write(payload(3));
  const closed = Promise.all([stream.closeWrite(), stream.closeWrite()]);
  assertThrows(() => stream.write(payload(1)), Error, "closeWrite()");
  await settled();
  assertEquals(connection.halfClosed, 0);
  connection.blocked = false;
  connection.letWrite();
  await closed;
  await stream.flush();
  assertEquals(connection.halfClosed, 1);
  assertEquals(connection.closed, 0);
  assertEquals(connection.sent, framed(payload(3)));
});

Deno.test("closeWrite() drops the open frame, and sends the frames before it", async () => {
  for (const inPlace of [u32be(), trailing]) {
    const connection = new ScriptedConnection();
    await using stream = frames(connection, inPlace);
    stream.write(payload(3));
    const room = stream.begin(5);
    await stream.closeWrite();
    assertThrows(() => stream.commit(room.start + 5), Error);
    assertThrows(() => stream.begin(1), Error, "closeWrite()");
    for (const size of [1, 200_000]) {
      const refused = () => stream.send(payload(size));
      await assertRejects(refused, Error, "closeWrite()");
    }
    assertEquals([connection.halfClosed, stream.unsent], [1, 0]);
    const expected = inPlace === trailing
      ? Uint8Array.of(...payload(3), 3)
      : framed(payload(3));
    assertEquals(connection.sent, expected);
  }
});

Deno.test("a refused write among queued ones changes nothing that is sent", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be({ maxFrameLength: 200_000 }));
  stream.write(payload(3)); // in flight
  await settled();
  const large = stream.send(payload(150_000)); // queued
  stream.write(payload(4));
  const before = stream.unsent;
  assertThrows(() => stream.write(payload(200_001)), FrameError);
  await assertRejects(() => stream.send(payload(200_001)), FrameError);
  const { start } = stream.begin(9);
  assertThrows(() => stream.commit(start + 200_001), Error);
  stream.abandon();
  assertEquals(stream.unsent, before);
  stream.write(payload(5));
  connection.blocked = false;
  connection.letWrite();
  await Promise.all([large, stream.flush()]);
  assertEquals(
    connection.sent,
    framed(payload(3), payload(150_000), payload(4), payload(5)),
  );
  assertEquals(stream.unsent, 0);
});

Deno.test("send() writes a payload above 128 KiB after its header without a copy, in order", async () => {
  const connection = new ScriptedConnection();
  connection.blocked = true;
  await using stream = frames(connection, u32be());
  const large = payload(300_000);
  stream.write(payload(5));
  let sent = 0;
  const done = stream.send(large).then(() => sent++);
  stream.write(payload(6));
  stream.send(payload(200_000));
  stream.write(payload(7));
  assertEquals(stream.unsent, 9 + 300_004 + 10 + 200_004 + 11);
  for (const count of [13, 300_000, 14, 200_000, 11]) {
    await settled();
    assertEquals(connection.offered.at(-1), count);
    assertEquals(sent, connection.written.length >= 2 ? 1 : 0);
    connection.letWrite();
  }
  await done;
  await stream.flush();
  assertEquals(connection.writeMemory[1], large.buffer);
  assertEquals(connection.offered.length, 5);
  assertEquals(stream.bytesHanded, stream.bytesWritten);
  assertEquals(
    connection.sent,
    framed(
      payload(5),
      large,
      payload(6),
      payload(200_000),
      payload(7),
    ),
  );
  connection.blocked = false;
});

Deno.test("send() continues partial writes of a large payload", async () => {
  const connection = new ScriptedConnection();
  connection.maxWrite = 70_000;
  await using stream = frames(connection, u32be());
  const large = payload(300_000);
  await stream.send(large);
  assertEquals(connection.sent, framed(large));
  assertEquals(connection.writers, 1);
  // The payload must not enter the pool: other connections would write into it.
  for (let i = 0; i < 300; i++) stream.write(payload(2000, 1));
  await stream.flush();
  assertEquals(large, payload(300_000));
});

Deno.test("send() copies a large payload if the layout has a trailer", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, netstring());
  const large = payload(300_000);
  await stream.send(large);
  await stream.flush();
  assertEquals(connection.offered.length, 1);
  assertEquals(connection.sent, netstring().encoder().encode(large));
});

Deno.test("send() writes nothing of a large payload over the limit", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be({ maxFrameLength: 200_000 }));
  stream.write(payload(1));
  await assertRejects(() => stream.send(payload(200_001)), FrameError);
  stream.write(payload(2));
  await stream.flush();
  assertEquals(connection.sent, framed(payload(1), payload(2)));
});

Deno.test("send() rejects if the write of a large payload fails", async () => {
  const connection = new ScriptedConnection();
  connection.maxWrite = 1000;
  await using stream = frames(connection, u32be());
  stream.onWritten = () => {
    if (stream.bytesWritten > 5000) connection.writeError = new Error("full");
  };
  await assertRejects(() => stream.send(payload(300_000)), Error, "full");
  assertThrows(() => stream.write(payload(1)), Error, "full");
});

Deno.test("encodeHeader() and the payload equal the result of encode()", () => {
  const framings = {
    u32be: u32be(),
    u24le: u24le(),
    varint: varint(),
    u64be: u64be(),
    whole: lengthPrefixed({ width: 3, offset: 2, counts: "wholeFrame" }),
  };
  for (const [name, framing] of Object.entries(framings)) {
    const encoder = framing.encoder();
    const encodeHeader = encoder.encodeHeader?.bind(encoder);
    assert(encodeHeader !== undefined, name);
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) {
      const target = new Uint8Array(100).fill(255);
      const end = encodeHeader(length, target, 7);
      assertEquals(
        concat([target.slice(7, end), payload(length)]),
        encoder.encode(payload(length)),
        `${name} ${length}`,
      );
      assertEquals(target.slice(end, end + 10), new Uint8Array(10).fill(255));
    }
    assertThrows(
      () => encodeHeader(framing.maxFrameLength + 1, new Uint8Array(20), 0),
      FrameError,
    );
    assertThrows(() => encodeHeader(300, new Uint8Array(8), 7), RangeError);
  }
  assertEquals(netstring().encoder().encodeHeader, undefined);
});

Deno.test("an exception in onWritten ends the write side like a failed write", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const reported: unknown[] = [];
  stream.onWriteFailed = (error) => reported.push(error);
  const bug = new Error("my bug");
  stream.onWritten = () => {
    throw bug;
  };
  stream.write(payload(3));
  await settled();
  assertEquals(reported, [bug]);
  assertThrows(() => stream.write(payload(1)), Error, "my bug");
  await assertRejects(() => stream.flush(), Error, "my bug");
});

Deno.test("a stream with nothing to write does not keep a room's buffer alive", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const room = stream.begin(3_000_000);
  const { buffer } = room;
  stream.commit(room.start + 10);
  await stream.flush();
  assertEquals(room.buffer.length, 0);
  // The small frames that follow do not allocate as much either.
  assert(stream.begin(10).buffer.length <= 64 * 1024);
  assert(room.buffer !== buffer);
  stream.abandon();
});

Deno.test("a room that is open when the stream closes is not reused by another one", async () => {
  const connection = new ScriptedConnection();
  const stream = frames(connection, u32be());
  const { buffer } = stream.begin(10);
  stream.close();
  assertThrows(() => stream.commit(4), Error, "no frame is open");
  const other = new ScriptedConnection();
  await using next = frames(other, u32be());
  for (let i = 0; i < 3; i++) {
    next.write(payload(100));
    await next.flush();
  }
  assert(!other.writeMemory.includes(buffer.buffer));
});

Deno.test("a frame of a stream waits for the next one for 8 microtasks", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  /** Returns the number of microtasks until a frame is written. */
  async function microtasks(more: number): Promise<number> {
    const { length } = connection.offered;
    stream.write(payload(1));
    for (let count = 0;; count++) {
      if (connection.offered.length > length) return count;
      if (count === more) stream.write(payload(1));
      await null;
    }
  }
  assertEquals(await microtasks(-1), 1); // the first one follows nothing
  await settled();
  assertEquals(await microtasks(-1), 8);
  await settled();
  assertEquals(await microtasks(7), 7 + 8);
  assertEquals(connection.offered, [5, 5, 10]);
});

Deno.test("the writes of a stream grow to 16 KiB, until it pauses or something is read", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  async function* items() {
    for (let index = 0; index < 512; index++) yield payload(124);
  }
  /** Sends 64 KiB, and returns the lengths of the writes. */
  async function send(): Promise<number[]> {
    const { length } = connection.offered;
    for await (const item of items()) stream.write(item);
    await settled();
    return connection.offered.slice(length);
  }
  const grown = [2048, 4096, 8192, 16_384, 16_384];
  const [first, ...others] = await send();
  assertEquals(first, 128); // the first frame follows nothing
  assertEquals(others.slice(0, 5), grown);
  assertEquals((await send()).slice(0, 5), grown);
  const sizes = Promise.withResolvers<number[]>();
  const ended = stream.receive(() => sizes.resolve(send()));
  connection.feed(framed(payload(1)));
  const [answer, ...afterRead] = await sizes.promise;
  assertEquals([answer, afterRead.slice(0, 5)], [128, grown]);
  connection.feed(null);
  await ended;
});
