/**
 * Reads the parts of a DNS message, never past its end.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { MAX_NAME, nameToText } from "./text.ts";

/** Length in bytes of the header, which no pointer may refer to. */
const HEADER_LENGTH = 12;
/** Maximum number of pointers in a name. A name has at most 127 labels. */
const MAX_POINTERS = 127;

/** Values of a length byte's two highest bits (RFC 1035, 4.1.4). */
const LABEL = 0;
const POINTER = 3;

/** A position in a message, with methods to read from it. */
export class Reader {
  readonly #message: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #end: number;

  constructor(message: Uint8Array) {
    this.#message = message;
    this.#end = message.length;
    const { buffer, byteOffset, length } = message;
    this.#view = new DataView(buffer, byteOffset, length);
  }

  /** Number of bytes left in the message or the current section. */
  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** Reads `length` bytes and returns a view of them. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#message.subarray(start, start + length);
  }

  /** Reads a section of `length` bytes; `read` must use all of them. */
  section<T>(length: number, read: () => T): T {
    const end = this.#end;
    this.#end = this.#take(length) + length;
    this.#at = this.#end - length;
    const value = read();
    if (this.left > 0) throw fault(`${this.left} bytes are left over`);
    this.#end = end;
    return value;
  }

  /**
   * Reads a name; its end may point to an earlier name:
   *
   * ```text
   * ┌───┬───────┬───┬───┐        ┌────┬────────┐
   * │ 3 │ w w w │ 2 │ … │  then  │ 11 │ offset │ or 0
   * └───┴───────┴───┴───┘        └────┴────────┘
   * ```
   *
   * Each pointer must refer to a position before the part that it ends, so
   * there are no loops. The number of pointers is limited too, since a message
   * may contain thousands of names that follow the same long chain.
   */
  name(): string {
    const labels: Uint8Array[] = [];
    let length = 1;
    let pointers = 0;
    let part = this.#at;
    let resumeAt: number | undefined;
    for (;;) {
      const size = this.u8();
      if (size === 0) break;
      if (size >> 6 === LABEL) {
        length += 1 + size;
        if (length > MAX_NAME) {
          throw fault(`a name is longer than ${MAX_NAME} bytes`);
        }
        labels.push(this.bytes(size));
      } else if (size >> 6 === POINTER) {
        const target = (size & 0x3f) << 8 | this.u8();
        if (target >= part || target < HEADER_LENGTH) {
          throw fault(
            `a name at ${part} points to ${target}, not to an earlier name`,
          );
        }
        if (++pointers > MAX_POINTERS) {
          throw fault(`a name has more than ${MAX_POINTERS} pointers`);
        }
        resumeAt ??= this.#at;
        this.#at = part = target;
      } else {
        throw fault(`a label has the invalid length byte ${size}`);
      }
    }
    this.#at = resumeAt ?? this.#at;
    return nameToText(labels);
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.left) {
      throw fault(
        `${length} bytes are expected at ${start}, ${this.left} are left`,
      );
    }
    this.#at += length;
    return start;
  }
}

function fault(problem: string): DnsFormatError {
  return new DnsFormatError(`Cannot read a DNS message: ${problem}`);
}
