import { assertEquals } from "@std/assert";
import { u32Frames } from "../../../lib/framing/layouts/u32_frames.ts";
import { lengthPrefixed } from "../../../lib/framing/layouts/length_prefixed.ts";
import { FrameError } from "../../../lib/framing/errors.ts";
import type { Framing } from "../../../lib/framing/framing.ts";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { seededRandom } from "../../../lib/support/seeded_random.ts";

const LIMIT = 300;
const PAIR: readonly Framing[] = [
  u32Frames(LIMIT),
  lengthPrefixed({ maxFrameLength: LIMIT }),
];

/** Returns what a function returns, or the error that it throws. */
function outcome(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof FrameError)) return `${error}`;
    const { message, code, declared, limit } = error; // it names frame and byte
    return { message, code, declared, limit };
  }
}

/** Decodes chunks; returns the frames, the bytes that are left, or the error. */
function decode(framing: Framing, chunks: readonly Uint8Array[]): unknown {
  const decoder = framing.decoder();
  const frames: Uint8Array[] = [];
  const failed = outcome(() => {
    for (const chunk of chunks) {
      decoder.push(chunk);
      let frame: Uint8Array | undefined;
      while ((frame = decoder.next()) !== undefined) frames.push(frame.slice());
    }
    decoder.end();
  });
  return [frames, failed, decoder.pending, decoder.skipped];
}

Deno.test("u32Frames() decodes as lengthPrefixed() does", () => {
  const random = seededRandom(7);
  const upTo = (most: number) => Math.floor(random() * most);
  for (let run = 0; run < 300; run++) {
    const bytes: number[] = [];
    for (let frame = upTo(5); frame >= 0; frame--) {
      const length = upTo(20) === 0 ? upTo(2 ** 32) : upTo(LIMIT + 2);
      bytes.push(length >>> 24, length >>> 16, length >>> 8, length);
      for (let n = Math.min(length, LIMIT); n > 0; n--) bytes.push(upTo(256));
    }
    if (upTo(4) === 0) bytes.pop(); // the last frame is not complete
    const whole = Uint8Array.from(bytes);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < whole.length;) {
      const end = at + 1 + upTo(run % 2 === 0 ? 8 : 400);
      chunks.push(whole.subarray(at, end));
      at = end;
    }
    const [actual, expected] = PAIR.map((framing) => decode(framing, chunks));
    assertEquals(actual, expected);
  }
});

Deno.test("u32Frames() decodes lengths at the limits as lengthPrefixed() does", () => {
  const lengths = [
    [0, 0, 0, 0],
    [0, 0, 1, 44], // the limit
    [0, 0, 1, 45],
    [1, 0, 0, 0], // 1 in the opposite byte order
    [127, 255, 255, 255],
    [128, 0, 0, 0],
    [255, 255, 255, 255],
  ];
  for (const bytes of lengths) {
    for (const more of [0, LIMIT]) {
      const chunk = Uint8Array.from([...bytes, ...new Array(more).fill(1)]);
      const [actual, expected] = PAIR.map((framing) =>
        decode(framing, [chunk])
      );
      assertEquals(actual, expected);
    }
  }
});

Deno.test("u32Frames() passes checkFraming()", () => {
  checkFraming(({ maxFrameLength = LIMIT }) => u32Frames(maxFrameLength), [
    new Uint8Array(0),
    new Uint8Array([1]),
    new Uint8Array(LIMIT).fill(2),
  ]);
});

Deno.test("u32Frames() encodes as lengthPrefixed() does", () => {
  for (const length of [0, 1, 255, 256, LIMIT, LIMIT + 1]) {
    const payload = new Uint8Array(length).fill(7);
    const target = () => new Uint8Array(LIMIT);
    const actions: ((framing: Framing) => unknown)[] = [
      ({ maxFrameLength }) => maxFrameLength,
      (framing) => framing.encoder().encode(payload),
      (framing) => framing.encoder().maxEncodedLength(length),
      (framing) => {
        const into = target();
        return [framing.encoder().encodeInto(payload, into, 2), into];
      },
      (framing) => {
        const into = target();
        return [framing.encoder().encodeHeader?.(length, into, 2), into];
      },
      (framing) => framing.encoder().encodeHeader?.(length, target(), -1),
      (framing) => {
        const { inPlace } = framing.encoder();
        const into = target();
        const { headroom, tailroom } = inPlace ?? {};
        const sealed = inPlace?.seal(into, 2, 2 + (headroom ?? 0) + length);
        return [headroom, tailroom, sealed, into];
      },
      (framing) => {
        const encoder = framing.encoder();
        encoder.maxFrameLength = 10;
        return [encoder.maxFrameLength, encoder.encode(payload)];
      },
      (framing) => void (framing.decoder().maxFrameLength = 2 ** 32),
      (framing) => void (framing.encoder().maxFrameLength = -1),
    ];
    for (const act of actions) {
      const [actual, expected] = PAIR.map((framing) =>
        outcome(() => act(framing))
      );
      assertEquals(actual, expected);
    }
  }
});
