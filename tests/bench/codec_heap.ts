/**
 * Measures the heap bytes and the time of each kind of value that the codecs
 * accept, beside the bytes that the scan charges.
 *
 * ```sh
 * deno task heap            # bodies of 1 MB
 * deno task heap 100000     # bodies of 100 KB
 * deno task heap 100000 1 plain    # in one round, without extensions
 * ```
 *
 * "held" is the heap and external memory after two forced collections. "time" is
 * relative to an ordinary body of the same size, decoded in turn by plain
 * `msgpackr` or `JSON.parse`. Exits with an error if a body holds more than is
 * charged or than its limit. The time is only printed, as a busy machine
 * distorts it.
 *
 * @module
 */
// @ts-types="npm:msgpackr@2.1.3"
import { Unpackr } from "msgpackr/index-no-eval";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import {
  extendCodec,
  jsonValues,
  msgpackValues,
  regexps,
} from "../../lib/messages/codec/extensions/mod.ts";
import { HELD_PER_BYTE } from "../../lib/messages/codec/held_bytes.ts";
import { json } from "../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import {
  decodeMetadata,
  encodeMetadata,
} from "../../lib/messages/session/wire/metadata.ts";
import {
  EXTENDED_PACKED,
  EXTENDED_TEXTS,
  type MakeBody,
  PACKED,
  TEXTS,
} from "./codec_kinds.ts";

/** The figures of one kind of body. */
export interface HeapFigure {
  codec: string;
  kind: string;
  bytes: number;
  /** Bytes held for each byte of the body. */
  held: number;
  /** Bytes charged for each byte of the body. */
  charged: number;
  /** Time to decode, as a multiple of an ordinary body. */
  time: number;
  /** The limit that rejects the body. */
  refused: string;
}

const ROUNDS = 15;
const MAX_HELD = 32 * 1024 * 1024;
/** Bytes that the two index keys of metadata may hold; a list holds 30 KB. */
const MAX_METADATA = 1024;
/** Bytes that other parts of the process may take meanwhile. */
const SLACK = 16 * 1024;

const forceCollection = (globalThis as { gc?: () => void }).gc; // set by --expose-gc

/**
 * Measures every kind of body of about `size` bytes; only those without
 * extensions, if `plain` is set.
 */
export function measureKinds(
  size: number,
  rounds = ROUNDS,
  plain = false,
): HeapFigure[] {
  const unpackr = new Unpackr({
    useRecords: false,
    structuredClone: false,
    copyBuffers: true,
    int64AsType: "bigint",
  });
  const fromUtf8 = new TextDecoder();
  return [
    ...measureAll(
      msgpack(),
      PACKED,
      size,
      rounds,
      (body) => unpackr.unpack(body),
    ),
    ...measureAll(
      json(),
      TEXTS,
      size,
      rounds,
      (body) => JSON.parse(fromUtf8.decode(body)),
    ),
    ...plain ? [] : measureAll(
      extendCodec(msgpack(), [...msgpackValues, regexps]),
      EXTENDED_PACKED,
      size,
      rounds,
      (body) => unpackr.unpack(body),
    ),
    ...plain ? [] : measureAll(
      extendCodec(json(), [...jsonValues, regexps]),
      EXTENDED_TEXTS,
      size,
      rounds,
      (body) => JSON.parse(fromUtf8.decode(body)),
    ),
  ];
}

function measureAll(
  codec: MessageCodec,
  kinds: Readonly<Record<string, MakeBody>>,
  size: number,
  rounds: number,
  plain: (body: Uint8Array) => unknown,
): HeapFigure[] {
  const [first] = Object.values(kinds);
  const ordinary = first!(size);
  return Object.entries(kinds).map(([kind, make]) => {
    const body = make(size);
    const figure = { codec: codec.name, kind, bytes: body.length };
    const budget = { held: 0 };
    try {
      codec.decode(body, budget);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const { limit = error.code } = error;
      return { ...figure, held: NaN, charged: NaN, time: NaN, refused: limit };
    }
    return {
      ...figure,
      held: heldBy(() => codec.decode(body), allowedFor(budget.held)) /
        body.length,
      charged: budget.held / body.length,
      time: ratio(rounds, () => codec.decode(body), () => plain(ordinary)),
      refused: "",
    };
  });
}

/** Returns the bytes that the value of `make` keeps in memory. */
function heldBy(make: () => unknown, allowed: number): number {
  let held = Infinity;
  // The engine also records how the code ran, so too much is measured again.
  for (let round = 0; round < 3 && held > allowed; round++) {
    const before = inUse();
    const value = [make()];
    held = Math.min(held, inUse() - before);
    value.length = 0;
  }
  return held;
}

function inUse(): number {
  forceCollection?.();
  forceCollection?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Returns the ratio of the lower quartiles of two times that take turns. */
function ratio(rounds: number, one: () => unknown, other: () => unknown) {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of [one, other].entries()) {
      const start = performance.now();
      run();
      times[index]!.push(performance.now() - start);
    }
  }
  const [own = NaN, base = NaN] = times.map((list) =>
    list.sort((a, b) => a - b)[rounds >> 2]
  );
  return own / base;
}

/** Returns the bytes that metadata with index keys holds. */
function metadataHeld(): number {
  const bytes = encodeMetadata({ 999: "", 2022: "" }, 100);
  const make = () => Array.from({ length: 100 }, () => decodeMetadata(bytes));
  make();
  return heldBy(make, 0) / 100;
}

/** Returns the bytes that a value may hold for what it is charged. */
function allowedFor(charged: number): number {
  return charged * 1.02 + SLACK;
}

/** Returns the figures that break the promise of `maxHeld`. */
export function violations(figures: readonly HeapFigure[]): HeapFigure[] {
  return figures.filter(({ held, charged, bytes }) =>
    held * bytes > allowedFor(charged * bytes) ||
    held > HELD_PER_BYTE * 1.01 || held * bytes > MAX_HELD
  );
}

if (import.meta.main) {
  if (forceCollection === undefined) {
    throw new Error("Run this program with --v8-flags=--expose-gc");
  }
  const figures = measureKinds(
    Number(Deno.args[0] ?? 1_000_000),
    Number(Deno.args[1] ?? ROUNDS),
    Deno.args[2] === "plain",
  );
  console.table(figures.map(({ held, charged, time, ...rest }) => ({
    ...rest,
    held: held.toFixed(1),
    charged: charged.toFixed(1),
    "charged/held": (charged / held).toFixed(1),
    time: time.toFixed(1),
  })));
  const worst = Math.max(...figures.map(({ held }) => held || 0));
  const slowest = Math.max(...figures.map(({ time }) => time || 0));
  console.log(
    `at most ${worst.toFixed(1)} bytes held for each byte; at most ${
      slowest.toFixed(1)
    } times as slow`,
  );
  const metadata = metadataHeld();
  console.log(`metadata with index keys: ${metadata.toFixed(0)} bytes held`);
  if (metadata > MAX_METADATA) Deno.exit(1);
  const broken = violations(figures);
  if (broken.length > 0) {
    console.error("more is held than charged or allowed:", broken);
    Deno.exit(1);
  }
}
