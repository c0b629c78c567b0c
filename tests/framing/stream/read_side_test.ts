import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  delimited,
  FrameError,
  frames,
  type FrameStream,
  u32be,
} from "../../../lib/framing/mod.ts";
import { FakeTime } from "./fake_time.ts";
import {
  type Chunk,
  payload,
  ScriptedConnection,
  settled,
} from "./scripted_connection.ts";

const encoder = u32be().encoder();

function framed(...payloads: Uint8Array[]): Uint8Array {
  return concat(payloads.map((one) => encoder.encode(one)));
}

async function received(stream: FrameStream): Promise<Uint8Array[]> {
  const got: Uint8Array[] = [];
  await stream.receive((frame) => got.push(frame.slice()));
  return got;
}

/** Returns the bytes in chunks of `size`, then the end of the stream. */
function cut(bytes: Uint8Array, size: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(bytes.subarray(at, at + size));
  }
  return [...chunks, null];
}

const SIZES = [0, 1, 2, 100, 2043, 2044, 2045, 65_532, 65_536, 300_000, 5, 0];

for (const size of [1, 7, 2047, 2048, 2049, 65_536, 1 << 20]) {
  Deno.test(`receive() delivers the same frames from chunks of ${size} bytes`, async () => {
    const sizes = size === 1 ? SIZES.filter((n) => n < 3000) : SIZES;
    const payloads = sizes.map((n) => payload(n));
    const bytes = framed(...payloads);
    const connection = new ScriptedConnection(cut(bytes, size));
    await using stream = frames(connection, u32be());
    assertEquals(await received(stream), payloads);
    assertEquals(stream.bytesRead, bytes.length);
  });
}

Deno.test("receive() delivers all frames of a read, then calls afterTurn, then reads again", async () => {
  const many = framed(...Array.from({ length: 50 }, (_, i) => payload(i)));
  const connection = new ScriptedConnection([many, framed(payload(1)), null]);
  await using stream = frames(connection, u32be());
  const trace: string[] = [];
  await stream.receive(
    () => trace.push(`frame in read ${connection.readSizes.length}`),
    () => trace.push("after"),
  );
  assertEquals(trace, [
    ...Array(50).fill("frame in read 1"),
    "after",
    "frame in read 2",
    "after",
  ]);
});

/** Newlines of all kinds; a CR may be the beginning of CR LF. */
const newlines = delimited(["\r\n", "\n", "\r"]);

function text(string: string): Uint8Array {
  return new TextEncoder().encode(string);
}

Deno.test("receive() delivers the frames that the end of the stream completes, then calls afterTurn", async () => {
  const chunks = [text("one\rtwo"), text("\r"), null];
  const connection = new ScriptedConnection(chunks);
  await using stream = frames(connection, newlines);
  const trace: string[] = [];
  await stream.receive(
    (frame) => trace.push(new TextDecoder().decode(frame)),
    () => trace.push("after"),
  );
  assertEquals(trace, ["one", "after", "after", "two", "after"]);
  await stream.receive(() => trace.push("more"));
  assertEquals(trace.length, 5);
});

Deno.test("a loop gets the frames that the end of the stream completes, even after a break", async () => {
  const some = delimited(["abcd", "b", "a"]);
  const connection = new ScriptedConnection([text("xabc"), null]);
  await using stream = frames(connection, some);
  const got: string[] = [];
  for await (const frame of stream) {
    got.push(new TextDecoder().decode(frame));
    break;
  }
  const error = await assertRejects(async () => {
    for await (const frame of stream) got.push(new TextDecoder().decode(frame));
  }, FrameError);
  assertEquals([got, error.code], [["x", ""], "truncated"]);
  assertEquals(
    await assertRejects(() => stream.receive(() => {})),
    error,
  );
});

