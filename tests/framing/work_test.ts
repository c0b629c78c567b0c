/** Work is linear and memory follows arrival: counted, never timed. */
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
import { memory } from "../../lib/framing/decode/reused_buffer.ts";

const MIB = 1024 * 1024;
/** Bytes looked at or moved for each byte received, at most. */
const FACTOR = 16;

/** Counts the bytes that are read, written, moved and searched. */
class Meter {
  touched = 0;
  readonly #raw = new WeakMap<object, Uint8Array<ArrayBuffer>>();
  readonly #watchUpTo: number;

  /**
   * To watch each access to a decoder's own memory takes long. Up to a size
   * will do where the layout goes through bytes with methods only: those are
   * counted in memory of any size.
   */
  constructor(watchUpTo: number) {
    this.#watchUpTo = watchUpTo;
  }

  /** The same bytes, with every access counted. */
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

  /** Counts what the methods of byte arrays do while `run` runs. */
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

/** What is touched to decode a stream in pieces of `size` bytes, for each byte. */
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
    // Of a single byte it is known that it is looked at, and moved once; what
    // matters then is the decoder's own buffer.
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
 * Own memory that is watched whole while 1 MiB comes byte by byte. Who goes
 * through 64 KiB anew with each byte touches 2^31 bytes there: 2,000 for each
 * of the 1 MiB.
 */
const WATCHED = 65_536;
/** Layouts that go through a frame byte by byte, with no method: watched whole. */
const WITHOUT_METHODS = ["delimited by several"];

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
  contentLength: contentLength(LIMIT),
  cobs: cobs(LIMIT),
  slip: slip(LIMIT),
  fixedLength: fixedLength(MIB),
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
      `next() of ${name} touches at most ${FACTOR} bytes for each of 1 MiB that comes byte by byte`,
    permissions: "none",
    fn() {
      const wire = framing.encoder().encode(new Uint8Array(MIB).fill(0x61));
      const upTo = WITHOUT_METHODS.includes(name) ? Infinity : WATCHED;
      const factor = touchedPerByte(framing, wire, 1, 1, upTo);
      assert(factor <= FACTOR, `${factor} bytes touched for each`);
    },
  });

  Deno.test({
    name:
      `next() of ${name} touches at most ${FACTOR} bytes for each of many frames, however they are cut`,
    permissions: "none",
    fn() {
      const payload = new Uint8Array(name === "fixedLength" ? MIB : 9).fill(97);
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
  name: "next() touches bytes that are skipped no more than others",
  permissions: "none",
  fn() {
    const skip = { maxFrameLength: 100, onTooLong: "skip" } as const;
    const skipping: [Framing, Framing][] = [
      [u32be(LIMIT), u32be(skip)],
      [delimited("aab", LIMIT), delimited("aab", skip)],
      [lines(LIMIT), lines(skip)],
      [slip(LIMIT), slip(skip)],
      [cobs(LIMIT), cobs(skip)],
    ];
    for (const [sender, framing] of skipping) {
      const wire = sender.encoder().encode(new Uint8Array(MIB / 8).fill(97));
      for (const size of [1, 1448]) {
        const factor = touchedPerByte(framing, wire, size, 0);
        assert(factor <= FACTOR, `${factor} for each in pieces of ${size}`);
      }
    }
  },
});

Deno.test({
  name:
    "held is under 1 MiB for 1,000 decoders that were promised the most and got ten bytes",
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
    "held follows a large frame up to four times what has come, and to no more than the frame",
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
  name: "held falls to nothing when next() has nothing to hold twice in a row",
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
  name: "held falls when the frames that come have become far smaller",
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
