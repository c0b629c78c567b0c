/**
 * Each assertion of the checks of framings finds a framing that violates it alone.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { FrameError, type FrameErrorCode } from "../../lib/framing/errors.ts";
import type {
  FrameDecoder,
  FrameEncoder,
  Framing,
} from "../../lib/framing/framing.ts";
import { u16be } from "../../lib/framing/length_presets.ts";
import { lines } from "../../lib/framing/layouts/lines.ts";
import { DECODER_CHECKS } from "../../lib/testing/decoder_checks.ts";
import { ENCODER_CHECKS } from "../../lib/testing/encoder_checks.ts";
import {
  concat,
  type FramingUnderTest,
} from "../../lib/testing/framing_kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const SAMPLES = [
  new Uint8Array([1, 2, 3]),
  new Uint8Array(),
  new Uint8Array(40).fill(7),
  new Uint8Array([9]),
];
const TEXTS = [
  new Uint8Array([97, 98]),
  new Uint8Array(),
  new Uint8Array([99]),
];

type Make = (options: { maxFrameLength?: number }) => Framing;

/** Returns a framing and its samples, as `checkFraming()` does. */
function subjectOf(
  makeFraming: Make,
  encode: Make,
  samples: readonly Uint8Array[],
): FramingUnderTest {
  const encoder = encode({}).encoder();
  const frames = samples.map((sample) => encoder.encode(sample.slice()));
  return { makeFraming, samples, frames, wire: concat(frames) };
}

/** Members of a decoder or encoder that replace those of the real one. */
type Change<T> = (real: T) => { readonly [K in keyof T]?: T[K] };

