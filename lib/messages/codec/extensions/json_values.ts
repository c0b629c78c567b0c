/**
 * Extensions for values that `msgpack()` carries, and `json()` does not.
 *
 * @module
 */
import { BIGINT, BINARY, BOXED, DATE } from "../held_bytes.ts";
import { lengthOf, timeOf } from "../intrinsics.ts";
import { type CodecExtension, ValueExtension } from "./extension.ts";

/** A bigint in hexadecimal, as `bigints` writes it. */
const HEX = /^-?0x(?:0|[1-9a-f][0-9a-f]*)$/;
/** Largest time of a `Date` in milliseconds. */
const MAX_TIME = 8_640_000_000_000_000;
/** Bytes that are converted at once, as each one is an argument. */
const CHUNK = 8_192;
const NUMBERS: ReadonlyMap<unknown, number> = /* @__PURE__ */ new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
]);

/**
 * Extension for `Date`, named `date`. The payload is the time in milliseconds.
 * Invalid dates are rejected.
 *
 * @category Values
 */
export const dates: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "date",
  prototypes: [/* @__PURE__ */ datePrototype()],
  encode(value) {
    const time = timeOf(value as Date); // fails if it is not a date
    if (Number.isNaN(time)) throw new TypeError("the date is invalid");
    return time;
  },
  decode(payload) {
    if (
      typeof payload !== "number" || !Number.isInteger(payload) ||
      Math.abs(payload) > MAX_TIME
    ) throw new TypeError("the payload is not a time");
    return new Date(payload);
  },
  held: () => DATE,
});

/**
 * Extension for bigints of any size, named `bigint`. The payload is text in
 * hexadecimal, such as `-0x1f`.
 *
 * With `msgpack()`, use {@linkcode largeBigints}.
 *
 * @category Values
 */
export const bigints: CodecExtension = /* @__PURE__ */ bigintExtension(
  () => true,
);

/**
 * Extension for bigints beyond 64 bits, named `bigint`. `msgpack()` carries
 * smaller ones.
 *
 * @category Values
 */
export const largeBigints: CodecExtension = /* @__PURE__ */ bigintExtension(
  (value) => value < -(2n ** 63n) || value >= 2n ** 64n,
);

/**
 * Extension for `undefined` within arrays and objects, named `undefined`. The
 * payload is `null`.
 *
 * @category Values
 */
export const undefineds: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "undefined",
  prototypes: [],
  primitive: "undefined",
  encode: () => null,
  decode(payload) {
    if (payload === null) return undefined;
    throw new TypeError("the payload is not null");
  },
});

/**
 * Extension for `NaN`, `Infinity`, `-Infinity` and `-0`, named `number`. The
 * payload is their text. With `msgpack()`, it serves only `-0`.
 *
 * @category Values
 */
export const specialNumbers: CodecExtension =
  /* @__PURE__ */ new ValueExtension({
    name: "number",
    prototypes: [],
    primitive: "number",
    carries: (value) => !Number.isFinite(value) || Object.is(value, -0),
    encode: (value) => Object.is(value, -0) ? "-0" : String(value),
    decode(payload) {
      const number = NUMBERS.get(payload);
      if (number !== undefined) return number;
      throw new TypeError("the payload is not a special number");
    },
    held: () => BOXED,
  });

/**
 * Extension for `Uint8Array`, named `bytes`. The payload is text in base64.
 *
 * @category Values
 */
export const byteArrays: CodecExtension = /* @__PURE__ */ new ValueExtension({
  name: "bytes",
  prototypes: [/* @__PURE__ */ uint8ArrayPrototype()],
  encode: (value) => toBase64(value as Uint8Array), // has the prototype
  decode(payload) {
    if (typeof payload !== "string") {
      throw new TypeError("the payload is not text");
    }
    return fromBase64(payload);
  },
  held: (payload) =>
    BINARY + (typeof payload === "string" ? payload.length : 0),
});

function bigintExtension(carries: (value: bigint) => boolean): CodecExtension {
  return new ValueExtension({
    name: "bigint",
    prototypes: [],
    primitive: "bigint",
    carries: (value) => carries(value as bigint),
    encode(value) {
      const bigint = value as bigint; // of the type that the extension carries
      const sign = bigint < 0n ? "-" : "";
      return `${sign}0x${(bigint < 0n ? -bigint : bigint).toString(16)}`;
    },
    decode(payload) {
      if (
        typeof payload !== "string" || !HEX.test(payload) || payload === "-0x0"
      ) throw new TypeError("the payload is not a bigint in hexadecimal");
      return payload.startsWith("-")
        ? -BigInt(payload.slice(1))
        : BigInt(payload);
    },
    held: (payload) =>
      BIGINT + (typeof payload === "string" ? payload.length / 2 : 0),
  });
}

function datePrototype(): object {
  return Date.prototype;
}

function uint8ArrayPrototype(): object {
  return Uint8Array.prototype;
}

function toBase64(value: Uint8Array): string {
  const length = lengthOf(value);
  let text = "";
  for (let at = 0; at < length; at += CHUNK) {
    const codes: number[] = [];
    for (let index = at; index < Math.min(length, at + CHUNK); index++) {
      codes.push(value[index]!); // the index is below the length
    }
    text += String.fromCharCode(...codes);
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = decoded.charCodeAt(index);
  }
  return bytes;
}
