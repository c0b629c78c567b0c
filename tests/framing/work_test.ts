/** Tests that work is linear and memory follows the bytes received. */
import { assert, assertEquals } from "@std/assert";
import {
  chunked,
  cobs,
  contentLength,
  delimited,
  doneFlag,
  fixedLength,
  type Framing,
  fullPartContinues,
  lengthPrefixed,
  lines,
  netstring,
  prefixed,
  slip,
  u16be,
  u32be,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";
import type { PrefixedOptions } from "@lengthwise/lengthwise/types";
import { memory } from "../../lib/framing/decode/reused_buffer.ts";

const MIB = 1024 * 1024;
/** Length of a frame that arrives byte by byte. */
const LENGTH = 256 * 1024;
/** Maximum bytes read or moved for each byte received. */
const FACTOR = 16;

/** Counts the bytes that are read, written, moved and searched. */
class Meter {
  touched = 0;
  readonly #raw = new WeakMap<object, Uint8Array<ArrayBuffer>>();
  readonly #watchUpTo: number;

  /**
   * Watching each access to a decoder's memory is slow. A maximum size is enough
   * for layouts that process bytes only with methods of byte arrays: those are
   * counted for memory of any size.
   */
  constructor(watchUpTo: number) {
    this.#watchUpTo = watchUpTo;
  }

  /** Returns the same bytes with every access counted. */
  watch(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const proxy = new Proxy(bytes, {
      get: (target, key) => {
        if (typeof key === "string" && key.charCodeAt(0) <= 0x39) {
          this.touched++;
          return target[Number(key)];
        }
        const value = Reflect.get(target, key, target);
        return typeof value === "function"
          ? (...args: unknown[]) => value.apply(target, args.map(this.#unwrap))
          : value;
      },
      set: (target, key, value) => {
        this.touched++;
        target[Number(key)] = value;
        return true;
      },
    });
    this.#raw.set(proxy, bytes);
    return proxy;
  }

  readonly #unwrap = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? this.#raw.get(value) ?? value
      : value;

  /** Counts the bytes that methods of byte arrays touch while `run` runs. */
  measure(run: () => void): number {
    const { prototype } = Uint8Array;
    const inherited = Object.getPrototypeOf(prototype);
    const { allocate } = memory;
    const count = (length: number) => this.touched += length;
    prototype.set = function (source, offset) {
      count(source.length);
      inherited.set.call(this, source, offset);
    };
    prototype.indexOf = function (byte, from = 0) {
      const found = inherited.indexOf.call(this, byte, from);
      count((found === -1 ? this.length : found + 1) - from);
      return found;
    };
    prototype.copyWithin = function (to, from, end) {
      count((end ?? this.length) - from);
      return inherited.copyWithin.call(this, to, from, end);
    };
    prototype.slice = function (this: Uint8Array, from = 0, end = this.length) {
      count(end - from);
      return inherited.slice.call(this, from, end);
    };
    memory.allocate = (length) =>
      length <= this.#watchUpTo
        ? this.watch(allocate(length))
        : allocate(length);
    try {
      run();
    } finally {
      memory.allocate = allocate;
      for (const name of ["set", "indexOf", "copyWithin", "slice"] as const) {
        delete (prototype as Partial<Uint8Array>)[name];
      }
    }
    return this.touched;
  }
}

/** Returns the bytes touched per byte of a stream in pieces of `size` bytes. */
function touchedPerByte(
  framing: Framing,
  wire: Uint8Array,
  size: number,
  frames: number,
  watchUpTo = Infinity,
): number {
  const meter = new Meter(watchUpTo);
  const decoder = framing.decoder();
  let got = 0;
  const touched = meter.measure(() => {
    const piece = new Uint8Array(size);
    const chunk = meter.watch(piece);
    // A single byte is known to be read once and moved once, so that only the
    // decoder's own buffer matters.
    if (size === 1) meter.touched += 2 * wire.length;
    for (let at = 0; at < wire.length; at += size) {
      if (size === 1) {
        piece[0] = wire[at]!;
        decoder.push(piece);
        while (decoder.next() !== undefined) got++;
        continue;
      }
      const last = wire.subarray(at, at + size);
      piece.set(last);
      meter.touched -= last.length; // the test's own copy
      decoder.push(
        last.length === size
          ? chunk
          : meter.watch(piece.subarray(0, last.length)),
      );
      while (decoder.next() !== undefined) got++;
    }
  });
  assertEquals(got, frames);
  decoder.end();
  return touched / wire.length;
}

/**
 * Size of the memory that is watched completely while a frame arrives byte by byte.
 * A decoder that goes through 16 KiB again with each byte touches 2^27 bytes
 * there: 500 for each byte of the 256 KiB.
 */
const WATCHED = 16_384;
/** Layouts that read byte by byte without methods: their memory is all watched. */
const WITHOUT_METHODS = ["delimited by several"];

/** Frames that end with a trailer which their payloads nearly contain. */
function trailed(options: PrefixedOptions): Framing {
  return prefixed({
    maxLength: 1,
    maxTrailerLength: 3,
    read: () => [0, undefined, "aab"],
    write: () => new Uint8Array(0),
  }, options);
}

const LIMIT = { maxFrameLength: 2 * MIB };
const FRAMINGS: Record<string, Framing> = {
  u32be: u32be(LIMIT),
  "lengthPrefixed of width 7": lengthPrefixed({ ...LIMIT, width: 7 }),
  varintPrefixed: varintPrefixed(LIMIT),
  delimited: delimited("\n", LIMIT),
  "delimited by a long one that nearly matches": delimited("aab", LIMIT),
  "delimited by several": delimited(["\r\n\r\n", "\n\n", "\0"], LIMIT),
  lines: lines(LIMIT),
  netstring: netstring(LIMIT),
  prefixed: prefixed({
    maxLength: 4,
    maxPayloadLength: 2 ** 32 - 1,
    read: (bytes) =>
      bytes.length < 4
        ? undefined
        : [4, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)],
    write: (length) =>
      Uint8Array.from([24, 16, 8, 0], (shift) => length >>> shift),
  }, LIMIT),
  "prefixed with a long line": prefixed({
    maxLength: 2 ** 20,
    read(bytes, seen) {
      const end = bytes.indexOf(10, seen) + 1;
      return end === 0 ? undefined : [end, end - 1];
    },
    write: (length) => new Uint8Array(length + 1).fill(98).fill(10, length),
  }, LIMIT),
  "prefixed with a trailer to be found": trailed(LIMIT),
  contentLength: contentLength(LIMIT),
  cobs: cobs(LIMIT),
  slip: slip(LIMIT),
  fixedLength: fixedLength(LENGTH),
  "chunked by done flags": chunked(u32be(), doneFlag(), LIMIT),
  "chunked by full parts": chunked(
    u16be(),
    fullPartContinues({ partLength: 4096 }),
    LIMIT,
  ),
};

for (const [name, framing] of Object.entries(FRAMINGS)) {
  Deno.test({
    name:
      `next() of ${name} touches at most ${FACTOR} bytes for each of 256 KiB that arrive byte by byte`,
    permissions: "none",
    fn() {
      const wire = framing.encoder().encode(new Uint8Array(LENGTH).fill(0x61));
      const upTo = WITHOUT_METHODS.includes(name) ? Infinity : WATCHED;
      const factor = touchedPerByte(framing, wire, 1, 1, upTo);
      assert(factor <= FACTOR, `${factor} bytes touched for each`);
    },
  });

  Deno.test({
    name:
      `next() of ${name} touches at most ${FACTOR} bytes for each byte of many frames, however they are cut`,
    permissions: "none",
    fn() {
      const payload = new Uint8Array(name === "fixedLength" ? LENGTH : 9).fill(
        97,
      );
      const frame = framing.encoder().encode(payload);
      const count = Math.ceil(40_000 / frame.length);
      const wire = new Uint8Array(frame.length * count);
      for (let i = 0; i < count; i++) wire.set(frame, i * frame.length);
      for (const size of [7, 1448, 65_536]) {
        const factor = touchedPerByte(framing, wire, size, count);
        assert(factor <= FACTOR, `${factor} for each in pieces of ${size}`);
      }
    },
  });
}

Deno.test({
  name: "next() touches skipped bytes no more than other bytes",
  permissions: "none",
  fn() {
    const skip = { maxFrameLength: 100, onTooLarge: "skip" } as const;
    const skipping: [Framing, Framing][] = [
      [u32be(LIMIT), u32be(skip)],
      [delimited("aab", LIMIT), delimited("aab", skip)],
      [trailed(LIMIT), trailed(skip)],
      [lines(LIMIT), lines(skip)],
      [slip(LIMIT), slip(skip)],
      [cobs(LIMIT), cobs(skip)],
    ];
    for (const [sender, framing] of skipping) {
      const wire = sender.encoder().encode(new Uint8Array(LENGTH / 8).fill(97));
      for (const size of [1, 1448]) {
        const factor = touchedPerByte(framing, wire, size, 0);
        assert(factor <= FACTOR, `${factor} for each in pieces of ${size}`);
      }
    }
  },
});

Deno.test({
  name:
    "held is under 1 MiB for 1,000 decoders with the largest length and ten bytes",
  permissions: "none",
  fn() {
    const most = 2 ** 31 - 1;
    const promises: [Framing, string][] = [
      [lengthPrefixed({ maxFrameLength: most }), "7fffffff616161616161"],
      [varintPrefixed({ maxFrameLength: most }), "ffffffff076161616161"],
      [netstring({ maxFrameLength: 2_000_000_000 }), "323030303030303030303a"],
      [fixedLength(most), "61616161616161616161"],
      [delimited("\n", { maxFrameLength: most }), "61616161616161616161"],
      [cobs({ maxFrameLength: most }), "ff616161616161616161"],
      [slip({ maxFrameLength: most }), "db616161616161616161"],
      [
        chunked(u32be({ maxFrameLength: most }), doneFlag(), LIMIT),
        "7fffffff006161616161",
      ],
    ];
    for (const [framing, hex] of promises) {
      let held = 0;
      for (let i = 0; i < 1000; i++) {
        const decoder = framing.decoder();
        decoder.push(Uint8Array.fromHex(hex));
        assertEquals(decoder.next(), undefined);
        held += decoder.held;
      }
      assert(held > 0 && held < MIB, `${held} bytes for ${hex}`);
    }
  },
});

Deno.test({
  name:
    "held is at most four times the bytes received and never exceeds the frame",
  permissions: "none",
  fn() {
    const decoder = u32be().decoder();
    const wire = u32be().encoder().encode(new Uint8Array(MIB));
    for (let at = 0; at < wire.length; at += 1000) {
      decoder.push(wire.slice(at, at + 1000));
      decoder.next();
      const come = Math.min(wire.length, at + 1000);
      assert(decoder.held <= Math.min(4 * come, wire.length), `at ${at}`);
    }
  },
});

Deno.test({
  name: "held is 0 after next() has returned undefined twice in a row",
  permissions: "none",
  fn() {
    const framings = [
      u32be(),
      cobs(),
      slip(),
      lines(),
      chunked(u32be(), doneFlag()),
    ];
    for (const framing of framings) {
      const decoder = framing.decoder();
      const wire = framing.encoder().encode(
        Uint8Array.from({ length: 9000 }, (_, i) => 0x40 + i % 0xa0),
      );
      decoder.push(wire.slice(0, 5000));
      decoder.next();
      decoder.push(wire.slice(5000));
      assertEquals(decoder.next()?.length, 9000);
      assertEquals(decoder.next(), undefined);
      assertEquals(decoder.next(), undefined);
      assertEquals(decoder.held, 0);
    }
  },
});

Deno.test({
  name: "held shrinks after many far smaller frames",
  permissions: "none",
  fn() {
    const framing = u32be();
    const decoder = framing.decoder();
    const large = framing.encoder().encode(new Uint8Array(MIB));
    const small = framing.encoder().encode(new Uint8Array(100));
    decoder.push(large.slice(0, MIB / 2));
    decoder.next();
    decoder.push(large.slice(MIB / 2));
    decoder.next();
    assert(decoder.held >= MIB);
    for (let i = 0; i < 40; i++) {
      decoder.push(small.slice(0, 50));
      decoder.next();
      decoder.push(small.slice(50));
      decoder.next();
    }
    assert(decoder.held < 1000, `${decoder.held}`);
  },
});