/** Returns an object with some members of another one replaced. */
function changed<T extends object>(real: T, change: Change<T>): T {
  const members: Readonly<
    Record<PropertyKey, PropertyDescriptor | undefined>
  > = Object.getOwnPropertyDescriptors(change(real));
  const proxy: T = new Proxy(real, {
    get(target, key) {
      const own = members[key];
      if (own !== undefined) return own.get ? own.get.call(proxy) : own.value;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
  return proxy;
}

/** Returns a framing with a changed decoder or encoder. */
function altered(
  change: {
    decoder?: Change<FrameDecoder>;
    encoder?: Change<FrameEncoder>;
  },
  make: Make = u16be,
): Make {
  return (options) => {
    const real = make(options);
    return {
      ...real,
      decoder: () =>
        changed<FrameDecoder>(real.decoder(), change.decoder ?? (() => ({}))),
      encoder: () =>
        changed<FrameEncoder>(real.encoder(), change.encoder ?? (() => ({}))),
    };
  };
}

const error = (code: FrameErrorCode = "truncated") =>
  new FrameError("made up", { code });

interface Fault {
  readonly check: string;
  /** Message of the assertion. */
  readonly text: string;
  readonly decoder?: Change<FrameDecoder>;
  readonly encoder?: Change<FrameEncoder>;
  readonly make?: Make;
  readonly samples?: readonly Uint8Array[];
}

/** Returns a decoder's `next()` that changes frames. */
const nextAs = (change: (frame: Uint8Array) => Uint8Array) =>
(
  real: FrameDecoder,
) => ({
  next() {
    const frame = real.next();
    return frame && change(frame.slice());
  },
});

const flipped = nextAs((frame) => frame.map((byte) => byte ^ 1));

const throwing = (code?: FrameErrorCode) => () => {
  throw error(code);
};

/** Makes a decoder throw another error in one function after the first one. */
function forgetful(what: "next" | "end"): Change<FrameDecoder> {
  return (real) => {
    let failed = false;
    const remember = <T>(run: () => T) => {
      try {
        return run();
      } catch (cause) {
        if (failed) throw error();
        failed = true;
        throw cause;
      }
    };
    return {
      [what]: () => remember(() => real[what]()),
      ...(what === "next" && {
        end() {
          failed = true;
          real.end();
        },
      }),
    };
  };
}

const FAULTS: readonly Fault[] = [
  {
    check: "a round trip returns the samples",
    text: "in one chunk: frame 0 differs",
    decoder: flipped,
  },
  {
    check: "a round trip returns the samples",
    text: "made up",
    decoder: () => ({ end: throwing() }),
  },
  {
    check: "a round trip returns the samples",
    text: "rest() is not empty at the end",
    decoder: () => ({ rest: () => new Uint8Array(1) }),
  },
  {
    check: "a round trip returns the samples",
    text: "frames were skipped",
    decoder: () => ({ skipped: 1 }),
  },
  {
    check: "frames do not depend on chunk boundaries",
    text: "cut at byte 0: frame 0 differs",
    decoder: flipped,
  },
  {
    check: "frames do not depend on chunk boundaries",
    text: "made up",
    decoder: () => ({ end: throwing() }),
  },
  {
    check: "next() returns a frame exactly when its last byte arrives",
    text: "0 frames after byte 4; expected 1",
    decoder(real) {
      let late: Uint8Array | undefined;
      return {
        push(chunk) {
          if (late !== undefined) real.push(late);
          late = chunk.slice();
        },
      };
    },
  },
  {
    check: "next() returns a frame exactly when its last byte arrives",
    text: "byte by byte: frame 3 differs",
    decoder: nextAs((frame) => frame.map((byte) => byte === 9 ? 8 : byte)),
  },
  {
    check: "next() returns a frame exactly when its last byte arrives",
    text: "made up",
    decoder: () => ({ end: throwing() }),
  },
  {
    check: "several chunks can be pushed before next() is called",
    text: "rest() differs from the pushed bytes",
    decoder: (real) => ({ rest: () => real.rest().subarray(1) }),
  },
  {
    check: "several chunks can be pushed before next() is called",
    text: "pushed in threes: frame 0 differs",
    decoder: flipped,
  },
  {
    check: "several chunks can be pushed before next() is called",
    text: "made up",
    decoder: () => ({ end: throwing() }),
  },
  {
    check: "rest() returns the bytes after the last frame",
    text: "after 5 bytes: frame 0 differs",
    decoder: flipped,
  },
  {
    check: "rest() returns the bytes after the last frame",
    text: "the first rest() is wrong after 0 bytes",
    decoder: () => ({ rest: () => new Uint8Array(1) }),
  },
  {
    check: "rest() returns the bytes after the last frame",
    text: "the first rest() is wrong after 6 bytes",
    decoder(real) {
      const all: number[] = []; // the bytes of earlier frames are not dropped
      return {
        push(chunk) {
          all.push(...chunk);
          real.push(chunk);
        },
        rest: () => all.length === 6 ? new Uint8Array(all) : real.rest(),
      };
    },
  },
  {
    check: "rest() returns the bytes after the last frame",
    text: "the second rest() is wrong after 1 bytes",
    decoder(real) {
      let rest: Uint8Array | undefined = new Uint8Array();
      return {
        push(chunk) {
          real.push(chunk);
          rest = undefined;
        },
        rest() {
          if (rest !== undefined) return new Uint8Array();
          return rest = real.rest();
        },
      };
    },
  },
  {
    check: "end() throws exactly when a frame is incomplete",
    text: "next() threw after end(), which did not, at byte 0",
    decoder(real) {
      let ended = false;
      return {
        end: () => void (ended = true),
        next: () => ended ? throwing()() : real.next(),
      };
    },
  },
  {
    check: "end() throws exactly when a frame is incomplete",
    text: "end() threw between frames, at byte 0",
    decoder: () => ({ end: throwing() }),
  },
  {
    check: "end() throws exactly when a frame is incomplete",
    text: "end() completed a frame between frames, at byte 0",
    decoder(real) {
      let last: Uint8Array | undefined;
      return {
        end: () => void (last = new Uint8Array()),
        next() {
          const frame = real.next() ?? last;
          if (frame === last) last = undefined;
          return frame;
        },
      };
    },
  },
  {
    check: "end() throws exactly when a frame is incomplete",
    text:
      "end() threw too-short and completed 0 frames inside a frame, at byte 1",
    decoder: (real) => ({
      end: () => real.pending === 0 ? real.end() : throwing("too-short")(),
    }),
  },
  {
    check: "end() throws exactly when a frame is incomplete",
    text:
      "end() threw nothing and completed 0 frames inside a frame, at byte 1",
    decoder: () => ({ end: () => {} }),
  },
  {
    check: "'pending' is the number of bytes of an incomplete frame",
    text: "it is 1 after 0 bytes; expected 0",
    decoder: (real) => ({
      get pending() {
        return real.pending + 1;
      },
    }),
  },
  {
    check: "'pending' is the number of bytes of an incomplete frame",
    text: "it is 5 after 5 bytes; expected 0",
    decoder(real) {
      let received = 0; // counts on after a frame
      return {
        push(chunk) {
          received += chunk.length;
          real.push(chunk);
        },
        get pending() {
          return received;
        },
      };
    },
  },
  {
    check: "encoder and decoder have the same limit",
    text: "with limit 0, only one of them accepts 40 bytes",
    encoder: (real) => ({
      encode: (payload) =>
        payload.length === 40 ? payload : real.encode(payload),
    }),
  },
  {
    check: "encoder and decoder have the same limit",
    text: "with limit 40, only one of them accepts 40 bytes",
    encoder: (real) => ({
      encode(payload) {
        if (payload.length >= 40) throw error("too-large");
        return real.encode(payload);
      },
    }),
  },
  {
    check: "encoder and decoder have the same limit",
    text: "with limit 0, encode() throws 'truncated'; expected 'too-large'",
    encoder: (real) => ({
      encode(payload) {
        try {
          return real.encode(payload);
        } catch {
          throw error();
        }
      },
    }),
  },
  {
    check: "'maxFrameLength' can be changed",
    text: "does not begin with the framing's limit",
    encoder: () => ({ maxFrameLength: 65_534 }),
  },
  {
    check: "'maxFrameLength' can be changed",
    text: "a change to 39 differs from the option",
    encoder(real) {
      const unchanged = u16be({ maxFrameLength: real.maxFrameLength })
        .encoder();
      return { encode: (payload) => unchanged.encode(payload) };
    },
  },
  {
    check: "after an error every call throws the same error",
    text: "it threw 'made up' after",
    decoder: forgetful("next"),
  },
  {
    check: "after an error every call throws the same error",
    text: "it threw 'made up' after",
    decoder: forgetful("end"),
  },
  {
    check: "'held' is limited by the bytes received",
    text: "it holds 1033 bytes after 1 bytes were received",
    decoder: () => ({ held: 1024 + 8 + 1 }),
  },
  {
    check: "'held' is limited by the bytes received",
    text: "it holds 1025 bytes after all frames were returned",
    decoder: () => ({ held: 1025 }),
  },
  {
    check: "hostile bytes decode to frames or throw a FrameError",
    text: "not a FrameError",
    decoder: (real) => ({
      next() {
        const frame = real.next();
        if (frame === undefined || [0, 1, 3].includes(frame.length)) {
          return frame;
        }
        if (frame.length === 40) return frame;
        throw new Error("not a FrameError");
      },
    }),
  },
  {
    check: "hostile bytes decode to frames or throw a FrameError",
    text: "not a FrameError",
    decoder: (real) => ({
      end() {
        try {
          real.end();
        } catch {
          throw new Error("not a FrameError");
        }
      },
    }),
  },
  {
    check: "hostile bytes decode to frames or throw a FrameError",
    text: "it threw 'nothing' after",
    decoder: (real) => {
      let thrown: unknown;
      return {
        next() {
          if (thrown !== undefined) return undefined; // as if nothing were wrong
          try {
            return real.next();
          } catch (error) {
            thrown = error;
            throw error;
          }
        },
      };
    },
  },
  {
    check: "hostile bytes decode to frames or throw a FrameError",
    text: "random bytes in pieces: frame",
    decoder: (real) => {
      let chunks = 0;
      return {
        push(chunk) {
          chunks++;
          real.push(chunk);
        },
        next() {
          const frame = real.next();
          const isSample = [0, 1, 3, 40].includes(frame?.length ?? 0);
          return isSample || chunks === 1 ? frame : frame?.subarray(1);
        },
      };
    },
  },
  {
    check: "hostile bytes decode to frames or throw a FrameError",
    text:
      "random bytes in pieces: it threw 'made up'; in one chunk, 'Cannot decode",
    decoder: (real) => {
      const other = error("bad-length");
      let chunks = 0;
      const changed = <T>(step: () => T): T => {
        try {
          return step();
        } catch (thrown) {
          throw chunks === 1 ? thrown : other;
        }
      };
      return {
        push(chunk) {
          chunks++;
          real.push(chunk);
        },
        next: () => changed(() => real.next()),
        end: () => changed(() => real.end()),
      };
    },
  },
  {
    check: "each encoded payload decodes to one equal frame",
    text: "decoded to [",
    decoder: flipped,
  },
  {
    check: "each encoded payload decodes to one equal frame",
    text: "decoded to [nothing]",
    decoder: () => ({ next: () => undefined }),
  },
  {
    check: "each encoded payload decodes to one equal frame",
    text: "decoded to [",
    decoder: nextAs((frame) => frame.subarray(1)),
  },
  {
    check: "maxEncodedLength() is an upper bound",
    text: "sample 0 has 5 encoded bytes; the bound is 4",
    encoder: (real) => ({
      maxEncodedLength: (length) => real.maxEncodedLength(length) - 1,
    }),
  },
  {
    check: "encode() does not change the payload",
    text: "sample 0 was changed",
    encoder: (real) => ({
      encode(payload) {
        const frame = real.encode(payload);
        payload.fill(0);
        return frame;
      },
    }),
  },
  {
    check: "encode() does not change the payload",
    text: "sample 1 was encoded in two ways",
    encoder: (real) => ({
      encode: (payload) =>
        payload.length === 0 ? new Uint8Array(3) : real.encode(payload),
    }),
  },
  {
    check: "encodeInto() writes the same bytes as encode() and no others",
    text: "it returned 9 for sample 0",
    encoder: (real) => ({
      encodeInto: (...args) => real.encodeInto(...args) + 1,
    }),
  },
  {
    check: "encodeInto() writes the same bytes as encode() and no others",
    text: "sample 0 differs",
    encoder: (real) => ({
      encodeInto(payload, target, offset) {
        const end = real.encodeInto(payload, target, offset);
        target[end - 1]! ^= 1;
        return end;
      },
    }),
  },
  ...[-1, 5].map((place): Fault => ({
    check: "encodeInto() writes the same bytes as encode() and no others",
    text: "it wrote outside the frame's space for sample 0",
    encoder: (real) => ({
      encodeInto(payload, target, offset) {
        target[offset + place] = 1;
        return real.encodeInto(payload, target, offset);
      },
    }),
  })),
  {
    check: "encodeInto() throws if the target is too small",
    text: "sample 0 was accepted by a target one byte too short",
    encoder: () => ({ encodeInto: (_, target) => target.length }),
  },
  {
    check: "encodeInto() encodes a payload that is part of the target",
    text: "sample 0 differs if it begins at offset -2",
    encoder: (real) => ({
      encodeInto(payload, target, offset) {
        target.fill(0, 0, 4);
        return real.encodeInto(payload, target, offset);
      },
    }),
    samples: [new Uint8Array([0, 0, 1])],
  },
  {
    check: "encodeInto() and seal() reject what encode() rejects",
    text: "encodeInto() threw 'undefined'; encode() 'bad-payload'",
    make: lines,
    samples: TEXTS,
    encoder: () => ({ encodeInto: () => 0 }),
  },
  {
    check: "encodeInto() and seal() reject what encode() rejects",
    text: "seal() threw 'undefined'; encode() 'bad-payload'",
    make: lines,
    samples: TEXTS,
    encoder: (real) => ({
      inPlace: { ...real.inPlace!, headroom: 0, tailroom: 1, seal: () => 0 },
    }),
  },
  {
    check: "seal() writes the same frames as encode(), without gaps",
    text: "it wrote 53 bytes; expected 52",
    encoder: (real) => ({
      inPlace: {
        headroom: real.inPlace!.headroom,
        tailroom: real.inPlace!.tailroom,
        seal(target, start, end) {
          const sealed = real.inPlace!.seal(target, start, end);
          return sealed === target.length ? sealed + 1 : sealed;
        },
      },
    }),
  },
  {
    check: "seal() writes the same frames as encode(), without gaps",
    text: "the bytes differ",
    encoder: (real) => ({
      inPlace: {
        headroom: real.inPlace!.headroom,
        tailroom: real.inPlace!.tailroom,
        seal(target, start, end) {
          const sealed = real.inPlace!.seal(target, start, end);
          target[start]! ^= 1;
          return sealed;
        },
      },
    }),
  },
  {
    check: "encodeHeader() writes the same header as encode()",
    text: "it returned 6 for sample 0",
    encoder: (real) => ({
      encodeHeader: (...args) => real.encodeHeader!(...args) + 1,
    }),
  },
  {
    check: "encodeHeader() writes the same header as encode()",
    text: "the header followed by sample 0 differs from the frame",
    encoder: (real) => ({
      encodeHeader: (length, target, offset) =>
        real.encodeHeader!(length + 1, target, offset),
    }),
  },
  ...[-1, 2].map((place): Fault => ({
    check: "encodeHeader() writes the same header as encode()",
    text: "it wrote outside the frame's space for sample 0",
    encoder: (real) => ({
      encodeHeader(length, target, offset) {
        target[offset + place] = 1;
        return real.encodeHeader!(length, target, offset);
      },
    }),
  })),
  {
    check: "encodeHeader() throws if the target is too small",
    text: "the header of sample 0 was written into 1 bytes",
    encoder: () => ({ encodeHeader: (_, target) => target.length }),
  },
  {
    check: "encode() rejects a payload over 'maxFrameLength'",
    text: "it accepted 65536 bytes; the limit is 65535",
    encoder: (real) => ({
      encode: (payload) =>
        payload.length > 65_535 ? payload : real.encode(payload),
    }),
  },
];

for (const { check, text, decoder, encoder, make, samples } of FAULTS) {
  Deno.test(`the check '${check}' finds: ${text}`, none, () => {
    const [, run] = [...DECODER_CHECKS, ...ENCODER_CHECKS]
      .find(([name]) => name === check)!;
    const real = make ?? u16be;
    run(subjectOf(real, real, samples ?? SAMPLES));
    const faulty = altered({
      ...(decoder && { decoder }),
      ...(encoder && { encoder }),
    }, real);
    const subject = subjectOf(faulty, real, samples ?? SAMPLES);
    assertThrows(() => run(subject), Error, text);
  });
}

Deno.test("each check of framings has a fault", none, () => {
  const names = [...DECODER_CHECKS, ...ENCODER_CHECKS].map(([name]) => name);
  const found = new Set(FAULTS.map(({ check }) => check));
  assertEquals(names.filter((name) => !found.has(name)), []);
});
