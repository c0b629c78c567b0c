/**
 * Fields of MySQL messages.
 *
 * @module
 */

/** Reads the fields of a message one after another. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u16(): number {
    return this.#view.getUint16((this.#at += 2) - 2, true);
  }

  u32(): number {
    return this.#view.getUint32((this.#at += 4) - 4, true);
  }

  /** Returns bytes of the message, without a copy. */
  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("A field is too long");
    return this.#bytes.subarray(this.#at, this.#at = end);
  }

  text(length = this.#bytes.length - this.#at): string {
    return new TextDecoder().decode(this.bytes(length));
  }

  /** Reads text that ends with a zero byte. */
  textToNul(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.text(end < 0 ? undefined : end - this.#at);
    this.#at++;
    return text;
  }

  /** Reads an integer of variable length; `undefined` stands for NULL. */
  integer(): number | undefined {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfb) return undefined;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u16() + this.u8() * 2 ** 16;
    return this.u32() + this.u32() * 2 ** 32;
  }
}
