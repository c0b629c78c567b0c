/**
 * Bodies of one kind of value each, for measuring what decoding costs.
 *
 * @module
 */
import {
  type CodecExtension,
  extendCodec,
  jsonValues,
  msgpackValues,
  regexps,
} from "../../lib/messages/codec/extensions/mod.ts";
import { json } from "../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";

/** Creates a body of about `bytes` bytes. */
export type MakeBody = (bytes: number) => Uint8Array;

const toUtf8 = new TextEncoder();
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$";

/** A record as programs send it. */
function record(index: number): unknown {
  return {
    id: 1_000_000 + index,
    sku: `A-${index}`,
    name: "Blue ceramic mug, large",
    price: { amount: 12.5 + index, currency: "EUR" },
    tags: ["kitchen", "gift"],
    stock: 42,
    active: true,
  };
}

/** Returns one of many names of a length. */
function name(index: number, length: number): string {
  let text = "";
  for (; text.length < length; index = Math.floor(index / LETTERS.length)) {
    text += LETTERS[index % LETTERS.length];
  }
  return text;
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** MessagePack: an array or map of `count` parts. */
function packed(
  lead: number,
  bytes: number,
  part: (index: number) => readonly number[],
  most = Infinity,
): Uint8Array {
  const body = [lead, 0, 0, 0, 0];
  let count = 0;
  for (; body.length < bytes && count < most; count++) {
    body.push(...part(count));
  }
  const packed = Uint8Array.from(body);
  new DataView(packed.buffer).setUint32(1, count);
  return packed;
}

const list =
  (part: (index: number) => readonly number[]): MakeBody => (bytes) =>
    packed(0xdd, bytes, part);
const map =
  (part: (index: number) => readonly number[], most?: number): MakeBody =>
  (bytes) => packed(0xdf, bytes, part, most);

/** MessagePack: a string. */
function str(text: string): number[] {
  const bytes = toUtf8.encode(text);
  return bytes.length < 32
    ? [0xa0 | bytes.length, ...bytes]
    : [0xd9, bytes.length, ...bytes];
}

function chain(lead: readonly number[], depth: number): number[] {
  return [...times(depth, () => lead).flat(), 0xc0];
}

/** MessagePack: an object whose values are 1. */
function object(keys: readonly string[]): number[] {
  const lead = keys.length < 16
    ? [0x80 | keys.length]
    : [0xde, keys.length >> 8, keys.length & 0xff];
  return [...lead, ...keys.flatMap((key) => [...str(key), 1])];
}

/** MessagePack bodies by name. The first is an ordinary one. */
export const PACKED: Readonly<Record<string, MakeBody>> = {
  "records (ordinary)": (bytes) =>
    msgpack({ maxBytes: 2 ** 30 }).encode(
      times(Math.ceil(bytes / 105), record),
    ),
  "null": list(() => [0xc0]),
  "small integers": list(() => [1]),
  "pairs of null": list(() => [0x92, 0xc0, 0xc0]),
  "float64": list(() => [0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
  "float32 and null": list((i) => i % 2 ? [0xca, 0x3f, 0x81, 1, 1] : [0xc0]),
  "arrays of float32, integers and null": list(
    () => [0xdc, 0, 92, 0xca, 0x3f, 0x81, 1, 1, ...times(90, () => 1), 0xc0],
  ),
  "uint32 of 32 bits": list((i) => i % 2 ? [0xce, 0xff, 0x81, 1, 1] : [0xc0]),
  "bigint": list(() => [0xd3, 0, 0, 0, 0, 0, 0, 0, 1]),
  "undefined": list(() => [0xd4, 0, 0]),
  "Date": list((i) => [0xd6, 0xff, 1, 2, 3, i & 255]),
  "empty strings": list(() => [0xa0]),
  "strings of 1": list(() => [0xa1, 0x61]),
  "strings of 2": list((i) => str(name(i, 2))),
  "strings of 8": list((i) => str(name(i, 8))),
  "strings of 60": list((i) => str(name(i, 60))),
  "strings of 8 digits": list((i) => str(String(10_000_000 + i))),
  "é": list(() => str("é")),
  "éé": list(() => str("éé")),
  "中": list((i) => str(String.fromCharCode(0x4e00 + i % 5000))),
  "15 letters and 中": list(() => str(`${"a".repeat(14)}中`)),
  "59 letters and 中": list(() => str(`${"a".repeat(59)}中`)),
  "199 letters and 中": list(() => str(`${"a".repeat(199)}中`)),
  "199 letters after a mark": list(() => str(`\ufeff${"a".repeat(199)}`)),
  "binary of 0": list(() => [0xc4, 0]),
  "binary of 1": list(() => [0xc4, 1, 7]),
  "binary of 9": list(() => [0xc4, 9, ...times(9, () => 7)]),
  "binary of 16": list(() => [0xc4, 16, ...times(16, () => 7)]),
  "binary of 200": list(() => [0xc4, 200, ...times(200, () => 7)]),
  "[]": list(() => [0x90]),
  "{}": list(() => [0x80]),
  "[1]": list(() => [0x91, 1]),
  "[1.5]": list(() => [0x91, 0xca, 0x3f, 0x81, 1, 1]),
  "62 nested arrays": list(() => chain([0x91], 62)),
  "62 nested arrays of 2": list(
    () => [...times(62, () => [0x92, 0xc0]).flat(), 0xc0],
  ),
  "62 nested objects": list(() => chain([0x81, 0xa1, 0x61], 62)),
  "62 nested objects, empty key": list(() => chain([0x81, 0xa0], 62)),
  "{a}": list(() => object(["a"])),
  "{a…e}": list(() => object([..."abcde"])),
  "{a…q}": list(() => object([..."abcdefghijklmnopq"])),
  "{a…r}": list(() => object([..."abcdefghijklmnopqr"])),
  "{a…v}": list(() => object([..."abcdefghijklmnopqrstuv"])),
  "objects of 3 keys in any order": list((i) =>
    object([1, 54, 2916].map((d) => name(Math.floor(i / d), 1)))
  ),
  "objects of 4 keys in any order": list((i) =>
    object([1, 54, 2916, 157_464].map((d) => name(Math.floor(i / d), 1)))
  ),
  "objects of 8 fields, some missing": list((i) =>
    object([..."abcdefghijklmnop"].filter((_, bit) => (i * 40_503 >> bit) & 1))
  ),
  "a new key of 2 each": list((i) => object([name(i, 2)])),
  "a new key of 3 each": list((i) => object([name(i, 3)])),
  "a new key of 8 each": list((i) => object([name(i, 8)])),
  "a new key of 50 each": list((i) => object([name(i, 50)])),
  "7 keys and a new one": list((i) => object([..."abcdefg", name(i, 4)])),
  "15 keys and a new one": list((i) =>
    object([..."abcdefghijklmno", name(i, 4)])
  ),
  "8 new keys of 3": list((i) => object(times(8, (k) => name(i * 8 + k, 3)))),
  "8 new keys of 20": list((i) => object(times(8, (k) => name(i * 8 + k, 20)))),
  "16 new keys of 3": list((i) =>
    object(times(16, (k) => name(i * 16 + k, 3)))
  ),
  "43 new keys of 3": list((i) =>
    object(times(43, (k) => name(i * 43 + k, 3)))
  ),
  "one map, keys of 4": map((i) => [...str(name(i, 4)), 1]),
  "one map, keys of 16": map((i) => [...str(name(i, 16)), 1]),
  "one map, keys of 36": map((i) => [...str(name(i, 36)), 1]),
  '{"0"}': list(() => object(["0"])),
  '{"9"}': list(() => object(["9"])),
  '{"99"}': list(() => object(["99"])),
  '{"999"}': list(() => object(["999"])),
  '{"999"} of a string': list(() => [0x81, ...str("999"), ...str("abcdefgh")]),
  '62 nested {"999"}': list(() => chain([0x81, ...str("999")], 62)),
  '{"999", "2022"}': list(() => object(["999", "2022"])),
  '{"9999"}': list(() => object(["9999"])),
  '{"999999"}': list(() => object(["999999"])),
  '{"99999", "5"}': list(() => object(["99999", "5"])),
  '{"0"…"9"}': list(() => object([..."0123456789"])),
  "one map, dense index keys": map((i) => [...str(String(i)), 1]),
  "one map, sparse index keys": map((
    i,
  ) => [...str(String(i * 4001 % 9_999_999)), 1]),
  "one map, large index keys": map((
    i,
  ) => [...str(String(4_294_967_294 - i * 1025)), 1]),
  "one map, falling index keys": map(
    (i) => [...str(String(100_000 - i)), 1],
    90_000,
  ),
  "one map, keys of 11 digits": map((
    i,
  ) => [...str(String(10_000_000_000 + i * 65_536)), 1]),
};

/** JSON: texts that are joined by commas. */
const texts = (
  part: (index: number) => string,
  [open, close] = ["[", "]"],
): MakeBody =>
(bytes) => {
  const parts: string[] = [];
  for (let size = 2; size < bytes; size += parts.at(-1)!.length + 1) {
    parts.push(part(parts.length));
  }
  return toUtf8.encode(open + parts.join() + close);
};
const members = (part: (index: number) => string): MakeBody =>
  texts((index) => `"${part(index)}":1`, ["{", "}"]);
const keyed = (keys: readonly string[]) =>
  `{${keys.map((key) => `"${key}":1`).join()}}`;
const nested = (open: string, middle: string, close: string) =>
  open.repeat(62) + middle + close.repeat(62);

/** JSON bodies by name. The first is an ordinary one. */
export const TEXTS: Readonly<Record<string, MakeBody>> = {
  "records (ordinary)": texts((i) => JSON.stringify(record(i))),
  "integers": texts(() => "1"),
  "floats": texts(() => "0.5"),
  "floats and strings": texts((i) => i % 2 ? "9e9" : '""'),
  "strings of 0": texts(() => '""'),
  "strings of 2": texts((i) => `"${name(i, 2)}"`),
  "strings of 3": texts((i) => `"${name(i, 3)}"`),
  "strings of 8": texts((i) => `"${name(i, 8)}"`),
  "strings of 12": texts((i) => `"${name(i, 12)}"`),
  "digits in a row": texts((i) => `"${1_000_000_000 + i}"`),
  "digits that collide": texts((i) => `"${i * 65_536 % 4_294_967_291}"`),
  "digits that collide, in records": texts((i) =>
    `{"identity":"${i * 65_536 % 4_294_967_291}","text":"${name(i, 20)}"}`
  ),
  "digits with an escape": texts((i) => `"\\u0031${i * 65_536 % 429_496_729}"`),
  "中": texts((i) => `"${String.fromCharCode(0x4e00 + i % 5000)}"`),
  "199 letters and 中": texts(() => `"${"a".repeat(199)}中"`),
  "escapes": texts(() => '"\\u4e2d\\n"'),
  "[]": texts(() => "[]"),
  "{}": texts(() => "{}"),
  "[1]": texts(() => "[1]"),
  "[1.5]": texts(() => "[1.5]"),
  "62 nested arrays": texts(() => nested("[", "", "]")),
  "62 nested objects": texts(() => nested('{"":', "1", "}")),
  "{a}": texts(() => keyed(["a"])),
  "{a…e}": texts(() => keyed([..."abcde"])),
  "{a…v}": texts(() => keyed([..."abcdefghijklmnopqrstuv"])),
  "objects of 3 keys in any order": texts((i) =>
    keyed([1, 54, 2916].map((d) => name(Math.floor(i / d), 1)))
  ),
  "objects of 4 keys in any order": texts((i) =>
    keyed([1, 54, 2916, 157_464].map((d) => name(Math.floor(i / d), 1)))
  ),
  "objects of 8 fields, some missing": texts((i) =>
    keyed([..."abcdefghijklmnop"].filter((_, bit) => (i * 40_503 >> bit) & 1))
  ),
  "a new key of 2 each": texts((i) => keyed([name(i, 2)])),
  "a new key of 3 each": texts((i) => keyed([name(i, 3)])),
  "a new key of 8 each": texts((i) => keyed([name(i, 8)])),
  "a new key of 50 each": texts((i) => keyed([name(i, 50)])),
  "15 keys and a new one": texts((i) =>
    keyed([..."abcdefghijklmno", name(i, 4)])
  ),
  "8 new keys of 3": texts((i) => keyed(times(8, (k) => name(i * 8 + k, 3)))),
  "8 new keys of 20": texts((i) => keyed(times(8, (k) => name(i * 8 + k, 20)))),
  "43 new keys of 3": texts((i) =>
    keyed(times(43, (k) => name(i * 43 + k, 3)))
  ),
  "200 new keys of 20": texts((i) =>
    keyed(times(200, (k) => name(i * 200 + k, 20)))
  ),
  "one map, keys of 4": members((i) => name(i, 4)),
  "one map, keys of 16": members((i) => name(i, 16)),
  "one map, keys of 36": members((i) => name(i, 36)),
  "a repeated key": members(() => "a"),
  '{"0"}': texts(() => keyed(["0"])),
  '{"34"}': texts(() => keyed(["34"])),
  '{"\\u00334"}': texts(() => keyed(["\\u00334"])),
  '{"999"}': texts(() => keyed(["999"])),
  '62 nested {"999"}': texts(() => nested('{"999":', "1", "}")),
  "6 index keys to 142": texts(() => keyed([..."01234", "142"])),
  "22 index keys to 574": texts(() => keyed([...times(21, String), "574"])),
  "one map, dense index keys": members((i) => String(i)),
  "one map, sparse index keys": members((i) => String(i * 4001 % 9_999_999)),
  "one map, colliding index keys": members((i) =>
    String(i * 65_536 % 4_294_967_291)
  ),
  "one map, keys of 11 digits": members((i) =>
    String(10_000_000_000 + i * 65_536)
  ),
};

/** Lists of values of extensions. */
const EXTENDED: Readonly<Record<string, (index: number) => unknown>> = {
  "ordinary records": record,
  "empty maps": () => new Map(),
  "maps of 5": (index) => new Map(times(5, (key) => [key, index])),
  "maps of 65": (index) => new Map(times(65, (key) => [key, index])),
  "empty sets": () => new Set(),
  "sets of 65": () => new Set(times(65, (item) => item)),
  "maps in maps": (index) => new Map([[index, new Map([[index, 0]])]]),
  "short URLs": () => new URL("a:"),
  "URLs of 40": (index) => new URL(`https://shop.example/articles/${index}`),
  "errors of 30": (index) => new Error(`article ${index} was not found`),
  "patterns of 30": (index) =>
    new RegExp(`^article ${index} was (not )?found$`),
  "bigints of 80 bits": (index) => 2n ** 79n + BigInt(index),
  "negative zeros": () => -0,
  "arrays of 1 float": (index) => Float64Array.of(index + 0.5),
  "objects with the key $": () => ({ $: 0 }),
};
/** Lists of values that only JSON needs extensions for. */
const EXTENDED_JSON: Readonly<Record<string, (index: number) => unknown>> = {
  "dates": (index) => new Date(index),
  "bigints of 8 bits": (index) => BigInt(index % 256),
  "undefined": () => undefined,
  "NaN": () => NaN,
  "empty bytes": () => new Uint8Array(0),
  "100 bytes": () => new Uint8Array(100),
};

/** MessagePack with extensions. */
export const EXTENDED_PACKED: Readonly<Record<string, MakeBody>> = extended(
  msgpack(),
  [...msgpackValues, regexps],
  EXTENDED,
);
/** JSON with extensions. */
export const EXTENDED_TEXTS: Readonly<Record<string, MakeBody>> = extended(
  json(),
  [...jsonValues, regexps],
  { ...EXTENDED, ...EXTENDED_JSON },
);

/** Returns lists that a sender with limits would not send. */
function extended(
  codec: MessageCodec,
  extensions: readonly CodecExtension[],
  kinds: Readonly<Record<string, (index: number) => unknown>>,
): Record<string, MakeBody> {
  const one = extendCodec(codec, extensions);
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, make]) => [
      kind,
      (bytes) => {
        const tagged = (index: number) => {
          const [value] = codec.decode(one.encode([make(index)])) as unknown[]; // an array was encoded
          return value;
        };
        const some = codec.encode(times(100, tagged)).length;
        return codec.encode(times(Math.ceil(100 * bytes / some), tagged));
      },
    ]),
  );
}
