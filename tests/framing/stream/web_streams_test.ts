import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  delimited,
  FrameDecoderStream,
  FrameEncoderStream,
  FrameError,
  type Framing,
  lines,
  u32be,
} from "../../../lib/framing/mod.ts";
import { payload } from "./scripted_connection.ts";

const permissions = "none";
const encoder = u32be().encoder();
const payloads = [0, 1, 300, 70_000, 5, 0].map((length) => payload(length));
const bytes = concat(payloads.map((one) => encoder.encode(one)));

function chunked(data: Uint8Array, size: number): ReadableStream<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += size) {
    chunks.push(data.slice(at, at + size));
  }
  return ReadableStream.from(chunks);
}

for (const size of [1, 3, 1000, 1 << 20]) {
  Deno.test(`FrameDecoderStream decodes chunks of ${size} bytes`, {
    permissions,
  }, async () => {
    const some = size === 1 ? bytes.slice(0, 313) : bytes;
    const frames = chunked(some, size).pipeThrough(
      new FrameDecoderStream(u32be()),
    );
    assertEquals(
      await Array.fromAsync(frames),
      size === 1 ? payloads.slice(0, 3) : payloads,
    );
  });
}

Deno.test(
  "FrameEncoderStream encodes each payload as one chunk",
  { permissions },
  async () => {
    const frames = ReadableStream.from(payloads).pipeThrough(
      new FrameEncoderStream(u32be()),
    );
    assertEquals(
      await Array.fromAsync(frames),
      payloads.map((one) => encoder.encode(one)),
    );
  },
);

Deno.test("FrameDecoderStream returns frames that own their memory", {
  permissions,
}, async () => {
  const chunk = bytes.slice();
  const frames = ReadableStream.from([chunk]).pipeThrough(
    new FrameDecoderStream(u32be()),
  );
  for await (const frame of frames) {
    assert(frame.buffer !== chunk.buffer);
    assertEquals(frame.buffer.byteLength, frame.length);
  }
});

Deno.test(
  "FrameDecoderStream takes a chunk only after the last one is decoded",
  { permissions },
  async () => {
    let taken = 0;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        taken++;
        controller.enqueue(encoder.encode(payload(taken)));
      },
    }, { highWaterMark: 0 });
    const reader = source.pipeThrough(new FrameDecoderStream(u32be()))
      .getReader();
    for (let i = 1; i <= 5; i++) {
      const { value } = await reader.read();
      assertEquals(value?.length, i);
      // One may be in the writable's queue and one in the pipe.
      assert(taken <= i + 2, `${taken} chunks for ${i} frames`);
    }
    await reader.cancel();
  },
);

Deno.test(
  "FrameDecoderStream returns the frames before a fault, then fails on both sides",
  { permissions },
  async () => {
    const stream = new FrameDecoderStream(u32be({ maxFrameLength: 10 }));
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    const written = writer.write(
      concat([encoder.encode(payload(10)), encoder.encode(payload(11))]),
    );
    assertEquals((await reader.read()).value, payload(10));
    await written;
    const error = await assertRejects(() => reader.read(), FrameError);
    assertEquals(error.code, "too-large");
    assertEquals(await writer.closed.catch((reason) => reason), error);
    await assertRejects(() => writer.write(payload(1)), FrameError);
  },
);

for (const left of [1, 4, 5]) {
  Deno.test(
    `FrameDecoderStream fails if the stream ends after ${left} bytes of a frame`,
    { permissions },
    async () => {
      const cut = concat([bytes.slice(0, 9), encoder.encode(payload(9))]);
      const frames = chunked(cut.slice(0, 9 + left), 100).pipeThrough(
        new FrameDecoderStream(u32be()),
      );
      const got: Uint8Array[] = [];
      const error = await assertRejects(async () => {
        for await (const frame of frames) got.push(frame);
      }, FrameError);
      assertEquals(error.code, "truncated");
      assertEquals(got.length, 2);
    },
  );
}

Deno.test("maxFrameLength of FrameDecoderStream can change between frames", {
  permissions,
}, async () => {
  const stream = new FrameDecoderStream(
    u32be({ maxFrameLength: 4, onTooLarge: "skip" }),
  );
  assertEquals([stream.maxFrameLength, stream.skipped], [4, 0]);
  const wire = concat([5, 3, 5].map((n) => encoder.encode(payload(n))));
  const lengths: number[] = [];
  for await (const frame of ReadableStream.from([wire]).pipeThrough(stream)) {
    lengths.push(frame.length);
    stream.maxFrameLength = 5;
  }
  assertEquals([lengths, stream.skipped], [[3, 5], 1]);
});

Deno.test("FrameDecoderStream returns the frames that the end completes", {
  permissions,
}, async () => {
  const text = new TextDecoder();
  const split = async (framing: Framing, stream: string) => {
    const bytes = new TextEncoder().encode(stream);
    const frames: string[] = [];
    const decoded = chunked(bytes, 2).pipeThrough(
      new FrameDecoderStream(framing),
    );
    try {
      for await (const frame of decoded) frames.push(text.decode(frame));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      frames.push(error.code);
    }
    return frames;
  };
  const newlines = delimited(["\r\n", "\n", "\r"]);
  assertEquals(await split(newlines, "one\rtwo\r"), ["one", "two"]);
  assertEquals(await split(newlines, "one\rtwo"), ["one", "truncated"]);
  assertEquals(await split(lines({ finalLine: true }), "a\nb"), ["a", "b"]);
  const some = delimited(["abcd", "b", "a"]);
  assertEquals(await split(some, "xabc"), ["x", "", "truncated"]);
});

Deno.test(
  "FrameDecoderStream forwards a cancellation to the source, even while waiting",
  {
    permissions,
  },
  async () => {
    let reason: unknown;
    const source = new ReadableStream<Uint8Array>({
      cancel: (why) => void (reason = why),
    });
    const reader = source.pipeThrough(new FrameDecoderStream(u32be()))
      .getReader();
    const waiting = reader.read();
    await reader.cancel("enough");
    assertEquals((await waiting).done, true);
    assertEquals(reason, "enough");
  },
);

Deno.test("FrameDecoderStream forwards an error of the source", {
  permissions,
}, async () => {
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error("cable cut")),
  });
  const frames = source.pipeThrough(new FrameDecoderStream(u32be()));
  await assertRejects(() => Array.fromAsync(frames), Error, "cable cut");
});

Deno.test("FrameEncoderStream fails if a payload exceeds the limit", {
  permissions,
}, async () => {
  const frames = ReadableStream.from([payload(10), payload(11)]).pipeThrough(
    new FrameEncoderStream(u32be({ maxFrameLength: 10 })),
  );
  const reader = frames.getReader();
  assertEquals((await reader.read()).value?.length, 14);
  await assertRejects(() => reader.read(), FrameError);
});

Deno.test(
  "both reject chunks that are not a Uint8Array",
  { permissions },
  async () => {
    for (
      const stream of [
        new FrameDecoderStream(u32be()),
        new FrameEncoderStream(u32be()),
      ]
    ) {
      // deno-lint-ignore no-explicit-any -- JavaScript callers may write any value
      const source = ReadableStream.from<any>(["text"]);
      const frames = source.pipeThrough(stream);
      await assertRejects(
        () => Array.fromAsync(frames),
        TypeError,
        "must be a Uint8Array: current value is of type string",
      );
    }
  },
);
