/**
 * Feeds harmed and hostile bodies to the codecs.
 *
 * Invariant: whatever the bytes, `decode` returns a value or throws a
 * `CodecError`. A value is plain data of its own, no deeper and no larger than
 * the limits and the body allow, and it survives being encoded and decoded
 * again. Nothing else in the program changes.
 *
 * ```sh
 * deno run tests/fuzz/codec_fuzz.ts                  # a million inputs, a seed of the day
 * deno run tests/fuzz/codec_fuzz.ts SEED [INPUTS]    # the same inputs again
 * ```
 *
 * @module
 */
import { bytes } from "../../lib/messages/codec/bytes.ts";
import { sameBytes, sameValue } from "../../lib/testing/same_value.ts";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import { HELD_PER_BYTE } from "../../lib/messages/codec/held_bytes.ts";
import {
  extendCodec,
  jsonValues,
  msgpackValues,
} from "../../lib/messages/codec/extensions/mod.ts";
import { json } from "../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import { makeBody, randomFrom } from "./codec_inputs.ts";
import { keyCosts, MOST_TIME } from "./key_costs.ts";

/** How a run went. */
export interface FuzzResult {
  /** Bodies that were values. */
  values: number;
  /** Bodies that were refused, by code. */
  refused: Record<string, number>;
  /** The worst costs of values that were measured. */
  worst: Record<keyof Cost, number>;
}

/** The cost of decoding one body. */
interface Cost {
  /** Bytes charged for each byte of the body and the 256 that are free. */
  charged: number;
  /** Bytes held, as a share of the bytes charged. */
  held: number;
  /** Time for each byte of the body, as a multiple of an ordinary body's. */
  time: number;
}

const MAX_DEPTH = 64;
/** One of so many values is measured. */
const MEASURED = 500;
/** Copies of a value that are measured together. */
const COPIES = 20;
/** Bytes of heap that other parts of the process may take meanwhile. */
const SLACK = 64 * 1024;
/** Minimum size of bodies whose time is measured. */
const TIMED = 256;
const BARE_KEYS = Reflect.ownKeys(Object.prototype).length;

/** A codec under test. */
interface Subject {
  codec: MessageCodec;
  /** Whether its bodies are text. */
  text: boolean;
  /** Whether it has extensions. */
  tags?: boolean;
}

/** Codecs under test: each with bodies of its own format. */
const SUBJECTS: readonly Subject[] = [
  { codec: msgpack(), text: false },
  { codec: msgpack({ int64: "auto", binary: "borrow" }), text: false },
  {
    codec: msgpack({ int64: "number", maxNodes: 50, maxBytes: 500 }),
    text: false,
  },
  { codec: json(), text: true },
  { codec: bytes(), text: false },
  { codec: extendCodec(msgpack(), msgpackValues), text: false, tags: true },
  { codec: extendCodec(json(), jsonValues), text: true, tags: true },
];

/** Messages with values of extensions. */
const EXTENDED: readonly unknown[] = [
  { at: new Map<unknown, unknown>([["a", new Set([1, "b"])], [2, { $: 1 }]]) },
  [new URL("https://a.example/b"), new TypeError("e", { cause: { $: [-0] } })],
  { many: new Map(Array.from({ length: 99 }, (_, key) => [key * 7, key])) },
  { floats: Float64Array.of(1, 2), big: [2n ** 64n, -(2n ** 90n)] },
];

/** Messages as programs send them. */
const MESSAGES: readonly unknown[] = [
  null,
  7,
  "text",
  {
    id: 1,
    sku: "A-1",
    price: { amount: 12.5, currency: "EUR" },
    tags: ["a", "b"],
  },
  {
    list: Array.from(
      { length: 20 },
      (_, index) => ({ index, half: index / 2, name: `n${index}` }),
    ),
  },
  { text: "é€\u{1f600}".repeat(30), long: `\ufeff${"x".repeat(80)}` },
  [[[[[[[[{ deep: [true, false, null] }]]]]]]]],
  { numbers: [0, -1, 127, 128, -33, 65_536, 2 ** 40, -(2 ** 31), 0.1, 1e300] },
  { "": "", then: 1, constructor: { name: "x" }, toJSON: 0 },
];
/** Values that only MessagePack can encode. */
const RICH: readonly unknown[] = [
  {
    at: new Date(1.5e12 + 1),
    far: new Date(-8e15),
    big: [1n, -(2n ** 63n), 2n ** 64n - 1n],
  },
  {
    data: Uint8Array.from({ length: 300 }, (_, index) => index),
    gone: [undefined, NaN, -Infinity],
  },
];

/** Runs the inputs that follow from a seed; throws at the first that breaks the invariant. */
export function fuzzCodecs(seed: number, inputs: number): FuzzResult {
  const random = randomFrom(seed);
  const subjects = SUBJECTS.map((subject) => ({
    ...subject,
    real: realBodies(subject),
  }));
  const result: FuzzResult = {
    values: 0,
    refused: {},
    worst: { charged: 0, held: 0, time: 0 },
  };
  for (let input = 0; input < inputs; input++) {
    const { codec, text, tags, real } = subjects[random(subjects.length)]!;
    const body = makeBody(random, real, text);
    try {
      const code = tryBody(codec, body, tags);
      if (code === undefined) {
        if (++result.values % MEASURED === 0) {
          const cost = costOf(codec, body, real[3]!);
          for (const name of ["charged", "held", "time"] as const) {
            result.worst[name] = Math.max(result.worst[name], cost[name]);
          }
        }
      } else result.refused[code] = (result.refused[code] ?? 0) + 1;
    } catch (cause) {
      const shown = Array.from(
        body.subarray(0, 200),
        (byte) => byte.toString(16).padStart(2, "0"),
      );
      throw new Error(
        `${codec.name}, seed ${seed}, input ${input}, ${body.length} bytes ${
          shown.join("")
        }: ${cause}`,
        { cause },
      );
    }
  }
  return result;
}

