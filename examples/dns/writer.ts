/**
 * Writes the parts of a DNS message.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { nameToLabels, nameToText } from "./text.ts";

/** Limit on the offset in a pointer (RFC 1035, 4.1.4). */
const REACH = 0x4000;
/** Maximum length of a message: its length prefix over TCP has two bytes. */
const MAX_MESSAGE = 65_535;

/** Encodes a message into a buffer that grows. */
export class Writer {
  #bytes = new Uint8Array(512);
  #length = 0;
  /** Offset of each written name and of each of its suffixes. */
  readonly #names = new Map<string, number>();

  u8(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    this.u8(value >> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /**
   * Writes a name. With `compress`, its end may be a pointer to an earlier
   * name. Within data, only the record types of RFC 1035 may use compression
   * (RFC 3597, 4).
   */
  name(name: string, { compress }: { compress: boolean }): void {
    const labels = nameToLabels(name);
    for (let i = 0; i < labels.length; i++) {
      // Case is preserved, so names that differ in case do not share suffixes.
      const rest = nameToText(labels.slice(i));
      const earlier = this.#names.get(rest);
      if (earlier !== undefined && compress) {
        this.u16(0xc000 | earlier);
        return;
      }
      if (this.#length < REACH) {
        this.#names.set(rest, earlier ?? this.#length);
      }
      const label = labels[i] ?? new Uint8Array();
      this.u8(label.length);
      this.bytes(label);
    }
    this.u8(0);
  }

  /** Writes the output of `write`, preceded by its length in two bytes. */
  sized(write: () => void): void {
    const start = this.#grow(2) + 2;
    write();
    const length = this.#length - start;
    this.#bytes[start - 2] = length >> 8;
    this.#bytes[start - 1] = length;
  }

  /** Returns a view of the message. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > MAX_MESSAGE) {
      throw new DnsFormatError(
        `Cannot write a DNS message longer than ${MAX_MESSAGE} bytes`,
      );
    }
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = end;
    return start;
  }
}
