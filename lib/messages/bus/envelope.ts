/**
 * The form in which servers publish messages on a bus. Pure.
 *
 * ```text
 *  u8 version │ u8 flags │ u64 origin │ u64 epoch │ u64 number
 *  u8 length, codec │ u16 length, method │ u16 length, fields │ body
 *
 *  field:  u8 type │ u16 length │ value
 *  KEY (1): u8 kind (0: UTF-8, 1: IEEE 754 double) │ the key
 * ```
 *
 * Numbers are big-endian. Names of codecs and methods are UTF-8: numbers of
 * methods differ between versions of a protocol. Unknown flags and fields are
 * ignored.
 *
 * @module
 */
import { MAX_NAME_LENGTH } from "../protocol/method_names.ts";

/** Version of the form. */
export const ENVELOPE_VERSION = 1;

/** Bytes before the name of the codec. */
const FIXED = 26;

/** Longest name of a codec in bytes. */
const MAX_CODEC = 32;

/** Longest name of a method in bytes. */
const MAX_METHOD = MAX_NAME_LENGTH;

/** Longest key in bytes. */
export const MAX_BUS_KEY = 1024;

const KEY = 1;

/** A message of a topic, as servers publish it. */
export interface Envelope {
  /** Random id of the server that publishes the message: 16 hexadecimal digits. */
  readonly origin: string;
  /** The numbering: a random integer below 2^53 for each topic of each origin. */
  readonly epoch: number;
  /** Number of the message in this numbering, from 1. */
  readonly number: number;
  /** Name of the codec. */
  readonly codec: string;
  /** Dotted name of the method. */
  readonly method: string;
  /** Key of the object whose state the message describes. */
  readonly key?: string | number | undefined;
  /** The encoded input. */
  readonly body: Uint8Array;
}

/** Why bytes are not an envelope. */
export type EnvelopeFault = "version" | "malformed";

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/**
 * Encodes an envelope.
 *
 * @throws {RangeError} if a name or the key is too long
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { origin, epoch, number, codec, method, key, body } = envelope;
  const codecName = checked("codec", encoder.encode(codec), MAX_CODEC);
  const methodName = checked("method", encoder.encode(method), MAX_METHOD);
  const keyBytes = key === undefined ? undefined : encodeKey(key);
  const fields = keyBytes === undefined ? 0 : 3 + keyBytes.length;
  const head = FIXED + 1 + codecName.length + 2 + methodName.length + 2;
  const bytes = new Uint8Array(head + fields + body.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = ENVELOPE_VERSION;
  view.setBigUint64(2, BigInt(`0x${origin}`));
  view.setBigUint64(10, BigInt(epoch));
  view.setBigUint64(18, BigInt(number));
  let at = FIXED;
  bytes[at++] = codecName.length;
  bytes.set(codecName, at);
  at += codecName.length;
  view.setUint16(at, methodName.length);
  bytes.set(methodName, at + 2);
  at += 2 + methodName.length;
  view.setUint16(at, fields);
  at += 2;
  if (keyBytes !== undefined) {
    bytes[at] = KEY;
    view.setUint16(at + 1, keyBytes.length);
    bytes.set(keyBytes, at + 3);
    at += fields;
  }
  bytes.set(body, at);
  return bytes;
}

/** Sets the position in an encoded envelope. */
export function numberEnvelope(
  bytes: Uint8Array,
  { epoch, number }: Pick<Envelope, "epoch" | "number">,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setBigUint64(10, BigInt(epoch));
  view.setBigUint64(18, BigInt(number));
}

/**
 * Decodes an envelope. Its body is a copy.
 *
 * @returns the envelope, or why the bytes are not one
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope | EnvelopeFault {
  if (bytes.length === 0) return "malformed";
  if (bytes[0] !== ENVELOPE_VERSION) return "version";
  try {
    return read(bytes);
  } catch {
    return "malformed"; // it ends early, or is not UTF-8
  }
}

function read(bytes: Uint8Array): Envelope | EnvelopeFault {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const origin = view.getBigUint64(2).toString(16).padStart(16, "0");
  const epoch = Number(view.getBigUint64(10));
  const number = Number(view.getBigUint64(18));
  let at = FIXED;
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError("it ends early");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const codec = decoder.decode(take(view.getUint8(at++)));
  const method = decoder.decode(take(view.getUint16((at += 2) - 2)));
  const fields = take(view.getUint16((at += 2) - 2));
  const key = keyIn(fields);
  if (
    !Number.isSafeInteger(epoch) || !Number.isSafeInteger(number) ||
    number < 1 || codec.length > MAX_CODEC || method.length > MAX_METHOD
  ) return "malformed";
  // slice() of a Buffer, as NATS clients have them, would not copy.
  const body = new Uint8Array(bytes.subarray(at));
  return { origin, epoch, number, codec, method, key, body };
}

/** Returns the key among the fields. @throws {RangeError} if they end early */
function keyIn(fields: Uint8Array): string | number | undefined {
  const view = new DataView(
    fields.buffer,
    fields.byteOffset,
    fields.length,
  );
  let key: string | number | undefined;
  for (let at = 0; at < fields.length;) {
    const type = view.getUint8(at);
    const length = view.getUint16(at + 1);
    const end = at + 3 + length;
    if (end > fields.length) throw new RangeError("it ends early");
    if (type === KEY) key = decodeKey(fields.subarray(at + 3, end));
    at = end;
  }
  return key;
}

function encodeKey(key: string | number): Uint8Array {
  if (typeof key === "number") {
    const bytes = new Uint8Array(9);
    bytes[0] = 1;
    new DataView(bytes.buffer).setFloat64(1, key);
    return bytes;
  }
  const text = checked("key", encoder.encode(key), MAX_BUS_KEY);
  const bytes = new Uint8Array(1 + text.length);
  bytes.set(text, 1);
  return bytes;
}

/** @throws {RangeError} if the bytes are not a key */
function decodeKey(bytes: Uint8Array): string | number {
  if (bytes[0] === 1 && bytes.length === 9) {
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(1);
  }
  if (bytes[0] !== 0) throw new RangeError("it is not a key");
  return decoder.decode(bytes.subarray(1));
}

function checked(name: string, bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.length <= most) return bytes;
  throw new RangeError(
    `Cannot publish a message with a ${name} of ${bytes.length} bytes; the most are ${most}`,
  );
}
