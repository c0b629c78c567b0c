import { FrameError } from "../framing/errors.ts";
import type { FrameDecoder, Framing } from "../framing/framing.ts";

/** What every rule is given. */
export interface Case {
  readonly makeFraming: (options: { maxFrameLength?: number }) => Framing;
  readonly samples: readonly Uint8Array[];
  /** Each sample framed. */
  readonly frames: readonly Uint8Array[];
  /** All frames, one behind the other. */
  readonly wire: Uint8Array;
}

/** A rule's name, and the check that throws where it is broken. */
export type Rule = readonly [name: string, check: (subject: Case) => void];

/** Throws with what was wrong. */
export function must(holds: boolean, otherwise: () => string): asserts holds {
  if (!holds) throw new Error(otherwise());
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Copies of all frames that are whole. */
export function drain(decoder: FrameDecoder): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame; (frame = decoder.next()) !== undefined;) {
    frames.push(frame.slice());
  }
  return frames;
}

/**
 * Pushes a chunk, takes all frames, and overwrites the chunk: by then nobody
 * may refer to it.
 */
export function feed(decoder: FrameDecoder, bytes: Uint8Array): Uint8Array[] {
  const chunk = bytes.slice();
  decoder.push(chunk);
  const frames = drain(decoder);
  must(same(chunk, bytes), () => "next() changed the chunk it was given");
  chunk.fill(0xa5);
  return frames;
}

/** Compares what came with what was sent. */
export function mustEqual(
  got: readonly Uint8Array[],
  sent: readonly Uint8Array[],
  when: string,
): void {
  must(
    got.length === sent.length,
    () => `${when}: ${got.length} frames came where ${sent.length} were sent`,
  );
  got.forEach((frame, i) => {
    must(same(frame, sent[i]!), () => `${when}: frame ${i} differs`);
  });
}

/** The FrameError that a step throws, or nothing. */
export function frameErrorOf(step: () => void): FrameError | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
}
