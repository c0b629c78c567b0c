/**
 * Checks of `checkFraming()` for encoders.
 *
 * @module
 */
import { FrameError } from "../framing/errors.ts";
import {
  frameErrorOf,
  type FramingCheck,
  type FramingUnderTest,
  HOSTILE_RUNS,
  must,
  randomFrom,
} from "./framing_kit.ts";
import { sameBytes } from "./same_value.ts";

/** Byte that fills buffers, to reveal which bytes were written. */
const FILLER = 0x5a;
/** Length of the longest payload with which a limit is tested. */
const LARGEST_PAYLOAD = 2 ** 26;

/** The checks of encoders. */
export const ENCODER_CHECKS: readonly FramingCheck[] = [
  ["maxEncodedLength() is an upper bound", boundHolds],
  ["encode() does not change the payload", payloadUnchanged],
  [
    "encodeInto() writes the same bytes as encode() and no others",
    intoAsEncode,
  ],
  ["encodeInto() throws if the target is too small", intoChecksRoom],
  ["encodeInto() encodes a payload that is part of the target", intoOverlaps],
  ["encodeInto() and seal() reject what encode() rejects", rejectAlike],
  ["seal() writes the same frames as encode(), without gaps", sealAsEncode],
  ["encodeHeader() writes the same header as encode()", headerAsEncode],
  ["encodeHeader() throws if the target is too small", headerChecksRoom],
  ["encode() rejects a payload over 'maxFrameLength'", limitHolds],
];

function boundHolds({ makeFraming, samples, frames }: FramingUnderTest): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const bound = encoder.maxEncodedLength(sample.length);
    must(
      frames[i]!.length <= bound,
      () =>
        `sample ${i} has ${
          frames[i]!.length
        } encoded bytes; the bound is ${bound}`,
    );
  });
}

function payloadUnchanged(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const payload = sample.slice();
    const again = encoder.encode(payload);
    must(sameBytes(payload, sample), () => `sample ${i} was changed`);
    must(
      sameBytes(again, frames[i]!),
      () => `sample ${i} was encoded in two ways`,
    );
  });
}

function intoAsEncode(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const room = encoder.maxEncodedLength(sample.length);
    const target = new Uint8Array(3 + room + 3).fill(FILLER);
    const end = encoder.encodeInto(sample, target, 3);
    const frame = frames[i]!;
    must(end === 3 + frame.length, () => `it returned ${end} for sample ${i}`);
    must(
      sameBytes(target.subarray(3, end), frame),
      () => `sample ${i} differs`,
    );
    const around = [...target.subarray(0, 3), ...target.subarray(3 + room)];
    must(
      around.every((byte) => byte === FILLER),
      () => `it wrote outside the frame's space for sample ${i}`,
    );
  });
}

function intoChecksRoom(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const target = new Uint8Array(frames[i]!.length - 1);
    let thrown = false;
    try {
      encoder.encodeInto(sample, target, 0);
    } catch {
      thrown = true;
    }
    must(
      thrown,
      () => `sample ${i} was accepted by a target one byte too short`,
    );
  });
}

function intoOverlaps(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const room = encoder.maxEncodedLength(sample.length);
    for (const at of [0, 1, 3, 5, room]) {
      const target = new Uint8Array(room + sample.length + 8);
      const payload = target.subarray(at, at + sample.length);
      payload.set(sample);
      const end = encoder.encodeInto(payload, target, 2);
      must(
        sameBytes(target.subarray(2, end), frames[i]!),
        () => `sample ${i} differs if it begins at offset ${at - 2}`,
      );
    }
  });
}

/** Builds payloads from bytes of the stream, some of which are invalid. */
function rejectAlike({ makeFraming, samples, wire }: FramingUnderTest): void {
  const encoder = makeFraming({}).encoder();
  const random = randomFrom(3);
  for (let run = 0; run < HOSTILE_RUNS; run++) {
    const { length } = samples[random(samples.length)]!;
    const payload = Uint8Array.from(
      { length: random(2) === 0 ? length : random(9) },
      () => wire[random(wire.length)]!,
    );
    const refused = frameErrorOf(() => void encoder.encode(payload));
    if (refused === undefined) continue;
    const { headroom = 0, tailroom = 0 } = encoder.inPlace ?? {};
    const room = encoder.maxEncodedLength(payload.length);
    const target = new Uint8Array(room + headroom + tailroom);
    const into = frameErrorOf(() => encoder.encodeInto(payload, target, 0));
    must(
      into?.code === refused.code,
      () => `encodeInto() threw '${into?.code}'; encode() '${refused.code}'`,
    );
    if (encoder.inPlace === undefined) continue;
    target.set(payload, headroom);
    const sealed = frameErrorOf(() =>
      encoder.inPlace!.seal(target, 0, headroom + payload.length)
    );
    must(
      sealed?.code === refused.code,
      () => `seal() threw '${sealed?.code}'; encode() '${refused.code}'`,
    );
  }
}

function sealAsEncode({ makeFraming, samples, wire }: FramingUnderTest): void {
  const { inPlace } = makeFraming({}).encoder();
  if (inPlace === undefined) return;
  const room = samples.reduce(
    (sum, s) => sum + inPlace.headroom + s.length + inPlace.tailroom,
    0,
  );
  const target = new Uint8Array(room).fill(FILLER);
  let at = 0;
  for (const sample of samples) {
    target.set(sample, at + inPlace.headroom);
    at = inPlace.seal(target, at, at + inPlace.headroom + sample.length);
  }
  must(
    at === wire.length,
    () => `it wrote ${at} bytes; expected ${wire.length}`,
  );
  must(sameBytes(target.subarray(0, at), wire), () => "the bytes differ");
}

function headerAsEncode(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  if (encoder.encodeHeader === undefined) return;
  for (const [i, sample] of samples.entries()) {
    const frame = frames[i]!;
    const header = frame.length - sample.length;
    const target = new Uint8Array(3 + header + 3).fill(FILLER);
    const end = encoder.encodeHeader(sample.length, target, 3);
    must(end === 3 + header, () => `it returned ${end} for sample ${i}`);
    must(
      sameBytes(target.subarray(3, end), frame.subarray(0, header)) &&
        sameBytes(sample, frame.subarray(header)),
      () => `the header followed by sample ${i} differs from the frame`,
    );
    must(
      [...target.subarray(0, 3), ...target.subarray(end)]
        .every((byte) => byte === FILLER),
      () => `it wrote outside the frame's space for sample ${i}`,
    );
  }
}

function headerChecksRoom(
  { makeFraming, samples, frames }: FramingUnderTest,
): void {
  const encoder = makeFraming({}).encoder();
  if (encoder.encodeHeader === undefined) return;
  for (const [i, { length }] of samples.entries()) {
    const header = frames[i]!.length - length;
    if (header === 0) continue;
    let thrown = false;
    try {
      encoder.encodeHeader(length, new Uint8Array(header - 1), 0);
    } catch {
      thrown = true;
    }
    must(
      thrown,
      () => `the header of sample ${i} was written into ${header - 1} bytes`,
    );
  }
}

function limitHolds({ makeFraming }: FramingUnderTest): void {
  const framing = makeFraming({});
  const over = framing.maxFrameLength + 1;
  if (over > LARGEST_PAYLOAD) return;
  const error = frameErrorOf(() =>
    void framing.encoder().encode(new Uint8Array(over).fill(FILLER))
  );
  must(
    error instanceof FrameError,
    () => `it accepted ${over} bytes; the limit is ${over - 1}`,
  );
}