Deno.test("detach() in the frame that the end of the stream completes ends the loop", async () => {
  const connection = new ScriptedConnection([text("xab"), null]);
  await using stream = frames(connection, delimited(["abcd", "b", "a"]));
  const rests: string[] = [];
  for await (const _ of stream) {
    rests.push(new TextDecoder().decode((await stream.detach()).rest));
  }
  assertEquals(rests, ["b"]);
});

Deno.test("connections that are not busy share the large buffers", async () => {
  const memory = new Set<ArrayBufferLike>();
  for (let i = 0; i < 50; i++) {
    const connection = new ScriptedConnection();
    const stream = frames(connection, u32be());
    const done = stream.receive(() => {});
    connection.feed(framed(payload(10_000)));
    // Small reads make it release the large buffer.
    for (let k = 0; k < 10; k++) {
      connection.feed(framed(payload(1)));
      await settled();
    }
    connection.feed(null);
    await done;
    connection.readMemory.forEach((one, k) => {
      if (connection.readSizes[k]! > 2048) memory.add(one);
    });
    await stream[Symbol.asyncDispose]();
  }
  assertEquals(memory.size, 2); // one of 64 KiB, one of 16 KiB
});

for (const count of [0, -1, 2049, 1.5, NaN]) {
  Deno.test(`receive() rejects a transport's count of ${count} for 2048 bytes`, async () => {
    const connection = new ScriptedConnection();
    connection.read = () => Promise.resolve(count);
    await using stream = frames(connection, u32be());
    await assertRejects(
      () => stream.receive(() => {}),
      Error,
      `returned a count of ${count}; expected 1 to 2048`,
    );
    await assertRejects(
      () => stream.receive(() => {}),
      Error,
      `returned a count of ${count}; expected 1 to 2048`,
    );
    assertEquals(stream.bytesRead, 0);
  });
}

Deno.test("receive() rejects if read() throws synchronously", async () => {
  const connection = new ScriptedConnection();
  connection.read = () => {
    throw new TypeError("not today");
  };
  await using stream = frames(connection, u32be());
  await assertRejects(() => stream.receive(() => {}), TypeError, "not today");
});

Deno.test("receive() takes one microtask from the read to onFrame and one from a frame to the write", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const frame = framed(payload(5));
  const read = Promise.withResolvers<number | null>();
  connection.read = (buffer) => {
    buffer.set(frame);
    return read.promise;
  };
  let got = 0;
  const done = stream.receive((payload) => {
    got++;
    stream.write(payload);
    stream.closeWrite();
    connection.read = () => Promise.resolve(null);
  });
  read.resolve(frame.length);
  await null;
  assertEquals([got, connection.offered.length], [1, 1]);
  await done;
});

Deno.test("write() takes one microtask to the transport's write", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const room = stream.begin(10);
  stream.commit(room.start + 10);
  assertEquals(connection.offered.length, 0);
  await null;
  assertEquals(connection.offered.length, 1);
});

Deno.test("a loop does not read again before all frames are taken", async () => {
  const chunk = framed(payload(1), payload(2));
  const connection = new ScriptedConnection([chunk, chunk, chunk, null]);
  await using stream = frames(connection, u32be());
  const reads: number[] = [];
  for await (const _ of stream) {
    await settled();
    reads.push(connection.readSizes.length);
  }
  assertEquals(reads, [1, 1, 2, 2, 3, 3]);
});

Deno.test("a loop left with break continues in the next loop or in receive()", async () => {
  const bytes = framed(...[1, 2, 3, 4, 5].map((n) => payload(n)));
  const connection = new ScriptedConnection([bytes, null]);
  await using stream = frames(connection, u32be());
  const lengths: number[] = [];
  for await (const frame of stream) {
    lengths.push(frame.length);
    break;
  }
  for await (const frame of stream) {
    lengths.push(frame.length);
    if (frame.length === 3) break;
  }
  await stream.receive((frame) => lengths.push(frame.length));
  assertEquals(lengths, [1, 2, 3, 4, 5]);
  assertEquals(connection.closed, 0);
});

