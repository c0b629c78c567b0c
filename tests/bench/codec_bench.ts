/**
 * Compares the codecs with others in one run: candidates take turns in many short
 * rounds, and the lower quartile of each candidate's times counts. A busy machine
 * therefore has little effect, and the same effect on all.
 *
 * msgpackr's main entry point is not used: it installs the native addon for every
 * entry point of the package, including the baseline.
 *
 * ```sh
 * deno task bench codec
 * ```
 *
 * @module
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
// @ts-types="npm:msgpackr@2.1.3"
import { Packr } from "msgpackr/pack";
import { json } from "../../lib/messages/codec/json.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";

/** A codec to compare. */
interface Candidate {
  readonly name: string;
  readonly encode: (value: unknown) => unknown;
  readonly decode: () => unknown;
}

/** Speeds of a candidate relative to the baseline; above 1 is faster. */
interface CodecFigure {
  /** Name of the message. */
  readonly message: string;
  /** Name of the codec. */
  readonly codec: string;
  /** Speed of encoding relative to the baseline. */
  readonly encode: number;
  /** Speed of decoding relative to the baseline. */
  readonly decode: number;
  /** Speed of both together relative to the baseline. */
  readonly both: number;
  /** Encoded size in bytes. */
  readonly bytes: number;
}

const ROUNDS = 120;
const ROUND_MS = 4;

const SMALL = {
  id: 123456,
  sku: "A-1207-X",
  name: "Blue ceramic mug, large",
  price: { amount: 12.5, currency: "EUR" },
  tags: ["kitchen", "gift"],
  stock: 42,
  active: true,
};

/** Creates about 50 KB of orders. */
function large(): unknown {
  const lines = (seed: number) =>
    Array.from({ length: 3 }, (_, index) => ({
      sku: `A-${seed * 7 + index}`,
      quantity: 1 + (seed + index) % 9,
      cents: 199 + seed * 13 + index,
    }));
  return {
    page: 1,
    orders: Array.from({ length: 240 }, (_, index) => ({
      id: 1_000_000 + index,
      customer: `customer-${index % 50}@example.com`,
      note: index % 4 === 0 ? "Bitte beim Nachbarn abgeben, Müller" : null,
      express: index % 3 === 0,
      weight: index * 0.37,
      lines: lines(index),
    })),
  };
}

/** Compares the codecs and prints a table. */
export function run(): Promise<void> {
  const figures = [["small", SMALL], ["50 KB", large()]].flatMap((
    [name, value],
  ) => compare(String(name), value));
  console.table(
    figures.map(({ encode, decode, both, ...rest }) => ({
      ...rest,
      encode: encode.toFixed(2),
      decode: decode.toFixed(2),
      both: both.toFixed(2),
    })),
  );
  return Promise.resolve();
}

function compare(message: string, value: unknown): CodecFigure[] {
  const candidates = makeCandidates(value);
  const batch = calibrate(candidates[0]!, value);
  const times = candidates.map(() => [] as [number, number][]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { encode, decode }] of candidates.entries()) {
      times[index]!.push([
        time(() => encode(value), batch),
        time(decode, batch),
      ]);
    }
  }
  const quick = times.map((rounds) => ({
    encode: lowerQuartile(rounds.map(([encode]) => encode)),
    decode: lowerQuartile(rounds.map(([, decode]) => decode)),
  }));
  const baseline = quick[0]!;
  return candidates.map(({ name, encode }, index) => {
    const own = quick[index]!;
    return {
      message,
      codec: name,
      bytes: byteLength(encode(value)),
      encode: baseline.encode / own.encode,
      decode: baseline.decode / own.decode,
      both: (baseline.encode + baseline.decode) / (own.encode + own.decode),
    };
  });
}

function makeCandidates(value: unknown): Candidate[] {
  const plain = new Packr({ useRecords: false });
  const records = new Packr({ useRecords: true });
  const encoder = new Encoder(), decoder = new Decoder();
  const codec = msgpack(), text = json();
  const target = new Uint8Array(256 * 1024);
  const body = codec.encode(value), textBody = text.encode(value);
  const plainBody = plain.pack(value).slice();
  const recordsBody = records.pack(value).slice();
  const otherBody = encoder.encode(value);
  const utf8 = new TextEncoder(), fromUtf8 = new TextDecoder();
  const into = (end: number | Uint8Array) =>
    typeof end === "number" ? target.subarray(0, end) : end;
  return [
    {
      name: "msgpackr, no records (baseline)",
      encode: (v: unknown) => plain.pack(v),
      decode: () => plain.unpack(plainBody),
    },
    {
      name: "msgpack()",
      encode: (v: unknown) => codec.encodeInto(v, target, 0),
      decode: () => codec.decode(body),
    },
    {
      name: "json()",
      encode: (v: unknown) => text.encodeInto(v, target, 0),
      decode: () => text.decode(textBody),
    },
    {
      name: "msgpackr, records",
      encode: (v: unknown) => records.pack(v),
      decode: () => records.unpack(recordsBody),
    },
    {
      name: "@msgpack/msgpack",
      encode: (v: unknown) => encoder.encodeSharedRef(v),
      decode: () => decoder.decode(otherBody),
    },
    {
      name: "JSON and UTF-8",
      encode: (v: unknown) => utf8.encode(JSON.stringify(v)),
      decode: () => JSON.parse(fromUtf8.decode(textBody)),
    },
  ].map((candidate) => ({
    ...candidate,
    encode: (v: unknown) => {
      const bytes = candidate.encode(v);
      return typeof bytes === "number" ? into(bytes) : bytes;
    },
  }));
}

function byteLength(bytes: unknown): number {
  return bytes instanceof Uint8Array ? bytes.byteLength : 0;
}

function calibrate({ encode }: Candidate, value: unknown): number {
  time(() => encode(value), 2000);
  return Math.max(5, Math.round(ROUND_MS / time(() => encode(value), 200)));
}

/** Milliseconds per call. */
function time(call: () => unknown, calls: number): number {
  const start = performance.now();
  for (let index = 0; index < calls; index++) call();
  return (performance.now() - start) / calls;
}

function lowerQuartile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 2] ?? NaN;
}

if (import.meta.main) await run();
