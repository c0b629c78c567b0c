/**
 * Limits that change between and within frames, and options that are unknown.
 *
 * @module
 */
import {
  FrameDecoderStream,
  FrameEncoderStream,
  FrameError,
  frames,
  lines,
  u32be,
  varint,
} from "@lengthwise/lengthwise/framing";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Passes options as a JavaScript program would. */
// deno-lint-ignore no-explicit-any -- the compiler would reject the options
const untyped = (value: unknown): any => value;

Deno.test("frames() rejects what is not a connection", none, () => {
  const whole = {
    read: () => Promise.resolve(null),
    write: (data: Uint8Array) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    [Symbol.dispose]() {},
  };
  for (const name of ["read", "write", "closeWrite", Symbol.dispose]) {
    assertThrows(
      () => frames(untyped({ ...whole, [name]: undefined }), u32be()),
      TypeError,
      typeof name === "string" ? name : "dispose",
    );
  }
});

Deno.test("the web streams reject what is not a framing", none, () => {
  assertThrows(() => new FrameDecoderStream(untyped({})), TypeError);
  assertThrows(() => new FrameEncoderStream(untyped({})), TypeError);
  assertThrows(() => new FrameDecoderStream(untyped(u32be)), TypeError);
  const [near] = memoryPair();
  assertThrows(() => frames(near, untyped(u32be)), TypeError);
});

Deno.test(
  "maxFrameLength of FrameDecoderStream changes between frames",
  none,
  async () => {
    const stream = new FrameDecoderStream(u32be({ maxFrameLength: 4 }));
    const reader = stream.readable.getReader();
    const writer = stream.writable.getWriter();
    const wrote = writer.write(
      Uint8Array.of(0, 0, 0, 1, 7, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 2, 1, 2),
    ).catch(() => {});
    assertEquals((await reader.read()).value, Uint8Array.of(7));
    stream.maxFrameLength = 5;
    assertEquals((await reader.read()).value, Uint8Array.of(1, 2, 3, 4, 5));
    stream.maxFrameLength = 1;
    await assertRejects(() => reader.read(), FrameError);
    await wrote;
  },
);

Deno.test(
  "a lower maxFrameLength counts for a frame whose header is incomplete",
  none,
  async () => {
    const [near, far] = memoryPair();
    await using stream = frames(near, u32be());
    await far.write(Uint8Array.of(0, 0, 0, 1, 9, 0, 0));
    const reader = stream[Symbol.asyncIterator]();
    assertEquals((await reader.next()).value, Uint8Array.of(9));
    stream.maxFrameLength = 3;
    await far.write(Uint8Array.of(0, 4, 1, 2, 3, 4));
    await assertRejects(() => reader.next(), FrameError);
    far.close();
  },
);

Deno.test(
  "skipped counts lines that are too long at the end of the stream",
  none,
  async () => {
    const [near, far] = memoryPair();
    await using stream = frames(
      near,
      lines({ maxFrameLength: 3, onTooLarge: "skip", finalLine: true }),
    );
    await far.write(new TextEncoder().encode("one\nlonger\ntwo\nlongest"));
    await far.closeWrite();
    const texts: string[] = [];
    for await (const frame of stream) {
      texts.push(new TextDecoder().decode(frame));
    }
    assertEquals([texts, stream.skipped], [["one", "two"], 2]);
    far.close();
  },
);

Deno.test(
  "maxFrameLength of a stream changes in both directions",
  none,
  async () => {
    const [near, far] = memoryPair();
    await using stream = frames(near, u32be({ maxFrameLength: 4 }));
    await using other = frames(far, u32be());
    assertThrows(() => stream.write(new Uint8Array(5)), FrameError);
    stream.maxFrameLength = 5;
    stream.write(new Uint8Array(5));
    other.write(new Uint8Array(5));
    for (const one of [other, stream]) {
      const reader = one[Symbol.asyncIterator]();
      assertEquals((await reader.next()).value, new Uint8Array(5));
    }
    stream.maxFrameLength = Infinity;
    assertEquals(stream.maxFrameLength, 2 ** 32 - 1);
  },
);

Deno.test(
  "maxFrameLength of a stream cannot change while a frame is open",
  none,
  async () => {
    const [near, far] = memoryPair();
    await using stream = frames(near, varint({ maxFrameLength: 100 }));
    const { buffer, start } = stream.begin(1);
    assertThrows(
      () => stream.maxFrameLength = 1000,
      Error,
      "Cannot change 'maxFrameLength': another frame is open",
    );
    assertEquals(stream.maxFrameLength, 100);
    buffer[start] = 7;
    stream.commit(start + 1);
    await stream.flush();
    stream.maxFrameLength = 1000;
    assertThrows(() => stream.maxFrameLength = -1, RangeError);
    assertEquals(stream.maxFrameLength, 1000);
    await stream.send(new Uint8Array(1000));
    const received = new Uint8Array(1004);
    for (let at = 0; at < received.length;) {
      at += await far.read(received.subarray(at)) ?? 0;
    }
    assertEquals([...received.subarray(0, 4)], [1, 7, 0xe8, 7]);
    far.close();
  },
);

Deno.test(
  "maxFrameLength of FrameEncoderStream changes between payloads",
  none,
  async () => {
    const stream = new FrameEncoderStream(u32be({ maxFrameLength: 4 }));
    assertEquals(stream.maxFrameLength, 4);
    stream.maxFrameLength = 5;
    const reader = stream.readable.getReader();
    const writer = stream.writable.getWriter();
    const wrote = writer.write(new Uint8Array(5));
    assertEquals((await reader.read()).value?.length, 9);
    await wrote;
    stream.maxFrameLength = 1;
    await Promise.all([
      assertRejects(() => writer.write(new Uint8Array(5)), FrameError),
      assertRejects(() => reader.read(), FrameError),
    ]);
  },
);