Deno.test("receive() and loops reject a second reader", async () => {
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const first = stream.receive(() => {});
  await assertRejects(() => stream.receive(() => {}), Error, "another");
  await assertRejects(
    () => stream[Symbol.asyncIterator]().next(),
    Error,
    "another",
  );
  connection.feed(null);
  await first;
  for await (const _ of stream) assert(false);
});

Deno.test("receive() delivers the frames before a fault, then rejects", async () => {
  const bytes = concat([
    framed(payload(1), payload(2)),
    new Uint8Array(9).fill(255),
  ]);
  for (const chunks of [[bytes], cut(bytes, 3)]) {
    const connection = new ScriptedConnection(chunks);
    await using stream = frames(connection, u32be());
    const lengths: number[] = [];
    const error = await assertRejects(
      () => stream.receive((frame) => lengths.push(frame.length)),
      FrameError,
    );
    assertEquals(error.code, "too-large");
    assertEquals(error.streamOffset, 11);
    assertEquals(lengths, [1, 2]);
    await assertRejects(() => stream.receive(() => {}), FrameError);
    // The write side is open, so that the peer can be notified.
    assertEquals(connection.closed, 0);
    await stream.send(payload(3));
    await stream.flush();
    assertEquals(connection.sent, framed(payload(3)));
  }
});

Deno.test("receive() rejects with the transport's error after the frames before it", async () => {
  const reset = new Error("connection reset");
  const bytes = framed(payload(1), payload(2));
  const connection = new ScriptedConnection([bytes.subarray(0, 8), reset]);
  await using stream = frames(connection, u32be());
  const lengths: number[] = [];
  const failed = () => stream.receive((frame) => lengths.push(frame.length));
  await assertRejects(failed, Error, "connection reset");
  await assertRejects(failed, Error, "connection reset");
  assertEquals(lengths, [1]);
});

for (const left of [1, 3, 4, 5, 7]) {
  Deno.test(`receive() rejects if the stream ends after ${left} of 8 bytes of a frame`, async () => {
    const bytes = framed(payload(2), payload(4)).subarray(0, 6 + left);
    const connection = new ScriptedConnection([bytes, null]);
    await using stream = frames(connection, u32be());
    let count = 0;
    const error = await assertRejects(
      () => stream.receive(() => count++),
      FrameError,
    );
    assertEquals([error.code, count], ["truncated", 1]);
    await assertRejects(() => stream.receive(() => {}), FrameError);
  });
}

Deno.test("receive() reports a failed write at the end of the peer's stream", async () => {
  const connection = new ScriptedConnection();
  connection.writeError = new Error("broken pipe");
  await using stream = frames(connection, u32be());
  stream.write(payload(1));
  const got = received(stream);
  await settled();
  connection.feed(framed(payload(5)), null);
  await assertRejects(() => got, Error, "broken pipe");
});

Deno.test("receive() closes the connection and rejects if onFrame or afterTurn throws", async () => {
  const bytes = framed(payload(1), payload(2), payload(3));
  for (const where of ["onFrame", "afterTurn"]) {
    const connection = new ScriptedConnection([bytes, null]);
    await using stream = frames(connection, u32be());
    let count = 0;
    await assertRejects(
      () =>
        stream.receive(() => {
          if (++count === 2 && where === "onFrame") throw new Error("my bug");
        }, () => {
          if (count === 3) throw new Error("my bug");
        }),
      Error,
      "my bug",
    );
    assertEquals(connection.closed, 1);
    assertEquals(count, where === "onFrame" ? 2 : 3);
  }
});