/** Measures what a body holds and takes; throws if it holds more than is charged. */
function costOf(
  codec: MessageCodec,
  body: Uint8Array,
  ordinary: Uint8Array,
): Cost {
  const budget = { held: 0 };
  codec.decode(body, budget);
  const charged = budget.held / (body.length + 256);
  if (charged > HELD_PER_BYTE && codec.name !== "bytes") {
    throw new Error(`${budget.held} bytes are charged`);
  }
  const time = body.length < TIMED
    ? 0
    : timeOf(codec, body) / timeOf(codec, ordinary);
  // Without --expose-gc, only the charge is checked.
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return { charged, held: 0, time };
  const heap = () => {
    gc();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = heap();
  const values = Array.from({ length: COPIES }, () => codec.decode(body));
  const held = heap() - before - COPIES * 8;
  if (values.length * budget.held + SLACK < held) {
    throw new Error(`${held / COPIES} bytes are held, ${budget.held} charged`);
  }
  return {
    charged,
    held: Math.max(0, held - SLACK) / COPIES / Math.max(1, budget.held),
    time,
  };
}

/** Milliseconds for each byte of a body. */
function timeOf(codec: MessageCodec, body: Uint8Array): number {
  let least = Infinity;
  for (let round = 0; round < 2; round++) {
    const start = performance.now();
    for (let copy = 0; copy < COPIES; copy++) codec.decode(body);
    least = Math.min(least, performance.now() - start);
  }
  return least / body.length;
}

function realBodies({ codec, text, tags }: Subject): Uint8Array[] {
  const encoder = tags ? codec : text ? json() : msgpack();
  const values = tags ? EXTENDED : text ? [] : RICH;
  return [...MESSAGES, ...values].map((value) => encoder.encode(value));
}

/** Returns the error's code, or `undefined` for a value. */
function tryBody(
  codec: MessageCodec,
  body: Uint8Array,
  tags = false,
): string | undefined {
  let value, code: string | undefined;
  try {
    value = codec.decode(body);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    code = error.code;
  }
  if (Reflect.ownKeys(Object.prototype).length !== BARE_KEYS) {
    throw new Error("Object.prototype was changed");
  }
  if (code !== undefined) return code;
  const size = measure(value, 0, tags);
  if (size > body.length * 4 + 16) {
    throw new Error(`the value has ${size} parts and characters`);
  }
  let again;
  try {
    again = codec.decode(codec.encode(value));
  } catch (error) {
    // Without repeated keys and long headers, the new body may be too small.
    if (!(error instanceof CodecError) || error.code !== "too-large") {
      throw error;
    }
    return;
  }
  const isSame = tags
    ? sameBytes(codec.encode(again), codec.encode(value))
    : sameValue(again, value);
  if (!isSame) {
    throw new Error("the value did not survive a second trip");
  }
}

/**
 * Counts values, characters and bytes; throws for anything but plain data and
 * values of extensions.
 */
function measure(value: unknown, depth: number, tags: boolean): number {
  if (depth > MAX_DEPTH) throw new Error("the value is too deep");
  if (typeof value === "string") return value.length;
  if (typeof value === "function" || typeof value === "symbol") {
    throw new Error(`a ${typeof value} came out`);
  }
  if (typeof value !== "object" || value === null) return 1;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype && value instanceof Uint8Array) {
    return value.byteLength;
  }
  if (prototype === Date.prototype && value instanceof Date) {
    if (Number.isNaN(value.getTime())) {
      throw new Error("an invalid Date came out");
    }
    return 1;
  }
  if (tags && value instanceof Map) {
    return measure([...value].flat(), depth, tags);
  }
  if (tags && value instanceof Set) return measure([...value], depth, tags);
  if (tags && value instanceof URL) return 1;
  if (tags && value instanceof Error) return measure(value.cause, depth, tags);
  if (tags && ArrayBuffer.isView(value)) return value.byteLength;
  if (prototype !== Array.prototype && prototype !== Object.prototype) {
    throw new Error("not plain data");
  }
  let size = 1;
  for (const [key, part] of Object.entries(value)) {
    size += (prototype === Object.prototype ? key.length : 0) +
      measure(part, depth + 1, tags);
  }
  return size;
}

/** The command line. */
function main(): void {
  const [seed = Math.floor(Date.now() / 86_400_000), inputs = 1_000_000] = Deno
    .args.map(Number);
  console.log(`seed ${seed}, ${inputs} inputs`);
  const start = performance.now();
  const { values, refused, worst } = fuzzCodecs(seed, inputs);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${values} values, refused: ${JSON.stringify(refused)}; ${
      seconds.toFixed(0)
    } s`,
  );
  console.log(
    `worst of one value in ${MEASURED}: ${
      worst.charged.toFixed(1)
    } bytes charged for each byte, ${
      (100 * worst.held).toFixed(0)
    } % of the charge held, ${
      worst.time.toFixed(1)
    } times an ordinary body's time`,
  );
  for (const size of [100_000, 1_000_000]) {
    const costs = keyCosts(size);
    const worst = costs.reduce((one, other) =>
      other.time > one.time ? other : one
    );
    console.log(
      `worst of ${costs.length} kinds of keys in ${size} bytes: ${
        worst.time.toFixed(1)
      } times an ordinary body's processor time (${worst.codec}, ${worst.count} keys of ${worst.kind})`,
    );
    if (worst.time > MOST_TIME) {
      throw new Error(`The keys take more than ${MOST_TIME} times as long`);
    }
  }
}

if (import.meta.main) main();
