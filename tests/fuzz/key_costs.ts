/**
 * The time of decoding maps whose keys V8 stores in different ways.
 *
 * V8 keeps array indices (up to 2^32 - 2) apart from other keys, and knows other
 * integers up to 2^53, so that keys of digits may cost more than letters.
 *
 * @module
 */
import process from "node:process";
// @ts-types="npm:msgpackr@2.1.3"
import { Unpackr } from "msgpackr/index-no-eval";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { json } from "../../lib/messages/codec/json.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import { PACKED, TEXTS } from "../bench/codec_kinds.ts";

/** The time of one kind of key. */
export interface KeyCost {
  readonly codec: string;
  readonly kind: string;
  /** Number of keys of the map. */
  readonly count: number;
  /** Time for each byte, as a multiple of an ordinary body's. */
  readonly time: number;
}

const ORDINARY = "records (ordinary)";
/** Limits that accept every map. */
const OPEN = { maxKeys: 2 ** 29, maxHeld: 2 ** 40 } as const;
/** Seven digits that are in no order. */
const seven = (index: number) => 1_000_000 + index * 7919 % 9_000_000;

/** Keys of an index, by kind. The first has no digits. */
const KEYS: Readonly<Record<string, (index: number) => string>> = {
  "10 letters": (index) =>
    `kkk${
      String(seven(index)).replace(/\d/g, (digit) => "abcdefghij"[+digit]!)
    }`,
  "10 digits, an array index": (index) => `100${seven(index)}`,
  "10 digits from 4294967295 on": (index) => String(4_294_967_295 + index),
  "11 digits": (index) => `1000${seven(index)}`,
  "16 digits below 2^53": (index) => `100000000${seven(index)}`,
  "16 digits above 2^53": (index) => `999999999${seven(index)}`,
  "20 digits": (index) => `1234567890123${seven(index)}`,
  "309 digits": (index) => `${"1".repeat(302)}${seven(index)}`,
  "a minus and 9 digits": (index) => `-10${seven(index)}`,
  "a zero and 10 digits": (index) => `0100${seven(index)}`,
  "digits and letters in turn": (index) =>
    index % 2 === 0 ? `100${seven(index)}` : `key${seven(index)}`,
};

/** Greatest time of a body that is accepted, as a multiple of an ordinary body's. */
export const MOST_TIME = 5;

/** Bytes of each value with which every map is accepted. */
const MOST_PADDING = 32;

/** Number of attempts; on a busy machine, the first ones take too long. */
const ATTEMPTS = 12;

/**
 * Measures each kind of key in one map of about `size` bytes, with as many keys as
 * the codec accepts.
 */
export function keyCosts(
  size: number,
  rounds: number = Math.ceil(1e7 / size / 2),
): KeyCost[] {
  const unpackr = new Unpackr({ useRecords: false, int64AsType: "bigint" });
  const packed = PACKED[ORDINARY]!(size), text = TEXTS[ORDINARY]!(size);
  const fromUtf8 = new TextDecoder();
  const subjects = [
    { codec: msgpack(), plain: () => unpackr.unpack(packed) },
    { codec: json(), plain: () => JSON.parse(fromUtf8.decode(text)) },
  ];
  return subjects.flatMap(({ codec, plain }) => {
    const { length } = codec.name === "json" ? text : packed;
    return Object.entries(KEYS).map(([kind, key]) => {
      const { body, count } = fullest(codec, key, size);
      const least = new LeastTimes(() => codec.decode(body), plain);
      const timeOf = () => least.ratio * length / body.length;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        least.measure(rounds);
        if (timeOf() <= MOST_TIME) break;
      }
      return { codec: codec.name, kind, count, time: timeOf() };
    });
  });
}

/** Returns the map of about `size` bytes with the most keys that is accepted. */
function fullest(
  codec: MessageCodec,
  key: (index: number) => string,
  size: number,
): { body: Uint8Array; count: number } {
  const isText = codec.name === "json";
  const encoder = isText ? json(OPEN) : msgpack(OPEN);
  const withPadding = (pad: number) => {
    const perKey = key(0).length + (isText ? 5 : 2) + pad;
    const count = Math.ceil(size / perKey);
    const value = pad === 0 ? 1 : "x".repeat(pad);
    const body = encoder.encode(Object.fromEntries(
      Array.from({ length: count }, (_, index) => [key(index), value]),
    ));
    return { body, count };
  };
  let [refused, accepted] = [-1, MOST_PADDING];
  while (accepted - refused > 1) {
    const pad = (refused + accepted) >> 1;
    const { body } = withPadding(pad);
    if (accepts(() => codec.decode(body))) accepted = pad;
    else refused = pad;
  }
  return withPadding(accepted);
}

function accepts(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof CodecError && error.code === "too-large") return false;
    throw error;
  }
}

/** The least processor times of two functions in turn. */
class LeastTimes {
  #one = Infinity;
  #other = Infinity;
  readonly #runOne: () => unknown;
  readonly #runOther: () => unknown;

  constructor(one: () => unknown, other: () => unknown) {
    this.#runOne = one;
    this.#runOther = other;
  }

  /** The time of the first function as a multiple of the second one's. */
  get ratio(): number {
    return this.#one / Math.max(1, this.#other);
  }

  /** Runs both functions several times. */
  measure(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.#one = Math.min(this.#one, processorTime(this.#runOne));
      this.#other = Math.min(this.#other, processorTime(this.#runOther));
    }
  }
}

/** Returns microseconds. */
function processorTime(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
