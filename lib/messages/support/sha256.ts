/**
 * SHA-256, synchronously: `crypto.subtle` returns promises, and exists only in
 * secure contexts.
 *
 * @module
 */

const BLOCK = 64;

/** The constants of FIPS 180-4, computed on first use. */
interface Constants {
  /** First bits of the square roots of the first 8 primes. */
  readonly start: Uint32Array;
  /** First bits of the cube roots of the first 64 primes. */
  readonly rounds: Uint32Array;
}

let constants: Constants | undefined;

/** Returns the SHA-256 digest of bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  constants ??= computeConstants();
  const state = constants.start.slice();
  const words = new Uint32Array(BLOCK);
  const whole = bytes.length - bytes.length % BLOCK;
  const input = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < whole; at += BLOCK) {
    compress(state, words, input, at, constants.rounds);
  }
  const last = padded(bytes.subarray(whole), bytes.length);
  for (let at = 0; at < last.byteLength; at += BLOCK) {
    compress(state, words, last, at, constants.rounds);
  }
  const digest = new Uint8Array(32);
  const output = new DataView(digest.buffer);
  state.forEach((word, index) => output.setUint32(4 * index, word));
  return digest;
}

/** Returns the last blocks: the rest of the input, padding, and the length. */
function padded(rest: Uint8Array, length: number): DataView {
  const bytes = new Uint8Array(rest.length + 9 > BLOCK ? 2 * BLOCK : BLOCK);
  bytes.set(rest);
  bytes[rest.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(bytes.length - 8, BigInt(length) * 8n);
  return view;
}

/** Adds one block to the state. */
function compress(
  state: Uint32Array,
  words: Uint32Array,
  input: DataView,
  at: number,
  rounds: Uint32Array,
): void {
  for (let i = 0; i < 16; i++) words[i] = input.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const w15 = words[i - 15]!, w2 = words[i - 2]!; // in range: 64 words
    const s0 = rotated(w15, 7) ^ rotated(w15, 18) ^ (w15 >>> 3);
    const s1 = rotated(w2, 17) ^ rotated(w2, 19) ^ (w2 >>> 10);
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1; // as above
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choice + rounds[i]! + words[i]!) | 0; // as above
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => state[index]! += word);
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function computeConstants(): Constants {
  const primes: number[] = [];
  for (let next = 2; primes.length < 64; next++) {
    if (primes.every((prime) => next % prime !== 0)) primes.push(next);
  }
  return {
    start: Uint32Array.from(primes.slice(0, 8), (p) => firstBits(Math.sqrt(p))),
    rounds: Uint32Array.from(primes, (p) => firstBits(Math.cbrt(p))),
  };
}

/** Returns the first 32 bits of the fraction. */
function firstBits(value: number): number {
  return (value % 1) * 2 ** 32;
}
