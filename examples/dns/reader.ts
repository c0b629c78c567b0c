/**
 * Reads the parts of a DNS message, and never past its end.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { MAX_NAME, nameToText } from "./text.ts";

/** A pointer leads to a name, and names stand behind the header. */
const HEADER_LENGTH = 12;
/** As many as a name has labels; more of them go from pointer to pointer. */
const MAX_POINTERS = 127;

/** What the two highest bits of a label's length say (RFC 1035, 4.1.4). */
const LABEL = 0;
const POINTER = 3;

/** A place in a message, and what can be read there. */
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

  /** Bytes that are left, in the message or in the section at hand. */
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

  /** So many bytes, as a view. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#message.subarray(start, start + length);
  }

  /** Reads a section of so many bytes, which must be read whole. */
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
   * A name, which may go on where an earlier one stood:
   *
   * ```text
   * ┌───┬───────┬───┬───┐        ┌────┬────────┐
   * │ 3 │ w w w │ 2 │ … │  then  │ 11 │ offset │ or 0
   * └───┴───────┴───┴───┘        └────┴────────┘
   * ```
   *
   * Each pointer must lead to before the part that it ends, so there is no
   * loop; how many there are is bounded all the same, as a message may have
   * thousands of names with the same long way.
   */
  name(): string {
    const labels: Uint8Array[] = [];
    let length = 1;
    let pointers = 0;
    let part = this.#at;
    let behind: number | undefined;
    for (;;) {
      const size = this.u8();
      if (size === 0) break;
      if (size >> 6 === LABEL) {
        length += 1 + size;
        if (length > MAX_NAME) throw fault(`a name is over ${MAX_NAME} bytes`);
        labels.push(this.bytes(size));
      } else if (size >> 6 === POINTER) {
        const target = (size & 0x3f) << 8 | this.u8();
        if (target >= part || target < HEADER_LENGTH) {
          throw fault(
            `a name at ${part} points to ${target}, not to one before`,
          );
        }
        if (++pointers > MAX_POINTERS) {
          throw fault(`a name has over ${MAX_POINTERS} pointers`);
        }
        behind ??= this.#at;
        this.#at = part = target;
      } else {
        throw fault(`a label begins with ${size}`);
      }
    }
    this.#at = behind ?? this.#at;
    return nameToText(labels);
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.left) {
      throw fault(`${length} bytes are wanted at ${start}, ${this.left} left`);
    }
    this.#at += length;
    return start;
  }
}

function fault(problem: string): DnsFormatError {
  return new DnsFormatError(`Cannot read a DNS message: ${problem}`);
}
