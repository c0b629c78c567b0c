/**
 * Writes the parts of a DNS message.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { nameToLabels, nameToText } from "./text.ts";

/** What a pointer of 14 bits reaches (RFC 1035, 4.1.4). */
const REACH = 0x4000;
/** The length in front of a message over TCP has two bytes. */
const MAX_MESSAGE = 65_535;

/** A message that grows. */
export class Writer {
  #bytes = new Uint8Array(512);
  #length = 0;
  /** Where each name that was written begins, and each end of one. */
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
   * A name. With `compress` its end may be a pointer to an earlier one; in the
   * data of records only types of RFC 1035 may have that (RFC 3597, 4).
   */
  name(name: string, { compress }: { compress: boolean }): void {
    const labels = nameToLabels(name);
    for (let i = 0; i < labels.length; i++) {
      // Case is kept: another spelling is another name here.
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

  /** A length of two bytes, and what is written by then. */
  sized(write: () => void): void {
    const start = this.#grow(2) + 2;
    write();
    const length = this.#length - start;
    this.#bytes[start - 2] = length >> 8;
    this.#bytes[start - 1] = length;
  }

  /** The message, as a view. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > MAX_MESSAGE) {
      throw new DnsFormatError(
        `Cannot write a DNS message of more than ${MAX_MESSAGE} bytes`,
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