Deno.test("frameTimeout counts from the last byte of an incomplete frame", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  const stream = frames(connection, u32be(), { frameTimeout: 1000 });
  const lengths: number[] = [];
  const done = stream.receive((frame) => lengths.push(frame.length));
  await settled();
  assertEquals(time.timers, 0);
  time.tick(5_000); // idle: no frame has begun
  const bytes = framed(payload(4), payload(6));
  connection.feed(bytes.subarray(0, 1));
  await settled();
  assertEquals(time.timers, 1);
  time.tick(900);
  connection.feed(bytes.subarray(1, 10)); // complete, and the next one begins
  await settled();
  time.tick(900); // the timer of the first frame fires
  await settled();
  assertEquals(connection.closed, 0);
  assertEquals(time.timers, 1);
  time.tick(99);
  await settled();
  assertEquals(connection.closed, 0);
  time.tick(1);
  const error = await assertRejects(() => done, FrameError);
  assertEquals(error.code, "timeout");
  assertEquals(error.streamOffset, 8);
  assertEquals(error.frameIndex, 1);
  assertEquals(error.head, bytes.slice(8, 10));
  assertEquals(lengths, [4]);
  assertEquals(connection.closed, 1);
  assertEquals(time.timers, 0);
  await assertRejects(() => stream.receive(() => {}), FrameError);
});

Deno.test("frameTimeout does not limit a frame that makes progress", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be(), { frameTimeout: 1000 });
  const done = received(stream);
  const bytes = framed(payload(10_000));
  for (const chunk of cut(bytes, 250)) {
    if (chunk !== null) connection.feed(chunk);
    await settled();
    time.tick(999);
    await settled();
  }
  assertEquals(time.armed > 30, true);
  connection.feed(null);
  assertEquals(await done, [payload(10_000)]);
});

Deno.test("a frame that arrives at less than minByteRate times out", async () => {
  for (const [minByteRate, closed] of [[10, 1], [0, 0]] as const) {
    using time = new FakeTime();
    const connection = new ScriptedConnection();
    const options = { frameTimeout: 1000, minByteRate };
    const stream = frames(connection, u32be(), options);
    const done = stream.receive(() => {}).catch((error) => error);
    const bytes = framed(payload(1000));
    // At 10 bytes per second, 7 bytes allow for 1.7 s.
    for (let count = 0; count < 7; count++) {
      connection.feed(bytes.subarray(count, count + 1));
      await settled();
      time.tick(240);
      await settled();
    }
    assertEquals(connection.closed, 0); // 1,680 ms
    time.tick(20);
    await settled();
    assertEquals(connection.closed, closed);
    if (closed === 0) {
      stream.close();
      await done;
      continue;
    }
    const error = await done;
    assertMatch(error.message, /at less than 10 bytes per second, after 7 byt/);
    assertEquals([error.code, error.streamOffset], ["timeout", 0]);
    assertEquals(time.timers, 0);
  }
});

Deno.test("a frame that begins in the chunk in which a skipped one ends has its own time", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  const framing = u32be({ maxFrameLength: 100, onTooLarge: "skip" });
  const options = { frameTimeout: 1000, minByteRate: 100 };
  const stream = frames(connection, framing, options);
  const done = stream.receive(() => {});
  const bytes = framed(payload(1000), payload(50));
  connection.feed(bytes.subarray(0, 900));
  await settled();
  time.tick(950);
  connection.feed(bytes.subarray(900, 1006));
  await settled();
  assertEquals(stream.skipped, 1);
  time.tick(500); // of the skipped frame's time, 70 ms were left
  await settled();
  assertEquals(connection.closed, 0);
  time.tick(500);
  const error = await assertRejects(() => done, FrameError);
  assertEquals([error.frameIndex, error.streamOffset], [1, 1004]);
});

Deno.test("a frame times out although the timer has fired between frames", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  const stream = frames(connection, u32be(), { frameTimeout: 1000 });
  const done = stream.receive(() => {});
  const bytes = framed(payload(5));
  connection.feed(bytes.subarray(0, 5));
  await settled();
  connection.feed(bytes.subarray(5));
  await settled();
  time.tick(5_000);
  assertEquals([time.timers, connection.closed], [0, 0]);
  connection.feed(bytes.subarray(0, 5));
  await settled();
  time.tick(1_000);
  const error = await assertRejects(() => done, FrameError, "within 1000 ms");
  assertEquals(error.frameIndex, 1);
});

