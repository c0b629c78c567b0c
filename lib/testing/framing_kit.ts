/**
 * Helpers for the framing checks: assertions, and functions that feed decoders.
 *
 * @module
 */
import { FrameError } from "../framing/errors.ts";
import type { FrameDecoder, Framing } from "../framing/framing.ts";
import { sameBytes } from "./same_value.ts";

/** A framing and its samples. */
export interface FramingUnderTest {
  readonly makeFraming: (options: { maxFrameLength?: number }) => Framing;
  readonly samples: readonly Uint8Array[];
  /** Each sample, encoded. */
  readonly frames: readonly Uint8Array[];
  /** All frames, concatenated. */
  readonly wire: Uint8Array;
}

/** Number of random inputs of a check. */
export const HOSTILE_RUNS = 200;

/** Name of a rule, and a function that checks it. */
export type FramingCheck = readonly [
  name: string,
  check: (subject: FramingUnderTest) => void,
];

/** Throws an error with the message unless the condition holds. */
export function must(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new Error(message());
}

/** Concatenates pieces into one array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Returns copies of all complete frames. */
export function drain(decoder: FrameDecoder): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame; (frame = decoder.next()) !== undefined;) {
    frames.push(frame.slice());
  }
  return frames;
}

/**
 * Pushes a chunk, returns all complete frames, and overwrites the chunk.
 *
 * The decoder must not reference the chunk after `next()` returns `undefined`.
 */
export function feed(decoder: FrameDecoder, bytes: Uint8Array): Uint8Array[] {
  const chunk = bytes.slice();
  decoder.push(chunk);
  const frames = drain(decoder);
  must(sameBytes(chunk, bytes), () => "next() changed the pushed chunk");
  chunk.fill(0xa5);
  return frames;
}

/** Throws unless the decoded frames equal the samples. */
export function mustEqual(
  got: readonly Uint8Array[],
  sent: readonly Uint8Array[],
  when: string,
): void {
  must(
    got.length === sent.length,
    () => `${when}: ${got.length} frames decoded; expected ${sent.length}`,
  );
  got.forEach((frame, i) => {
    must(sameBytes(frame, sent[i]!), () => `${when}: frame ${i} differs`);
  });
}

/** Returns the `FrameError` that a step throws, or `undefined`. */
export function frameErrorOf(step: () => void): FrameError | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
}

/** Returns a deterministic generator of random integers. */
export function randomFrom(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor(seed / 2 ** 32 * below);
  };
}
