/**
 * Random values in JSON and MessagePack, with what a scanner charges for them.
 *
 * The charges follow the rules of `held_bytes.ts`, in the order of the values.
 *
 * @module
 */
import {
  ARRAY,
  BARE_OBJECT,
  BIGINT,
  BINARY,
  BOXED,
  DATE,
  EMPTY_ARRAY,
  EMPTY_KEY,
  ESCAPED_KEY,
  exactListBytes,
  grownListBytes,
  newKeyBytes,
  OBJECT,
  PARSED_ARRAY,
  SLOT,
  STRING,
  tableBytes,
} from "../../../lib/messages/codec/held_bytes.ts";
import { hex } from "./hex.ts";
import { KeyModel } from "./key_model.ts";

/** Maximum size of bodies whose keys all count as new. */
export const FEW_KEYS = 512;
const MAX_DEPTH = 64;

type Random = (below: number) => number;

/** A value of random content. */
export type Value =
  | { readonly kind: "array"; readonly items: readonly Value[] }
  | {
    readonly kind: "object";
    readonly entries: readonly (readonly [key: string, value: Value])[];
  }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly form: string }
  | { readonly kind: "bytes"; readonly size: number };

/** The charges of a scanner for one body. */
export interface Charge {
  readonly body: Uint8Array;
  readonly nodes: number;
  readonly text: number;
  readonly depth: number;
  readonly held: number;
  readonly keys: number;
  readonly interning: number;
  /** For JSON, the number of strings that are interned. */
  readonly interned: number;
  /** For MessagePack, the bytes of either decoder, and the sparse objects. */
  readonly fast: number;
  readonly frugal: number;
  readonly sparse: number;
  readonly isMarked: boolean;
}

/** Lengths on both sides of every limit of the scanners. */
const LENGTHS = [0, 1, 2, 3, 8, 9, 9, 10, 10, 11, 12, 16, 31, 32, 64, 65];
const COUNTS = [0, 0, 1, 1, 2, 3, 4, 5, 7, 8, 17, 18];
const UNITS = ["a", "\x7f", "é", "€", "\u{1f600}", "\\u0061", "é\x7f"];
const INDICES = ["0", "1", "7", "60", "999", "01", "4294967294", "4294967295"];

/** Makes a value, with up to `most` values in it. */
export function randomValue(random: Random, forms: readonly string[]): Value {
  let left = 5 + random(400);
  const isWide = random(8) === 0;
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const text = () => {
    const unit = random(3) === 0 ? pick(UNITS) : "a";
    const mark = random(9) === 0 ? "\ufeff" : "";
    return mark + unit.repeat(pick(LENGTHS));
  };
  const key = () => {
    if (random(6) === 0) return `${pick(INDICES)}`;
    if (random(9) === 0) return text();
    return `k${random(isWide ? 9999 : 12)}`;
  };
  const value = (depth: number): Value => {
    left--;
    const kind = left < 0 || depth > 6 ? 2 + random(4) : random(7);
    let count = pick(COUNTS);
    if (random(60) === 0) count = pick([127, 128, 129, 130, 131]);
    switch (kind) {
      case 0:
      case 6:
        return {
          kind: "array",
          items: Array.from({ length: count }, () => value(depth + 1)),
        };
      case 1: {
        const entries = new Map<string, Value>();
        const isList = random(5) === 0;
        for (let at = 0; at < count; at++) {
          entries.set(
            isList ? `${random(30)}` : count > 100 ? `k${at}` : key(),
            value(depth + 1),
          );
        }
        return { kind: "object", entries: [...entries] };
      }
      case 2:
        return { kind: "text", text: text() };
      case 3:
        return { kind: "bytes", size: pick(LENGTHS) };
      default:
        return { kind: "number", form: pick(forms) };
    }
  };
  return value(0);
}

/** Returns the array index that a key spells, or -1. */
function indexOf(key: string): number {
  return /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1
    ? Number(key)
    : -1;
}

const utf8 = new TextEncoder();

/** Forms of JSON numbers and constants, and whether they are boxed. */
const JSON_NUMBERS: Readonly<Record<string, boolean>> = {
  ...{ "0": false, "-7": false, "null": false },
  ...{ "true": false, "false": false }, // their "e" is not that of an exponent
  ...{ "123456789": false, "-12345678": false, "1234567890": true },
  ...{ "-123456789": true, "1.5": true, "1e2": true, "2E-3": true },
};

