/**
 * The checks of `checkCodec`. The name of a check is the rule that it checks.
 *
 * @module
 */
import { sameBytes } from "./same_value.ts";
import { CodecError } from "../messages/codec/errors.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";

/** A codec and the values that it should carry and reject. */
export interface CodecUnderTest {
  readonly codec: MessageCodec;
  readonly values: readonly unknown[];
  readonly refused: readonly unknown[];
  readonly borrows: boolean;
  readonly equal: (actual: unknown, expected: unknown) => boolean;
}

/** Number of tested offsets: every alignment of an 8-byte word, plus one. */
const OFFSETS = 9;
const FILLER = 0xee;
/** Spare bytes in a target; more than any codec may use beyond the body. */
const AMPLE = 16 * 1024;
/** Limits on the altered bodies for each value: total size and number. */
const MUTATED_BYTES = 256 * 1024;
const MUTATIONS = 200;

/** The checks, by name. */
export const CODEC_CHECKS: Record<string, (subject: CodecUnderTest) => void> = {
  "the name has 1 to 32 characters of a-z, 0-9 and -"({ codec }) {
    require(/^[a-z0-9-]{1,32}$/.test(codec.name), `it is "${codec.name}"`);
  },

  "values survive a round trip unchanged"(subject) {
    for (const value of subject.values) {
      requireArrives(subject, subject.codec.encode(value), value);
    }
  },

  "encode() returns a separate buffer for each message"({ codec, values }) {
    const encoded = values.map((value) => {
      const body = codec.encode(value);
      return { value, body, before: body.slice() };
    });
    for (const value of values.toReversed()) codec.encode(value);
    for (const { value, body, before } of encoded) {
      require(sameBytes(body, before), `the bytes of ${show(value)} changed`);
    }
  },

  "encodeInto() writes the same bytes as encode() at every offset"(subject) {
    for (const value of subject.values) {
      const expected = subject.codec.encode(value);
      const target = filled(OFFSETS + expected.length + AMPLE);
      for (let offset = 0; offset < OFFSETS; offset++) {
        target.fill(FILLER, 0, OFFSETS);
        requireWritten(subject.codec, value, target, offset, expected);
      }
    }
  },

  "encodeInto() writes into the target, or returns the body if it does not fit"(
    { codec, values },
  ) {
    for (const value of values) {
      const expected = codec.encode(value);
      for (const room of [0, 1, expected.length - 1, expected.length]) {
        if (room < 0) continue;
        const target = filled(5 + room);
        const body = codec.encodeInto(value, target, 5);
        if (typeof body === "number") {
          requireWritten(codec, value, filled(5 + room), 5, expected);
        } else {
          require(
            sameBytes(body, expected),
            `${show(value)} differs with ${room} byte(s) of space`,
          );
        }
        requireUnchanged(target, 5);
      }
    }
  },

  "decode() accepts a view of a larger buffer and does not change it"(
    subject,
  ) {
    for (const value of subject.values) {
      const body = subject.codec.encode(value);
      const buffer = filled(body.length + 20);
      buffer.set(body, 7);
      const before = buffer.slice();
      requireArrives(subject, buffer.subarray(7, 7 + body.length), value);
      require(sameBytes(buffer, before), `decoding ${show(value)} changed it`);
    }
  },

  "decoded values do not reference the body"(subject) {
    if (subject.borrows) return;
    for (const value of subject.values) {
      const body = subject.codec.encode(value);
      const decoded = subject.codec.decode(body);
      body.fill(FILLER);
      require(
        subject.equal(decoded, value),
        `${show(value)} changed with the body`,
      );
    }
  },

  "rejected values throw a CodecError and change nothing before the offset"(
    { codec, refused },
  ) {
    for (const value of refused) {
      requireCodecError(() => codec.encode(value), `encode(${show(value)})`);
      const target = filled(AMPLE);
      requireCodecError(
        () => codec.encodeInto(value, target, 9),
        `encodeInto(${show(value)})`,
      );
      requireUnchanged(target, 9);
    }
  },

  "an error does not affect later messages"(subject) {
    const { codec, values, refused } = subject;
    for (const value of values) {
      for (const bad of refused) attempt(() => codec.encode(bad));
      attempt(() => codec.decode(codec.encode(value).subarray(1)));
      requireArrives(subject, codec.encode(value), value);
    }
  },

  "truncated, altered and random bodies decode or throw a CodecError"(
    { codec, values },
  ) {
    const random = generator(1);
    for (const value of values) {
      const body = codec.encode(value);
      for (const bytes of mutations(body, random)) {
        try {
          codec.decode(bytes);
        } catch (error) {
          require(
            error instanceof CodecError,
            `decode() of [${bytes.subarray(0, 64)}] threw ${error}`,
          );
        }
      }
    }
  },
};

function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function requireArrives(
  { codec, equal }: CodecUnderTest,
  body: Uint8Array,
  value: unknown,
): void {
  const decoded = codec.decode(body);
  require(
    equal(decoded, value),
    `${show(value)} arrived as ${show(decoded)}`,
  );
}

function requireWritten(
  codec: MessageCodec,
  value: unknown,
  target: Uint8Array,
  offset: number,
  expected: Uint8Array,
): void {
  const end = codec.encodeInto(value, target, offset);
  require(
    end === offset + expected.length,
    `${show(value)} at offset ${offset} ended at ${end}, not at ${
      offset + expected.length
    }`,
  );
  require(
    sameBytes(target.subarray(offset, end), expected),
    `${show(value)} differs at offset ${offset}`,
  );
  requireUnchanged(target, offset);
}

function requireUnchanged(target: Uint8Array, offset: number): void {
  require(
    target.subarray(0, offset).every((byte) => byte === FILLER),
    `bytes before offset ${offset} were changed`,
  );
}

function requireCodecError(act: () => unknown, what: string): void {
  try {
    act();
  } catch (error) {
    require(error instanceof CodecError, `${what} threw ${error}`);
    return;
  }
  throw new Error(`${what} threw nothing`);
}

function attempt(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    require(error instanceof CodecError, `${error} is not a CodecError`);
  }
}

/** Yields truncated bodies, then altered and random bodies in turn. */
function* mutations(
  body: Uint8Array,
  random: () => number,
): Generator<Uint8Array> {
  const most = MUTATED_BYTES / (body.length + 1);
  const step = Math.ceil((body.length + 1) / Math.min(MUTATIONS, most));
  for (let end = 0; end < body.length; end += step) yield body.slice(0, end);
  for (let count = 0; count < Math.min(MUTATIONS, most); count++) {
    const changed = body.slice();
    for (let flips = random() % 4; flips >= 0 && body.length > 0; flips--) {
      changed[random() % body.length] = random() & 0xff;
    }
    yield changed;
    yield Uint8Array.from({ length: random() % 48 }, () => random() & 0xff);
  }
}

/** Returns a deterministic generator of random numbers (Marsaglia's xorshift). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 1;
  };
}

function filled(length: number): Uint8Array {
  return new Uint8Array(length).fill(FILLER);
}

function show(value: unknown): string {
  const text = typeof value === "object" && value !== null
    ? Object.prototype.toString.call(value)
    : String(value);
  return text.length <= 64 ? text : `${text.slice(0, 64)}…`;
}
