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
import { json } from "../../lib/messages/codec/json.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import { PACKED, TEXTS } from "../bench/codec_kinds.ts";

/** The time of one kind of key. */
export interface KeyCost {
  readonly codec: string;
  readonly kind: string;
  /** Time for each byte, as a multiple of an ordinary body's; `NaN` if it is refused. */
  readonly time: number;
}

const ORDINARY = "records (ordinary)";
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

/** Measures each kind of key in one map of about `size` bytes. */
export function keyCosts(size: number, rounds = 7): KeyCost[] {
  const unpackr = new Unpackr({ useRecords: false, int64AsType: "bigint" });
  const packed = PACKED[ORDINARY]!(size), text = TEXTS[ORDINARY]!(size);
  const fromUtf8 = new TextDecoder();
  const subjects = [
    { codec: msgpack(), plain: () => unpackr.unpack(packed) },
    { codec: json(), plain: () => JSON.parse(fromUtf8.decode(text)) },
  ];
  const open = { maxKeys: 2 ** 29, maxHeld: 2 ** 40 };
  return subjects.flatMap(({ codec, plain }) => {
    const isText = codec.name === "json";
    const { length } = isText ? text : packed;
    const encoder = isText ? json(open) : msgpack(open);
    return Object.entries(KEYS).map(([kind, key]) => {
      const perKey = key(0).length + (isText ? 5 : 2);
      const count = Math.ceil(size / perKey);
      const body = encoder.encode(Object.fromEntries(
        Array.from({ length: count }, (_, index) => [key(index), 1]),
      ));
      const decode = () => codec.decode(body);
      const time = accepts(decode)
        ? leastRatio(rounds, decode, plain) * length / body.length
        : NaN;
      return { codec: codec.name, kind, time };
    });
  });
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

/** Returns the ratio of the least processor times of two functions in turn. */
function leastRatio(
  rounds: number,
  one: () => unknown,
  other: () => unknown,
): number {
  let own = Infinity, base = Infinity;
  for (let round = 0; round < rounds; round++) {
    own = Math.min(own, processorTime(one));
    base = Math.min(base, processorTime(other));
  }
  return own / Math.max(1, base);
}

/** Returns microseconds. */
function processorTime(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