/** Forms of MessagePack numbers and others, and the bytes beside their slots. */
const PACKED_NUMBERS: Readonly<Record<string, number>> = {
  ...{ "00": 0, "7f": 0, "ff": 0, "c0": 0, "c2": 0, "cc80": 0, "cd0100": 0 },
  ...{ "ce7fffffff": 0, "ce80000000": BOXED, "ca3f800000": BOXED },
  ...{ "cb3ff0000000000000": BOXED, "d280000000": 0, "d18000": 0, "d080": 0 },
  ...{ "cfffffffffffffffff": BIGINT, "d38000000000000000": BIGINT },
  ...{ "d40000": 0, "d6ff00000000": DATE, "d7ff0000000000000000": DATE },
  ...{ "c70cff000000000000000000000000": DATE, "c704ff00000000": DATE },
};

export const JSON_FORMS = Object.keys(JSON_NUMBERS);
export const PACKED_FORMS = Object.keys(PACKED_NUMBERS);

/**
 * Writes a value as JSON.
 *
 * @param length the least length of the body; spaces fill it
 */
export function chargedJson(value: Value, length: number): Charge {
  const written = utf8.encode(jsonOf(value));
  const body = new Uint8Array(Math.max(length, written.length)).fill(0x20);
  body.set(written);
  const isSmall = body.length <= FEW_KEYS;
  const model = new KeyModel(MAX_DEPTH, 128, 3);
  const total = { nodes: 0, text: 0, depth: 0, held: 0, interned: 0 };
  let lists = 0;
  const bytesOf = (raw: string) => {
    const { length } = utf8.encode(raw);
    const isWide = length > raw.length || raw.includes("\\");
    return STRING + (isWide ? 2 * length : length) & -8;
  };
  const walk = (value: Value, depth: number): void => {
    total.nodes++;
    if (value.kind === "number") {
      total.held += SLOT + (JSON_NUMBERS[value.form] ? BOXED : 0);
    } else if (value.kind === "text" || value.kind === "bytes") {
      const raw = textOf(value);
      const { length } = utf8.encode(raw);
      total.text += length;
      total.held += SLOT + (length > 1 ? bytesOf(raw) : 0);
      if (length > 1 && length <= 10) total.interned++;
    } else {
      total.depth = Math.max(total.depth, depth + 1);
      total.held += SLOT + (value.kind === "array" ? PARSED_ARRAY : OBJECT);
      if (value.kind === "array") {
        for (const item of value.items) walk(item, depth + 1);
        return;
      }
      const known = model.steps;
      let step = depth + 1, count = 0, indices = 0, largest = 0;
      for (const [key, item] of value.entries) {
        total.nodes++;
        total.text += utf8.encode(key).length;
        const index = indexOf(key);
        if (index >= 0) {
          model.addIndex(index);
          if (indices === 0) lists++;
          else total.held -= exactListBytes(indices, largest);
          largest = Math.max(index, largest);
          total.held += exactListBytes(++indices, largest);
        } else {
          if (++count > 128) total.held += count === 129 ? tableBytes(129) : 72;
          if (key.includes("\\")) total.held += ESCAPED_KEY;
          if (isSmall) total.held += newKeyBytes(1, false) + bytesOf(key);
          else step = model.step(step, known, key);
        }
        walk(item, depth + 1);
      }
    }
  };
  walk(value, 0);
  const held = total.held + model.held;
  const { interning } = model;
  const keys = model.keys + lists;
  return { ...NOTHING, ...total, body, held, keys, interning };
}

/**
 * Writes a value as MessagePack, in an array with a string.
 *
 * @param length the length of the body, if it would be shorter
 */
