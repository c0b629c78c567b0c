import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ByteStream,
  FrameError,
  readLines,
} from "@lengthwise/lengthwise/framing";
import { memoryPair, virtualTime } from "@lengthwise/lengthwise/testing";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "readLines() returns lines and leaves the connection open",
  none,
  async () => {
    const [near, far] = memoryPair();
    await far.write(
      new TextEncoder().encode("one\r\n\nthr\u00e9e \u{1f600}\nlast"),
    );
    await far.closeWrite();
    const got = await Array.fromAsync(readLines(near));
    assertEquals(got, ["one", "", "thr\u00e9e \u{1f600}", "last"]);
    await near.write(Uint8Array.of(7));
    assertEquals(await far.read(new Uint8Array(2)), 1);
    near.close();
    far.close();
  },
);

Deno.test("readLines() keeps byte order marks", none, async () => {
  const bytes = new TextEncoder().encode("\ufeffone\n\ufefftwo");
  const [near, far] = memoryPair();
  await far.write(bytes);
  await far.closeWrite();
  for (const source of [near, ReadableStream.from([bytes])]) {
    const got = await Array.fromAsync(readLines(source));
    assertEquals(got, ["\ufeffone", "\ufefftwo"]);
  }
  near.close();
  far.close();
});

Deno.test("readLines() takes the options of lines()", none, async () => {
  const [near, far] = memoryPair();
  await far.write(new TextEncoder().encode("one\ntwo\r\nthree\r\nfo"));
  await far.closeWrite();
  const got: string[] = [];
  const error = await assertRejects(async () => {
    const options = { newline: "crlf", finalLine: false } as const;
    for await (const line of readLines(near, options)) got.push(line);
  }, FrameError);
  assertEquals([got, error.code], [["one\ntwo", "three"], "truncated"]);
  assertThrows(() => readLines(near, { maxFrameLength: -1 }), RangeError);
  near.close();
  far.close();
});

Deno.test("next() of readLines() may fail unawaited", none, async () => {
  const failing = () => Promise.reject(new Error("reset by the peer"));
  const sources = [
    { read: failing },
    new ReadableStream<Uint8Array>({ pull: failing }),
  ];
  for (const source of sources) {
    const reader = readLines(source);
    const calls = [reader.next(), reader.next()];
    await new Promise((resolve) => setTimeout(resolve)); // nothing awaits them
    await assertRejects(() => calls[0]!, Error, "reset by the peer");
    assertEquals(await calls[1], { done: true, value: undefined });
  }
});

Deno.test("readLines() rejects lines that are not UTF-8", none, async () => {
  const [near, far] = memoryPair();
  await far.write(Uint8Array.of(0x61, 10, 0xff, 10));
  const reader = readLines(near);
  assertEquals((await reader.next()).value, "a");
  await assertRejects(() => reader.next(), TypeError);
  near.close();
  far.close();
});

Deno.test(
  "readLines() reads web streams, and cancels them after break",
  none,
  async () => {
    const bytes = new TextEncoder().encode("on\u00e9\r\ntwo\n\nlast");
    const cut = () =>
      ReadableStream.from([...bytes].map((b) => Uint8Array.of(b)));
    const got = await Array.fromAsync(readLines(cut()));
    assertEquals(got, ["on\u00e9", "two", "", "last"]);
    let reason: unknown = "open";
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes),
      cancel: (why) => void (reason = why),
    });
    for await (const _ of readLines(endless)) break;
    assertEquals(reason, undefined);
    const broken = ReadableStream.from(failing());
    await assertRejects(
      () => Array.fromAsync(readLines(broken)),
      Error,
      "lost",
    );

    async function* failing() {
      yield bytes;
      throw new Error("lost");
    }
  },
);

Deno.test("readLines() reads a file, which stays open", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "one\r\ntwo");
  using file = await Deno.open(path, { read: true, write: true });
  assertEquals(await Array.fromAsync(readLines(file)), ["one", "two"]);
  await file.seek(0, Deno.SeekMode.Start);
  assertEquals(await Array.fromAsync(readLines(file)), ["one", "two"]);
  await Deno.remove(path);
  // deno-lint-ignore no-explicit-any -- an object that has no method
  assertThrows(() => readLines({} as any), TypeError, "'read'");
});

Deno.test(
  "readLines() waits for a source other than a connection",
  none,
  async () => {
    using time = virtualTime();
    const encode = (text: string) => new TextEncoder().encode(text);
    const slow = (): Pick<ByteStream, "read"> => {
      const chunks = ["one ", "minute\n"].map(encode);
      return {
        async read(buffer) {
          const chunk = chunks.shift();
          if (chunk === undefined) return null;
          await new Promise((done) => setTimeout(done, 60_000));
          buffer.set(chunk);
          return chunk.length;
        },
      };
    };
    const lines = Array.fromAsync(readLines(slow()));
    assertEquals(await time.run(lines), ["one minute"]);
  },
);

Deno.test("readLines() rejects sources that it cannot read", none, async () => {
  for (const source of [null, undefined, "one\ntwo", {}]) {
    assertThrows(
      () => readLines(source as never),
      TypeError,
      "Cannot read lines as the source has no method 'read'",
    );
  }
  // A stream of Node: its method `read` returns a chunk, or null for now.
  for (const chunk of [null, new Uint8Array(1)]) {
    const source = { read: () => chunk } as never;
    await assertRejects(
      () => readLines(source).next(),
      TypeError,
      "returns no promise; convert a stream of Node with Readable.toWeb()",
    );
  }
});
