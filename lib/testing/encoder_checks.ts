import { FrameError } from "../framing/errors.ts";
import {
  type Case,
  frameErrorOf,
  must,
  type Rule,
  same,
} from "./framing_check.ts";

/** What the rules fill buffers with, to see what was written. */
const DIRT = 0x5a;
/** A limit up to which a payload over it is made. */
const LARGEST_PAYLOAD = 2 ** 26;

/** The rules for encoders. */
export const ENCODING_RULES: readonly Rule[] = [
  ["maxEncodedLength() is an upper bound", boundHolds],
  ["encode() leaves the payload as it is", payloadUnchanged],
  ["encodeInto() writes what encode() makes, and nothing else", intoAsEncode],
  ["encodeInto() refuses a target without room", intoChecksRoom],
  ["seal() makes what encode() makes, with no gap", sealAsEncode],
  ["encodeHeader() writes what encode() puts in front", headerAsEncode],
  ["encode() refuses a payload over 'maxFrameLength'", limitHolds],
];

function boundHolds({ makeFraming, samples, frames }: Case): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const bound = encoder.maxEncodedLength(sample.length);
    must(
      frames[i]!.length <= bound,
      () => `${frames[i]!.length} bytes where it said ${bound}`,
    );
  });
}

function payloadUnchanged({ makeFraming, samples, frames }: Case): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const payload = sample.slice();
    const again = encoder.encode(payload);
    must(same(payload, sample), () => `sample ${i} was changed`);
    must(same(again, frames[i]!), () => `sample ${i} was framed in two ways`);
  });
}

function intoAsEncode({ makeFraming, samples, frames }: Case): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const room = encoder.maxEncodedLength(sample.length);
    const target = new Uint8Array(3 + room + 3).fill(DIRT);
    const end = encoder.encodeInto(sample, target, 3);
    const frame = frames[i]!;
    must(end === 3 + frame.length, () => `it returned ${end} for sample ${i}`);
    must(same(target.subarray(3, end), frame), () => `sample ${i} differs`);
    const around = [...target.subarray(0, 3), ...target.subarray(3 + room)];
    must(
      around.every((byte) => byte === DIRT),
      () => `it wrote outside of its room for sample ${i}`,
    );
  });
}

function intoChecksRoom({ makeFraming, samples, frames }: Case): void {
  const encoder = makeFraming({}).encoder();
  samples.forEach((sample, i) => {
    const target = new Uint8Array(frames[i]!.length - 1);
    let thrown = false;
    try {
      encoder.encodeInto(sample, target, 0);
    } catch {
      thrown = true;
    }
    must(thrown, () => `sample ${i} fits in a target one byte too short`);
  });
}

function sealAsEncode({ makeFraming, samples, wire }: Case): void {
  const { inPlace } = makeFraming({}).encoder();
  if (inPlace === undefined) return;
  const room = samples.reduce(
    (sum, s) => sum + inPlace.headroom + s.length + inPlace.tailroom,
    0,
  );
  const target = new Uint8Array(room).fill(DIRT);
  let at = 0;
  for (const sample of samples) {
    target.set(sample, at + inPlace.headroom);
    at = inPlace.seal(target, at, at + inPlace.headroom + sample.length);
  }
  must(at === wire.length, () => `${at} bytes where ${wire.length} are framed`);
  must(same(target.subarray(0, at), wire), () => "the bytes differ");
}

function headerAsEncode({ makeFraming, samples, frames }: Case): void {
  const encoder = makeFraming({}).encoder();
  if (encoder.encodeHeader === undefined) return;
  for (const [i, sample] of samples.entries()) {
    const frame = frames[i]!;
    const header = frame.length - sample.length;
    const target = new Uint8Array(3 + header + 3).fill(DIRT);
    const end = encoder.encodeHeader(sample.length, target, 3);
    must(end === 3 + header, () => `it returned ${end} for sample ${i}`);
    must(
      same(target.subarray(3, end), frame.subarray(0, header)) &&
        same(sample, frame.subarray(header)),
      () => `sample ${i} behind it is not what is framed`,
    );
    must(
      [...target.subarray(0, 3), ...target.subarray(end)]
        .every((byte) => byte === DIRT),
      () => `it wrote outside of its room for sample ${i}`,
    );
  }
}

function limitHolds({ makeFraming }: Case): void {
  const framing = makeFraming({});
  const over = framing.maxFrameLength + 1;
  if (over > LARGEST_PAYLOAD) return;
  const error = frameErrorOf(() =>
    void framing.encoder().encode(new Uint8Array(over).fill(DIRT))
  );
  must(
    error instanceof FrameError,
    () => `it took ${over} bytes, and ${over - 1} is the limit`,
  );
}