export function chargedMsgpack(value: Value, length: number): Charge {
  const out: number[] = [];
  pack(value, out);
  const filler = Math.max(0, length - out.length - 4);
  const body = Uint8Array.of(0x92, ...out, 0xda, filler >> 8, filler & 255)
    .subarray(0, out.length + 4 + filler);
  const whole = new Uint8Array(body.length + filler).fill(0x61);
  whole.set(body);
  const isSmall = whole.length <= FEW_KEYS;
  const model = new KeyModel(MAX_DEPTH, 17, 6, true);
  const total = { nodes: 1, text: 0, depth: 1, held: SLOT, isMarked: false };
  const more = { fast: 0, frugal: 0, sparse: 0 };
  const addText = (text: string): number => {
    const { length } = utf8.encode(text);
    total.text += length;
    if (length > 64 && text.startsWith("\ufeff")) total.isMarked = true;
    if (length === text.length) return length <= 1 ? 0 : STRING + length & -8;
    return STRING + 2 * text.length & -8;
  };
  const walk = (value: Value, depth: number): void => {
    if (value.kind === "number") total.held += PACKED_NUMBERS[value.form]!;
    else if (value.kind === "text") total.held += addText(value.text);
    else if (value.kind === "bytes") {
      total.text += value.size;
      total.held += BINARY + value.size;
    } else if (value.kind === "array") {
      const { length } = value.items;
      total.depth = Math.max(total.depth, depth + 1);
      total.nodes += length;
      total.held += length === 0 ? EMPTY_ARRAY : ARRAY + SLOT * length;
      for (const item of value.items) walk(item, depth + 1);
    } else {
      const count = value.entries.length;
      total.depth = Math.max(total.depth, depth + 1);
      total.nodes += 2 * count;
      const table = count > 17 ? tableBytes(count) : 0;
      if (count === 0) {
        more.fast += OBJECT - BARE_OBJECT;
        total.held += BARE_OBJECT;
      } else if (count <= 4) total.held += OBJECT;
      else {
        total.held += OBJECT +
          (table || 16 + SLOT * 3 * Math.ceil((count - 4) / 3));
      }
      const known = model.steps;
      let step = depth + 1, indices = 0, largest = 0;
      for (const [key, item] of value.entries) {
        const index = indexOf(key);
        if (key === "") total.held += EMPTY_KEY;
        if (index >= 0) {
          model.addIndex(index);
          total.text += key.length;
          if (indices === 0) more.sparse++;
          else {
            more.fast -= grownListBytes(indices, largest);
            more.frugal -= tableBytes(indices);
          }
          largest = Math.max(index, largest);
          more.fast += grownListBytes(++indices, largest);
          more.frugal += tableBytes(indices);
          total.held -= table / count;
        } else {
          const bytes = addText(key);
          if (isSmall) total.held += newKeyBytes(1, false) + bytes;
          else step = model.step(step, known, key);
        }
        walk(item, depth + 1);
      }
    }
  };
  walk({ kind: "array", items: [value, textValue("a".repeat(filler))] }, 0);
  return {
    ...{ ...NOTHING, ...total, ...more, body: whole },
    held: total.held + model.held,
    keys: model.keys,
    interning: model.interning,
  };
}

const NOTHING = {
  ...{ interned: 0, fast: 0, frugal: 0, sparse: 0, isMarked: false },
};

function textValue(text: string): Value {
  return { kind: "text", text };
}

function textOf(value: Value): string {
  if (value.kind === "bytes") return "b".repeat(value.size);
  return value.kind === "text" ? value.text : "";
}

function jsonOf(value: Value): string {
  switch (value.kind) {
    case "array":
      return `[${value.items.map(jsonOf).join(", ")}]`;
    case "object":
      return `{${
        value.entries.map(([key, item], at) =>
          `"${key}"${at % 3 === 1 ? " " : ""}:${jsonOf(item)}`
        ).join(",")
      }}`;
    case "number":
      return value.form;
    default:
      return `"${textOf(value)}"`;
  }
}

function pack(value: Value, out: number[]): void {
  const header = (count: number, short: number, lead: number) => {
    if (count < 16) out.push(short + count);
    else out.push(lead, count >> 8, count & 255);
  };
  const text = (text: string) => {
    const bytes = utf8.encode(text);
    if (bytes.length < 32) out.push(0xa0 + bytes.length);
    else if (bytes.length < 256) out.push(0xd9, bytes.length);
    else out.push(0xda, bytes.length >> 8, bytes.length & 255);
    out.push(...bytes);
  };
  switch (value.kind) {
    case "array":
      header(value.items.length, 0x90, 0xdc);
      for (const item of value.items) pack(item, out);
      return;
    case "object":
      header(value.entries.length, 0x80, 0xde);
      for (const [key, item] of value.entries) {
        text(key);
        pack(item, out);
      }
      return;
    case "text":
      text(value.text);
      return;
    case "number":
      out.push(...hex(value.form));
      return;
    case "bytes":
      out.push(0xc5, value.size >> 8, value.size & 255);
      out.push(...new Uint8Array(value.size));
  }
}