Deno.test("a frame that is being skipped times out, too", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  const framing = u32be({ maxFrameLength: 100, onTooLarge: "skip" });
  const stream = frames(connection, framing, { frameTimeout: 1000 });
  const done = stream.receive(() => {});
  connection.feed(framed(payload(5), payload(1000)).subarray(0, 500));
  await settled();
  time.tick(1000);
  const error = await assertRejects(() => done, FrameError, "after 491 bytes");
  assertEquals([error.frameIndex, error.streamOffset], [1, 9]);
});

Deno.test("maxFrameLength and skipped of a stream are those of its decoder", async () => {
  const connection = new ScriptedConnection([
    framed(payload(5), payload(3), payload(5)),
    framed(payload(3)),
    null,
  ]);
  const framing = u32be({ maxFrameLength: 4, onTooLarge: "skip" });
  await using stream = frames(connection, framing);
  assertEquals([stream.maxFrameLength, stream.skipped], [4, 0]);
  const lengths: number[] = [];
  await stream.receive((frame) => {
    lengths.push(frame.length);
    stream.maxFrameLength = 5; // logged in
  });
  assertEquals([lengths, stream.skipped], [[3, 5, 3], 1]);
  assertThrows(() => stream.maxFrameLength = -1, RangeError);
  assertEquals(stream.maxFrameLength, 5);
});

Deno.test("frameTimeout uses one timer for any number of frames and chunks", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const done = stream.receive(() => {});
  const bytes = framed(...Array.from({ length: 300 }, () => payload(3)));
  for (const chunk of cut(bytes, 5)) {
    if (chunk !== null) connection.feed(chunk);
    await settled();
  }
  assertEquals(time.armed, 1);
  connection.feed(null);
  await done;
  assertEquals(time.timers, 0);
});

Deno.test("frameTimeout does not count time during which the application does not read", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be(), { frameTimeout: 1000 });
  const bytes = framed(payload(1), payload(2), payload(3));
  connection.feed(bytes.subarray(0, 7));
  const lengths: number[] = [];
  for await (const frame of stream) {
    lengths.push(frame.length);
    time.tick(10_000);
    if (frame.length === 1) connection.feed(bytes.subarray(7));
    if (frame.length === 3) break;
  }
  assertEquals(lengths, [1, 2, 3]);
  assertEquals(connection.closed, 0);
});

Deno.test("frameTimeout of 0 arms no timer", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection([new Uint8Array(3)]);
  await using stream = frames(connection, u32be(), { frameTimeout: 0 });
  const done = stream.receive(() => {});
  await settled();
  assertEquals(time.armed, 0);
  connection.feed(null);
  await assertRejects(() => done, FrameError);
});

Deno.test("a loop left with break keeps no timer", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection();
  await using stream = frames(connection, u32be());
  const bytes = framed(payload(1), payload(2));
  connection.feed(bytes.subarray(0, 2));
  setImmediate(() => connection.feed(bytes.subarray(2, 8)));
  for await (const _ of stream) {
    assertEquals(time.timers, 1);
    break;
  }
  assertEquals(time.timers, 0);
  connection.feed(bytes.subarray(8), null);
  time.tick(100_000);
  const lengths: number[] = [];
  await stream.receive((frame) => lengths.push(frame.length));
  assertEquals(lengths, [2]);
});

Deno.test("receive() closes the connection even if onFrame throws undefined", async () => {
  const connection = new ScriptedConnection([framed(payload(1)), null]);
  await using stream = frames(connection, u32be());
  let thrown: unknown = "nothing";
  await stream.receive(() => {
    throw undefined;
  }).catch((error) => thrown = error);
  assertEquals([thrown, connection.closed], [undefined, 1]);
});
