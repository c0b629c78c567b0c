/**
 * Values of captured messages, put together from their frames and decoded.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { bytes } from "../../messages/codec/bytes.ts";
import { CodecError } from "../../messages/codec/errors.ts";
import { json } from "../../messages/codec/json.ts";
import type { MessageCodec } from "../../messages/codec/message_codec.ts";
import { msgpack } from "../../messages/codec/msgpack.ts";
import { decodeError } from "../../messages/session/wire/error_frame.ts";
import { fieldsEnd } from "../../messages/session/wire/fields.ts";
import { HEADER } from "../../messages/session/wire/frame_header.ts";
import { decodeGoaway } from "../../messages/session/wire/goaway.ts";
import { MalformedError } from "../../messages/session/wire/malformed_error.ts";
import type { CapturedFrame } from "./captured_frame.ts";
import { LENGTH } from "./session_decoder.ts";

/** Most bytes of a message whose value is decoded. */
const MAX_MESSAGE = 256 * 1024;

/** Most bytes of unfinished messages; the oldest are dropped first. */
const MAX_UNFINISHED = 4 * 1024 * 1024;

/** Bytes before the fields, by the kinds of frames that carry values. */
const FIELDS_AT: Readonly<Record<string, number>> = {
  REQUEST: 2, // the number of the method
  NOTIFY: 2,
  ITEM: 0,
  RESULT: 0,
  ERROR: 4, // code, processed, retry and a reserved byte
};

/** Most unfinished messages that are followed. */
const MAX_COUNT = 10_000;

/** Bodies of a message so far; none if its value is not decoded. */
type Unfinished = readonly Uint8Array[];

/** The body of a whole message. */
export interface CapturedMessage {
  /** Name of the kind of its frames. */
  readonly kind: string;
  /** Name of the codec. */
  readonly codec: string;
  /** Bytes without the headers of its frames. */
  readonly body: Uint8Array;
}

/** Messages of all connections, put together from their frames. */
export class MessageAssembly {
  readonly #unfinished: Map<string, Unfinished> = new Map();
  #size = 0;

  /** Returns the message that a frame completes, if its bytes are known. */
  add(frame: CapturedFrame): CapturedMessage | undefined {
    const { kind, codec, bytes, size, more } = frame;
    if (!Object.hasOwn(FIELDS_AT, kind) && kind !== "GOAWAY") return undefined;
    const key = `${frame.connection} ${frame.dir} ${kind} ${frame.id}`;
    const before = this.#take(key);
    const skipped = before?.length === 0 || bytes.length < size;
    const bodies = skipped
      ? NONE
      : [...before ?? [], bytes.subarray(LENGTH + HEADER)];
    const short = sizeOf(bodies) <= MAX_MESSAGE;
    if (more) this.#keep(key, short ? bodies : NONE);
    return more || skipped || !short
      ? undefined
      : { kind, codec, body: concat([...bodies]) };
  }

  #take(key: string): Unfinished | undefined {
    const found = this.#unfinished.get(key);
    if (found === undefined) return undefined;
    this.#unfinished.delete(key);
    this.#size -= sizeOf(found);
    return found;
  }

  #keep(key: string, message: Unfinished): void {
    this.#unfinished.set(key, message);
    this.#size += sizeOf(message);
    for (const [oldest, bodies] of this.#unfinished) {
      if (this.#unfinished.size > MAX_COUNT) this.#take(oldest);
      else if (this.#size <= MAX_UNFINISHED) return;
      else {
        // The rest of the message is still recognized as such.
        this.#size -= sizeOf(bodies);
        this.#unfinished.set(oldest, NONE);
      }
    }
  }
}

const NONE: Unfinished = [];

function sizeOf(bodies: Unfinished): number {
  return bodies.reduce((sum, { length }) => sum + length, 0);
}

const CODECS: Readonly<Record<string, () => MessageCodec>> = {
  msgpack,
  json,
  bytes,
};

/**
 * Decodes the value of a message.
 *
 * The value of an ERROR or GOAWAY is an object with its text, and of an ERROR also
 * its data.
 *
 * @returns `undefined` if the message has no value, or it cannot be decoded
 */
export function valueOf(
  { kind, codec, body }: CapturedMessage,
): { readonly value: unknown } | undefined {
  const create = Object.hasOwn(CODECS, codec) ? CODECS[codec] : undefined;
  try {
    if (kind === "GOAWAY") return { value: goawayValue(body) };
    if (create === undefined) return undefined;
    if (kind === "ERROR") return { value: errorValue(body, create()) };
    const encoded = body.subarray(fieldsEnd(body, FIELDS_AT[kind] ?? 0));
    return encoded.length === 0
      ? undefined
      : { value: create().decode(encoded) };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof CodecError) {
      return undefined; // the receiver reports it
    }
    throw error;
  }
}

function errorValue(body: Uint8Array, codec: MessageCodec) {
  const { message, declared, incident, data } = decodeError(body, codec, "");
  return {
    message,
    ...(declared !== "" && { declared }),
    ...(incident !== "" && { incident }),
    ...(data !== undefined && { data }),
  };
}

function goawayValue(body: Uint8Array) {
  const { message, retryAfter } = decodeGoaway(
    concat([new Uint8Array(HEADER), body]),
  );
  return { message, ...(retryAfter > 0 && { retryAfter }) };
}
