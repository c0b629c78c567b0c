/**
 * Checks of `checkFraming()` for decoders.
 *
 * @module
 */
import type { FrameError } from "../framing/errors.ts";
import type { FrameDecoder, FrameEncoder } from "../framing/framing.ts";
import {
  concat,
  drain,
  feed,
  frameErrorOf,
  type FramingCheck,
  type FramingUnderTest,
  HOSTILE_RUNS,
  must,
  mustEqual,
  randomFrom,
} from "./framing_kit.ts";
import { sameBytes } from "./same_value.ts";

/** Limit on `held`: a base, plus a factor for each byte received. */
const HELD_BASE = 1024;
const HELD_FACTOR = 8;

/** The checks of decoders. */
export const DECODER_CHECKS: readonly FramingCheck[] = [
  ["a round trip returns the samples", roundTrip],
  ["frames do not depend on chunk boundaries", everySplit],
  ["next() returns a frame exactly when its last byte arrives", byteByByte],
  ["several chunks can be pushed before next() is called", manyPushes],
  ["rest() returns the bytes after the last frame", trailingBytes],
  ["end() throws exactly when a frame is incomplete", everyTruncation],
  ["'pending' is the number of bytes of an incomplete frame", pendingAgrees],
  ["encoder and decoder have the same limit", sameLimit],
  ["'maxFrameLength' can be changed", changedLimit],
  ["after an error every call throws the same error", stateAfterError],
  ["'held' is limited by the bytes received", heldFollows],
  ["hostile bytes decode to frames or throw a FrameError", hostileBytes],
  ["each encoded payload decodes to one equal frame", anyPayload],
];

function roundTrip({ makeFraming, samples, wire }: FramingUnderTest): void {
  const decoder = makeFraming({}).decoder();
  mustEqual(feed(decoder, wire), samples, "in one chunk");
  decoder.end();
  must(decoder.rest().length === 0, () => "rest() is not empty at the end");
  must(decoder.skipped === 0, () => "frames were skipped");
}

function everySplit({ makeFraming, samples, wire }: FramingUnderTest): void {
  const framing = makeFraming({});
  for (let cut = 0; cut <= wire.length; cut++) {
    const decoder = framing.decoder();
    const first = feed(decoder, wire.subarray(0, cut));
    const second = feed(decoder, wire.subarray(cut));
    mustEqual([...first, ...second], samples, `cut at byte ${cut}`);
    decoder.end();
  }
}

function byteByByte(
  { makeFraming, samples, frames, wire }: FramingUnderTest,
): void {
  const decoder = makeFraming({}).decoder();
  const ends = endsOf(frames);
  const got: Uint8Array[] = [];
  for (let i = 0; i < wire.length; i++) {
    got.push(...feed(decoder, wire.subarray(i, i + 1)));
    const whole = ends.filter((end) => end <= i + 1).length;
    must(
      got.length === whole,
      () => `${got.length} frames after byte ${i}; expected ${whole}`,
    );
  }
  mustEqual(got, samples, "byte by byte");
  decoder.end();
}

/** Returns the stream offset after each frame. */
function endsOf(frames: readonly Uint8Array[]): number[] {
  let end = 0;
  return frames.map((frame) => end += frame.length);
}

function manyPushes({ makeFraming, samples, wire }: FramingUnderTest): void {
  const decoder = makeFraming({}).decoder();
  for (let i = 0; i < wire.length; i += 3) {
    decoder.push(wire.slice(i, i + 3));
    decoder.push(new Uint8Array(0));
  }
  must(
    sameBytes(decoder.rest(), wire),
    () => "rest() differs from the pushed bytes",
  );
  mustEqual(drain(decoder), samples, "pushed in threes");
  decoder.end();
}

function trailingBytes(
  { makeFraming, samples, frames, wire }: FramingUnderTest,
): void {
  const framing = makeFraming({});
  const ends = endsOf(frames);
  for (let cut = 0; cut <= wire.length; cut++) {
    const decoder = framing.decoder();
    const whole = ends.filter((end) => end <= cut);
    const got = feed(decoder, wire.subarray(0, cut));
    mustEqual(got, samples.slice(0, whole.length), `after ${cut} bytes`);
    const rest = wire.subarray(whole.at(-1) ?? 0, cut);
    for (const call of ["first", "second"]) {
      must(
        sameBytes(decoder.rest(), rest),
        () => `the ${call} rest() is wrong after ${cut} bytes`,
      );
    }
  }
}

