import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { FrameError, lines, readLines } from "@lengthwise/lengthwise/framing";
import type { LinesOptions } from "@lengthwise/lengthwise/types";
import { cuts, mulberry32 } from "../random.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Decodes each line apart, with a fatal decoder. */
function oneByOne(bytes: Uint8Array, options: LinesOptions) {
  const decoder = lines({ finalLine: true, ...options }).decoder();
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const got: string[] = [];
  let ended = false;
  try {
    decoder.push(bytes);
    for (;;) {
      const line = decoder.next();
      if (line !== undefined) got.push(text.decode(line));
      else if (ended) return { got, error: undefined };
      else {
        ended = true;
        decoder.end();
      }
    }
  } catch (error) {
    assert(error instanceof Error);
    return { got, error: `${error.name}: ${error.message}` };
  }
}

const PIECES: readonly (string | Uint8Array)[] = [
  ...["\n", "\n", "\r\n", "\r", "", "a", "one line", "x".repeat(99)],
  ...["\u00e9", "\ufffd", "\ufeff", "\u{1f600}", "z".repeat(5000)],
  ...["line\n".repeat(900)],
];
const INVALID = [Uint8Array.of(0xff), Uint8Array.of(0xc3), Uint8Array.of(0x80)];

for (const invalid of [false, true]) {
  Deno.test(
    `readLines() decodes web streams as line by line, ${
      invalid ? "also if they are not UTF-8" : "however they are cut"
    }`,
    none,
    async () => {
      const encoder = new TextEncoder();
      const pieces = [...PIECES, ...(invalid ? INVALID : [])];
      for (let seed = 0; seed < 25; seed++) {
        const random = mulberry32(seed);
        const bytes = concat(
          Array.from({ length: random(20) }, () => {
            const piece = pieces[random(pieces.length)]!;
            return typeof piece === "string" ? encoder.encode(piece) : piece;
          }),
        );
        const options: LinesOptions = {
          newline: (["any", "lf", "crlf"] as const)[random(3)],
          finalLine: random(2) === 0,
          keepDelimiter: random(2) === 0,
          maxFrameLength: [200, 6000, 1 << 20][random(3)],
          onTooLarge: random(2) === 0 ? "skip" : "close",
        };
        const step = [200, 3000, 1 << 20][random(3)]!;
        const source = ReadableStream.from(
          cuts(bytes, () => 1 + random(step)),
        );
        const got: string[] = [];
        let error: string | undefined;
        try {
          for await (const line of readLines(source, options)) got.push(line);
        } catch (reason) {
          assert(reason instanceof Error);
          error = `${reason.name}: ${reason.message}`;
        }
        assertEquals({ got, error }, oneByOne(bytes, options), `${seed}`);
        assertEquals(source.locked, false);
      }
    },
  );
}

function endless(text: string) {
  const cancelled: unknown[] = [];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    cancel: (reason) => void cancelled.push(reason),
  }, { highWaterMark: 0 });
  return { source, cancelled };
}

Deno.test(
  "readLines() answers requests for lines of a web stream in order",
  none,
  async () => {
    const { source, cancelled } = endless("a\nb\nc\n");
    const reader = readLines(source);
    const requests = Array.from({ length: 7 }, () => reader.next());
    const ended = [reader.return(), reader.next(), reader.next()];
    const got = await Promise.all([...requests, ...ended]);
    assertEquals(
      got.map(({ value }) => value ?? "-").join(""),
      "abcabca---",
    );
    assertEquals(
      got.map(({ done }) => done ? 1 : 0).join(""),
      "0000000111",
    );
    assertEquals([cancelled, source.locked], [[undefined], false]);

    const texts = readLines(endless("a\nb\nc\nd\n").source);
    const first = texts.next();
    const later = [texts.next(), texts.next()];
    const last = first.then(() => texts.next());
    const values = await Promise.all([first, last, ...later]);
    assertEquals(values.map(({ value }) => value), ["a", "d", "b", "c"]);
    await texts.return();
  },
);

Deno.test(
  "readLines() cancels a web stream once, also before its first line",
  none,
  async () => {
    for (const started of [false, true]) {
      const { source, cancelled } = endless("a\nb\n");
      const reader = readLines(source);
      if (started) assertEquals((await reader.next()).value, "a");
      await reader[Symbol.asyncDispose]();
      await reader.return();
      assertEquals([cancelled, source.locked], [[undefined], false]);
      assertEquals(await reader.next(), { done: true, value: undefined });
    }
    const { source, cancelled } = endless("a\n");
    const reader = readLines(source);
    const thrown = new Error("thrown");
    assertEquals(
      await assertRejects(() => reader.throw(thrown), Error),
      thrown,
    );
    assertEquals([cancelled.length, source.locked], [1, false]);
  },
);

Deno.test(
  "readLines() cancels a web stream with the error of a line, after the lines before it",
  none,
  async () => {
    for (const bad of ["\xff\xff\nnever\n", "x".repeat(99)]) {
      const bytes = Uint8Array.from(
        `one\ntwo\n${bad}`,
        (one) => one.charCodeAt(0),
      );
      const cancelled: unknown[] = [];
      const source = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(bytes),
        cancel(reason) {
          cancelled.push(reason);
          throw new Error("lost"); // the error of the line counts
        },
      }, { highWaterMark: 0 });
      const reader = readLines(source, { maxFrameLength: 10 });
      assertEquals((await reader.next()).value, "one");
      assertEquals((await reader.next()).value, "two");
      const error = await assertRejects(() => reader.next());
      assert(error instanceof TypeError || error instanceof FrameError);
      assertEquals(cancelled, [error]);
      assertEquals(await reader.next(), { done: true, value: undefined });
    }
    const texts = ReadableStream.from(["one\n"]);
    await assertRejects(
      // deno-lint-ignore no-explicit-any -- a stream of texts
      () => readLines(texts as any).next(),
      TypeError,
      "Cannot process a chunk as it must be a Uint8Array",
    );
  },
);

Deno.test(
  "readLines() takes a chunk of a web stream after the lines of the last one",
  none,
  async () => {
    let pulls = 0;
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++;
        controller.enqueue(new TextEncoder().encode("line\n".repeat(3000)));
      },
    }, { highWaterMark: 0 });
    const reader = readLines(source);
    assertEquals(pulls, 0);
    for (let i = 0; i < 6001; i++) {
      assertEquals(pulls, Math.ceil(i / 3000));
      assertEquals((await reader.next()).value, "line");
    }
    await reader.return();
  },
);
