/**
 * The checks behind `checkCodec`, each with the sentence of the contract that
 * it proves.
 *
 * @module
 */
import { sameBytes } from "./same_value.ts";
import { CodecError } from "../messages/codec/errors.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";

/** A codec and what it is said to carry. */
export interface CodecUnderTest {
  readonly codec: MessageCodec;
  readonly values: readonly unknown[];
  readonly refused: readonly unknown[];
  readonly borrows: boolean;
  readonly equal: (actual: unknown, expected: unknown) => boolean;
}

/** Every alignment of an 8-byte word, and one more. */
const OFFSETS = 9;
const FILLER = 0xee;
/** Larger than what any codec may reserve for itself. */
const AMPLE = 16 * 1024;
/** Bytes of changed bodies to try for each value, and how many bodies at most. */
const MUTATED_BYTES = 256 * 1024;
const MUTATIONS = 200;

/** One function for each sentence of the contract. */
export const CODEC_CHECKS: Record<string, (subject: CodecUnderTest) => void> = {
  "the name is 1 to 32 of a-z, 0-9 and -"({ codec }) {
    require(/^[a-z0-9-]{1,32}$/.test(codec.name), `it is "${codec.name}"`);
  },

  "values arrive as they are"(subject) {
    for (const value of subject.values) {
      requireArrives(subject, subject.codec.encode(value), value);
    }
  },

  "encode() gives each message bytes of its own"({ codec, values }) {
    const encoded = values.map((value) => {
      const body = codec.encode(value);
      return { value, body, before: body.slice() };
    });
    for (const value of values.toReversed()) codec.encode(value);
    for (const { value, body, before } of encoded) {
      require(sameBytes(body, before), `the bytes of ${show(value)} changed`);
    }
  },

  "encodeInto() writes what encode() gives, at every offset"(subject) {
    for (const value of subject.values) {
      const expected = subject.codec.encode(value);
      const target = filled(OFFSETS + expected.length + AMPLE);
      for (let offset = 0; offset < OFFSETS; offset++) {
        target.fill(FILLER, 0, OFFSETS);
        requireWritten(subject.codec, value, target, offset, expected);
      }
    }
  },

  "encodeInto() writes into what room there is, or gives the body elsewhere"(
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
            `${show(value)} differs in ${room} byte(s) of room`,
          );
        }
        requireUntouched(target, 5);
      }
    }
  },

  "decode() takes a view into a larger buffer, and does not change it"(
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

  "values that are refused get a CodecError and touch nothing in front"(
    { codec, refused },
  ) {
    for (const value of refused) {
      requireCodecError(() => codec.encode(value), `encode(${show(value)})`);
      const target = filled(AMPLE);
      requireCodecError(
        () => codec.encodeInto(value, target, 9),
        `encodeInto(${show(value)})`,
      );
      requireUntouched(target, 9);
    }
  },

  "an error leaves nothing behind"(subject) {
    const { codec, values, refused } = subject;
    for (const value of values) {
      for (const bad of refused) attempt(() => codec.encode(bad));
      attempt(() => codec.decode(codec.encode(value).subarray(1)));
      requireArrives(subject, codec.encode(value), value);
    }
  },

  "a body that is cut, changed or made up gives a value or a CodecError"(
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

function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
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
  requireUntouched(target, offset);
}

function requireUntouched(target: Uint8Array, offset: number): void {
  require(
    target.subarray(0, offset).every((byte) => byte === FILLER),
    `bytes in front of offset ${offset} were touched`,
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
    require(error instanceof CodecError, `${error} is no CodecError`);
  }
}

/** Every cut of a short body, then single bytes changed, then bytes made up. */
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

/** Marsaglia's xorshift: the same numbers each time. */
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