function everyTruncation(
  { makeFraming, frames, wire }: FramingUnderTest,
): void {
  const framing = makeFraming({});
  const ends = new Set([0, ...endsOf(frames)]);
  for (let cut = 0; cut < wire.length; cut++) {
    const decoder = framing.decoder();
    feed(decoder, wire.subarray(0, cut));
    let error = frameErrorOf(() => decoder.end());
    let last = 0;
    if (error === undefined) {
      error = frameErrorOf(() => {
        while (decoder.next() !== undefined) last++;
      });
      must(
        error === undefined || last > 0,
        () => `next() threw after end(), which did not, at byte ${cut}`,
      );
    }
    if (ends.has(cut)) {
      must(
        error === undefined && last === 0,
        () =>
          `end() ${
            error === undefined ? "completed a frame" : "threw"
          } between frames, at byte ${cut}`,
      );
    } else {
      must(
        error === undefined ? last > 0 : error.code === "truncated",
        () =>
          `end() threw ${
            error?.code ?? "nothing"
          } and completed ${last} frames inside a frame, at byte ${cut}`,
      );
    }
  }
}

function pendingAgrees({ makeFraming, frames, wire }: FramingUnderTest): void {
  const decoder = makeFraming({}).decoder();
  const ends = endsOf(frames);
  for (let count = 0; count <= wire.length; count++) {
    feed(decoder, wire.subarray(count - 1, count));
    const { pending } = decoder;
    const expected = count - (ends.findLast((end) => end <= count) ?? 0);
    must(
      pending === expected,
      () => `it is ${pending} after ${count} bytes; expected ${expected}`,
    );
  }
}

/** Tries every limit up to one byte more than the longest sample. */
function sameLimit({ makeFraming, samples, frames }: FramingUnderTest): void {
  const sample = samples.reduce((a, b) => b.length > a.length ? b : a);
  const frame = frames[samples.indexOf(sample)]!;
  for (let limit = 0; limit <= sample.length + 1; limit++) {
    const framing = attempt(() => makeFraming({ maxFrameLength: limit }));
    if (framing === undefined || framing.maxFrameLength !== limit) continue;
    const encoder = framing.encoder();
    const refused = frameErrorOf(() => void encoder.encode(sample));
    const decoder = framing.decoder();
    const taken = attempt(() => feed(decoder, frame).length === 1) ?? false;
    must(
      taken === (refused === undefined),
      () =>
        `with limit ${limit}, only one of them accepts ${sample.length} bytes`,
    );
    must(
      refused === undefined || refused.code === "too-large",
      () =>
        `with limit ${limit}, encode() throws '${refused?.code}'; expected 'too-large'`,
    );
  }
}

/** Compares limits that are set later with limits given as an option. */
function changedLimit(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const sample = samples.reduce((a, b) => b.length > a.length ? b : a);
  const frame = frames[samples.indexOf(sample)]!;
  const { maxFrameLength } = makeFraming({});
  for (const limit of [sample.length - 1, sample.length]) {
    const given = attempt(() => makeFraming({ maxFrameLength: limit }));
    if (given === undefined || given.maxFrameLength !== limit) continue;
    const encoder = makeFraming({}).encoder();
    const decoder = makeFraming({}).decoder();
    must(
      encoder.maxFrameLength === maxFrameLength &&
        decoder.maxFrameLength === maxFrameLength,
      () => "an encoder or decoder does not begin with the framing's limit",
    );
    encoder.maxFrameLength = decoder.maxFrameLength = limit;
    const encodes = (one: FrameEncoder) =>
      frameErrorOf(() => void one.encode(sample)) === undefined;
    const decodes = (one: FrameDecoder) =>
      attempt(() => feed(one, frame).length === 1) ?? false;
    must(
      encoder.maxFrameLength === limit && decoder.maxFrameLength === limit &&
        encodes(encoder) === encodes(given.encoder()) &&
        decodes(decoder) === decodes(given.decoder()),
      () => `a change to ${limit} differs from the option`,
    );
  }
}

function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch {
    return undefined;
  }
}

