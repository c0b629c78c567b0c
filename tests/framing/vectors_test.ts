/** Test vectors from other libraries' tests, documentation and bugs. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FrameError, type Framing } from "@lengthwise/lengthwise/framing";
import {
  bytesOf,
  framingOf,
  join,
  type Outcome,
  outcomeOf,
  TEXT,
  type Vector,
  VECTORS,
} from "./framing_vectors.ts";
import { format } from "../vectors/json_text.ts";
import { cuts, mulberry32 } from "./random.ts";

const SEED = 20260901;
/** Longer streams are cut only near both ends, not at every byte. */
const EVERY_SPLIT = 2_000;

function decode(
  framing: Framing,
  chunks: Iterable<Uint8Array>,
  closes: boolean,
): Outcome {
  const decoder = framing.decoder();
  const outcome: Outcome = {
    ...{ frames: [], at: [], skipped: 0, error: undefined },
  };
  let index = 0;
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let frame; (frame = decoder.next()) !== undefined;) {
        outcome.frames.push(frame.slice());
        outcome.at.push(index);
      }
      index++;
    }
    if (closes) decoder.end();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    outcome.error = error.code;
  }
  return { ...outcome, skipped: decoder.skipped };
}

function checkDecode(vector: Vector): void {
  const framing = framingOf(vector.config);
  const expected = outcomeOf(vector);
  const chunks = (vector.recommended?.chunks ?? vector.chunks!).map(bytesOf);
  const closes = vector.closes ?? false;
  same(decode(framing, chunks, closes), expected, "as it was given");
  const wire = join(chunks);
  const recut = (pieces: Iterable<Uint8Array>, how: string): void =>
    same(
      { ...decode(framing, pieces, closes), at: [] },
      { ...expected, at: [] },
      how,
    );
  recut([wire], "whole");
  let pieces = 0;
  const middle = Math.max(1, wire.length - 2 * EVERY_SPLIT);
  const single = () => pieces++ === EVERY_SPLIT ? middle : 1;
  recut(cuts(wire, single), "byte by byte at both ends");
  for (const at of splits(wire.length)) {
    recut([wire.slice(0, at), wire.slice(at)], `cut at ${at}`);
  }
  const random = mulberry32(SEED);
  const runs = wire.length < EVERY_SPLIT ? 50 : 3;
  for (let run = 0; run < runs; run++) {
    const most = Math.max(2, wire.length >> random(8));
    recut(cuts(wire, () => 1 + random(most)), `seed ${SEED}, run ${run}`);
  }
}

/** Compares as text first, because `assertEquals` takes seconds for megabytes. */
function same(got: Outcome, expected: Outcome, how: string): void {
  if (print(got) !== print(expected)) assertEquals(got, expected, how);
}

function print({ frames, at, skipped, error }: Outcome): string {
  return `${frames.map((frame) => frame.toHex())} ${at} ${skipped} ${error}`;
}

function splits(length: number): number[] {
  const all = Array.from({ length: Math.min(length + 1, EVERY_SPLIT) });
  if (length < EVERY_SPLIT) return all.map((_, i) => i);
  return [...all.slice(0, 8).map((_, i) => i), length - 1];
}

/** Whether the frames contain all information of the encoded stream. */
function reversible({ config, expect }: Vector): boolean {
  const { framing, offset = 0, strip = 0, delimiters = [] } = config;
  if (expect.end !== "clean" || expect.events!.some((e) => e.error)) {
    return false;
  }
  if (expect.events!.some((event) => event.at === "eof")) return false;
  if (framing === "length-field") return offset === 0 || strip === 0;
  return delimiters.length < 2 || config.stripDelimiter === false;
}

function checkEncode(vector: Vector): void {
  const { wire, error } = vector.expect;
  const encoder = framingOf(vector.config).encoder();
  const payloads = vector.inputs!.map(bytesOf);
  if (error) {
    assertThrows(() => payloads.map((p) => encoder.encode(p)), FrameError);
    return;
  }
  const frames = payloads.map((payload) => encoder.encode(payload));
  sameBytes(join(frames), bytesOf(wire!));
  const decoded = decode(framingOf(vector.config), frames, true);
  assertEquals(decoded.frames.length, payloads.length);
  decoded.frames.forEach((frame, i) => sameBytes(frame, payloads[i]!));
}

/** Compares as text first, as `same` does. */
function sameBytes(got: Uint8Array, expected: Uint8Array): void {
  if (got.toHex() !== expected.toHex()) assertEquals(got, expected);
}

/** Vectors with a width that only this library supports. */
const LEGAL_HERE = ["netty-lf-config-width-5", "netty-prepend-config-width-5"];

const CHECKS = {
  decode: checkDecode,
  encode: checkEncode,
  config(vector: Vector): void {
    if (LEGAL_HERE.includes(vector.name)) framingOf(vector.config);
    else assertThrows(() => framingOf(vector.config), RangeError);
  },
};

for (const vector of VECTORS) {
  Deno.test({
    name:
      `${vector.mode} results in the outcome of ${vector.name}, however it is split`,
    permissions: "none",
    fn: () => CHECKS[vector.mode](vector),
  });
}

Deno.test({
  name: "encode() reproduces the stream of every reversible vector",
  permissions: "none",
  fn() {
    const able = VECTORS.filter((v) => v.mode === "decode" && reversible(v));
    assert(able.length >= 40, `${able.length} vectors`);
    for (const vector of able) {
      const encoder = framingOf(vector.config).encoder();
      const frames = outcomeOf(vector).frames.map((f) => encoder.encode(f));
      const wire = join(vector.chunks!.map(bytesOf));
      assertEquals(join(frames), wire, vector.name);
    }
  },
});

Deno.test({
  name: "framing.json has 146 vectors",
  permissions: "none",
  fn: () => assertEquals(VECTORS.length, 146),
});

Deno.test({
  name: "framing.json is formatted",
  permissions: "none",
  fn: () => assert(TEXT === format(TEXT), "run `deno task vectors`"),
});

Deno.test({
  name: "format() keeps the digits of numbers that JSON.parse() would round",
  permissions: "none",
  fn() {
    const text = '{"max": 9223372036854775807, "least": -1.50}\n';
    assertEquals(format(text), text);
  },
});
