/**
 * The messages of PostgreSQL's protocol 3.0: encoders for sent messages, and a
 * reader for the bodies of received ones. An encoded message begins with its
 * type and leaves space for the length, which the framing `postgres()` fills
 * in.
 *
 * @module
 */
import { concat } from "@std/bytes";
import { ProtocolError, type ServerFields } from "./errors.ts";

/** Length of a header in bytes: type u8, length u32. */
const HEADER = 5;
const PROTOCOL_3_0 = 0x0003_0000;
const NULL_LENGTH = -1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Encodes the first message, which has no type (`postgresStartup()`). */
export function startup(parameters: Record<string, string>): Uint8Array {
  const pairs = Object.entries(parameters).flat().map(cString);
  return concat([int32(PROTOCOL_3_0), ...pairs, Uint8Array.of(0)]);
}

/** Encodes a message with its type; the framing writes the length. */
export function message(type: string, ...body: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(HEADER);
  header[0] = type.charCodeAt(0);
  return concat([header, ...body]);
}

/** Encodes text and a terminating zero byte; the text must not contain one. */
export function cString(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new RangeError(
      "Cannot send text with the character U+0000, which terminates text in PostgreSQL",
    );
  }
  return encoder.encode(`${text}\0`);
}

export function int16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value);
}

export function int32(value: number): Uint8Array {
  return Uint8Array.of(value >> 24, value >> 16, value >> 8, value);
}

/** Encodes text preceded by its length; NULL is the length -1. */
export function sized(text: string | null): Uint8Array {
  if (text === null) return int32(NULL_LENGTH);
  const bytes = encoder.encode(text);
  return concat([int32(bytes.length), bytes]);
}

/** A reader that never reads past the end of a message's body. */
export class Body {
  /** Type of the message, a letter. */
  readonly type: string;
  readonly #frame: Uint8Array;
  readonly #view: DataView;
  #at = HEADER;

  constructor(frame: Uint8Array) {
    this.type = String.fromCharCode(frame[0] ?? 0);
    this.#frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** Reads text up to a zero byte. */
  cString(): string {
    const end = this.#frame.indexOf(0, this.#at);
    if (end < 0) throw this.#short();
    const text = this.text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  /** Reads text preceded by its length; `null` for NULL. */
  sized(): string | null {
    const length = this.int32();
    return length === NULL_LENGTH ? null : this.text(length);
  }

  /** Reads `length` bytes of text, by default all that are left. */
  text(length: number = this.#frame.length - this.#at): string {
    const start = this.#take(length);
    return decoder.decode(this.#frame.subarray(start, start + length));
  }

  /** Reads the fields of an error or notice. */
  fields(): ServerFields {
    const fields = new Map<string, string>();
    for (let text; (text = this.cString()) !== "";) {
      fields.set(text.charAt(0), text.slice(1));
    }
    return fields;
  }

  #take(length: number): number {
    const start = this.#at;
    if (length < 0 || length > this.#frame.length - start) throw this.#short();
    this.#at += length;
    return start;
  }

  #short(): ProtocolError {
    return new ProtocolError(
      `Cannot read a message of type ${
        JSON.stringify(this.type)
      }: its ${this.#frame.length} bytes are fewer than its fields need`,
    );
  }
}