function stateAfterError({ makeFraming, wire }: FramingUnderTest): void {
  const decoder = makeFraming({}).decoder();
  feed(decoder, wire.subarray(0, wire.length - 1));
  const first = frameErrorOf(() => {
    decoder.end();
    drain(decoder);
  });
  if (first === undefined) return; // the end completed the frame
  decoder.push(wire.slice());
  mustStay(decoder, first);
}

/** Throws unless every call of a decoder throws its first error again. */
function mustStay(decoder: FrameDecoder, first: FrameError): void {
  const next = () => decoder.next();
  for (const call of [next, () => decoder.end(), next]) {
    const again = frameErrorOf(() => void call());
    must(
      again === first,
      () =>
        `it threw '${again?.message ?? "nothing"}' after '${first.message}'`,
    );
  }
}

function heldFollows({ makeFraming, wire }: FramingUnderTest): void {
  const decoder = makeFraming({}).decoder();
  for (let i = 0; i < wire.length; i++) {
    feed(decoder, wire.subarray(i, i + 1));
    must(
      decoder.held <= HELD_BASE + HELD_FACTOR * (i + 1),
      () => `it holds ${decoder.held} bytes after ${i + 1} bytes were received`,
    );
  }
  drain(decoder);
  must(
    decoder.held <= HELD_BASE,
    () => `it holds ${decoder.held} bytes after all frames were returned`,
  );
}

function hostileBytes(
  { makeFraming, samples, wire }: FramingUnderTest,
): void {
  const free = makeFraming({});
  const maxFrameLength = Math.max(...samples.map(({ length }) => length));
  // With a low limit, many lengths are too large.
  const limited = attempt(() => makeFraming({ maxFrameLength })) ?? free;
  const random = randomFrom(1);
  for (let run = 0; run < HOSTILE_RUNS; run++) {
    const framing = run % 2 === 0 ? free : limited;
    const bytes = concat([wire.subarray(0, random(wire.length)), wire.slice()]);
    for (let i = random(8); i >= 0; i--) {
      bytes[random(bytes.length)] = random(256);
    }
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += pieces.at(-1)!.length) {
      pieces.push(bytes.slice(at, at + 1 + random(40)));
    }
    const whole = outcomeOf(framing.decoder(), [bytes]);
    const inPieces = outcomeOf(framing.decoder(), pieces);
    mustEqual(inPieces.frames, whole.frames, "random bytes in pieces");
    must(
      inPieces.error?.code === whole.error?.code,
      () =>
        `random bytes in pieces: it threw '${inPieces.error?.message}'; in one chunk, '${whole.error?.message}'`,
    );
  }
}

/** Returns the frames of a stream, and the error that ended it. */
function outcomeOf(
  decoder: FrameDecoder,
  chunks: readonly Uint8Array[],
): { frames: Uint8Array[]; error: FrameError | undefined } {
  const frames: Uint8Array[] = [];
  const take = () => {
    for (let frame; (frame = decoder.next()) !== undefined;) {
      frames.push(frame.slice());
    }
  };
  const error = frameErrorOf(() => {
    for (const chunk of chunks) {
      decoder.push(chunk);
      take();
      chunk.fill(0xa5); // the decoder must not refer to it
    }
    decoder.end();
    take();
  });
  if (error !== undefined) mustStay(decoder, error);
  return { frames, error };
}

/** Builds payloads from bytes of the stream, so some contain its delimiters. */
function anyPayload({ makeFraming, samples, wire }: FramingUnderTest): void {
  const framing = makeFraming({});
  const encoder = framing.encoder();
  const random = randomFrom(2);
  for (let run = 0; run < HOSTILE_RUNS; run++) {
    const { length } = samples[random(samples.length)]!;
    const payload = Uint8Array.from(
      { length: random(2) === 0 ? length : random(9) },
      () => wire[random(wire.length)]!,
    );
    const frames: Uint8Array[] = [];
    const refused = frameErrorOf(() => frames.push(encoder.encode(payload)));
    if (refused !== undefined) continue;
    const [back, ...more] = feed(framing.decoder(), frames[0]!);
    must(
      back?.length === payload.length && more.length === 0 &&
        sameBytes(encoder.encode(back), frames[0]!),
      () => `[${payload}] decoded to [${back ?? "nothing"}]`,
    );
  }
}
