/**
 * Random framings, streams and cuts, compared with slow, obvious models. A
 * failing case names its seed; `deno test tests/framing/model_test.ts -- SEED`
 * begins with it.
 */
import { assert, assertEquals } from "@std/assert";
import {
  chunked,
  cobs,
  contentLength,
  delimited,
  doneFlag,
  fixedLength,
  FrameError,
  type Framing,
  lengthPrefixed,
  lines,
  netstring,
  slip,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";
import {
  type Bytes,
  cobsStep,
  contentLengthStep,
  delimitedLastStep,
  delimitedStep,
  fixedStep,
  joinDone,
  lengthStep,
  model,
  modelEnd,
  type Modelled,
  type ModelledEnd,
  netstringStep,
  slipStep,
  varintStep,
} from "./framing_model.ts";
import { cuts, mulberry32 } from "./random.ts";
import { TIMES } from "../times.ts";

const SEED = Number(Deno.args[0] ?? 1);
const CASES = 2_500 * TIMES;

type Random = (below: number) => number;

/** A framing, its model, and the bytes that its streams consist of. */
interface Subject {
  options: unknown;
  framing: Framing;
  /** The same framing with a higher limit, for a peer that exceeds it. */
  sender: Framing;
  model(wire: Bytes): Modelled;
  /** The end of the stream after `model`; without it, incomplete frames are errors. */
  modelEnd?(before: Modelled): ModelledEnd;
  alphabet?: Bytes;
}

function bytes(random: Random, length: number, alphabet?: Bytes): Bytes {
  return Array.from(
    { length },
    () => alphabet ? alphabet[random(alphabet.length)]! : random(256),
  );
}

function chance<T>(random: Random, ...of: T[]): T {
  return of[random(of.length)]!;
}

function makeLength(random: Random): Subject {
  const width = 1 + random(8);
  const offset = chance(random, 0, 0, random(4));
  const fieldEnd = offset + width;
  const headerLength = fieldEnd + chance(random, 0, 0, random(4));
  const strip = chance(
    random,
    headerLength,
    headerLength,
    0,
    random(headerLength + 3),
  );
  const magic = bytes(random, chance(random, 0, random(offset + 1)));
  const trailer = bytes(random, chance(random, 0, 0, 1 + random(2)));
  const adjustment = chance(random, 0, -fieldEnd, random(5), -random(5));
  const least = Math.max(
    0,
    fieldEnd - strip,
    fieldEnd + adjustment - strip - trailer.length,
  );
  const most = 256 ** width - 1 + fieldEnd + adjustment - strip -
    trailer.length;
  const limit = Math.max(least, Math.min(most, random(40)));
  const min = chance(random, 0, 0, random(Math.min(limit, 4) + 1));
  const endian = chance(random, "big" as const, "little" as const);
  const onTooLarge = chance(random, "close" as const, "skip" as const);
  const options = {
    ...{ width, offset, headerLength, strip, adjustment, endian, onTooLarge },
    ...{ magic: Uint8Array.from(magic), trailer: Uint8Array.from(trailer) },
    ...{ minFrameLength: min, maxFrameLength: limit },
  };
  const step = lengthStep({
    ...{
      width,
      offset,
      headerLength,
      strip,
      adjustment,
      magic,
      trailer,
      limit,
    },
    ...{ little: endian === "little", min: Math.max(min, least) },
  });
  const framing = lengthPrefixed(options);
  const maxFrameLength = Math.min(most, limit + 10);
  const sender = lengthPrefixed({ ...options, maxFrameLength });
  const skips = onTooLarge === "skip";
  return {
    ...{ options, framing, sender },
    model: (wire) => model(wire, step, skips),
  };
}

function makeVarint(random: Random): Subject {
  const keepHeader = random(2) === 1;
  const offset = keepHeader ? random(3) : 0;
  const maxPrefixLength = 1 + random(10);
  const canonical = random(2) === 1;
  const limit = offset + 1 + random(maxPrefixLength === 1 ? 100 : 200);
  const onTooLarge = chance(random, "close" as const, "skip" as const);
  const options = {
    ...{ keepHeader, offset, maxPrefixLength, canonical, onTooLarge },
    maxFrameLength: limit,
  };
  const step = varintStep({
    ...{ maxPrefix: maxPrefixLength, canonical, offset, limit },
    keep: keepHeader,
  });
  const skips = onTooLarge === "skip";
  return {
    options,
    framing: varintPrefixed(options),
    sender: varintPrefixed({
      ...options,
      maxFrameLength: Math.min(limit + 10, 128 ** maxPrefixLength - 1),
    }),
    model: (wire) => model(wire, step, skips),
  };
}

const DELIMITERS: string[][] = [
  ["\n"],
  ["\r\n"],
  ["\n", "\r\n"],
  ["ab"],
  ["aab"],
  ["aaa"],
  ["abab"],
  ["aab", "aa"],
  ["abc", "ab", "b"],
  ["\0", "a\0"],
  ["abcd", "a"],
  ["abcab", "a", "c"],
];

/** Returns 1 to 4 delimiters of 1 to 9 bytes that nearly match each other. */
function nearDelimiters(random: Random): string[] {
  const all = Array.from(
    { length: 1 + random(4) },
    () => Array.from({ length: 1 + random(9) }, () => "ab"[random(2)]).join(""),
  );
  return all.filter((one, i) =>
    !all.slice(0, i).some((o) => one.startsWith(o))
  );
}

function makeDelimited(random: Random): Subject {
  const delimiters = random(3) === 0
    ? nearDelimiters(random)
    : chance(random, ...DELIMITERS);
  const keepDelimiter = random(2) === 1;
  const limit = random(12);
  const onTooLarge = chance(random, "close" as const, "skip" as const);
  const options = { keepDelimiter, maxFrameLength: limit, onTooLarge };
  return {
    options: { delimiters, ...options },
    framing: delimited(delimiters, options),
    sender: delimited(delimiters, { ...options, maxFrameLength: limit + 4 }),
    ...delimitedModel(delimiters, options, false),
  };
}

const NEWLINES = { any: ["\n", "\r\n"], lf: ["\n"], crlf: ["\r\n"] };

function makeLines(random: Random): Subject {
  const newline = chance(
    random,
    "any" as const,
    "lf" as const,
    "crlf" as const,
  );
  const finalLine = random(3) > 0;
  const limit = random(12);
  const onTooLarge = chance(random, "close" as const, "skip" as const);
  const keepDelimiter = random(2) === 1;
  const options = { keepDelimiter, maxFrameLength: limit, onTooLarge };
  return {
    options: { newline, finalLine, ...options },
    framing: lines({ newline, finalLine, ...options }),
    sender: lines({ newline, ...options, maxFrameLength: limit + 4 }),
    ...delimitedModel(NEWLINES[newline], options, finalLine),
  };
}

function delimitedModel(
  delimiters: string[],
  { keepDelimiter, maxFrameLength, onTooLarge }: {
    keepDelimiter: boolean;
    maxFrameLength: number;
    onTooLarge: "close" | "skip";
  },
  endDelimits: boolean,
): Required<Pick<Subject, "model" | "modelEnd" | "alphabet">> {
  const coded = delimiters.map((d) => [...new TextEncoder().encode(d)]);
  const config = {
    ...{ delimiters: coded, keep: keepDelimiter, limit: maxFrameLength },
    endDelimits,
  };
  const step = delimitedStep(config);
  const last = delimitedLastStep(config);
  const skips = onTooLarge === "skip";
  return {
    model: (wire) => model(wire, step, skips),
    modelEnd: ({ error, rest, skipping }) => {
      if (error !== undefined) return { frames: [], skipped: 0, error };
      if (rest !== undefined) return modelEnd(rest, step, last, skips);
      const found = last(skipping!);
      const to = typeof found === "object" && "skip" in found && found.skip;
      if (typeof to !== "number") {
        return { frames: [], skipped: 0, error: "truncated" };
      }
      return modelEnd(skipping!.slice(to), step, last, skips);
    },
    alphabet: [...coded.flat(), 0x61, 0x63],
  };
}

function makeFixed(random: Random): Subject {
  const length = 1 + random(9);
  const step = fixedStep(length);
  return {
    options: length,
    framing: fixedLength(length),
    sender: fixedLength(length),
    model: (wire) => model(wire, step, false),
  };
}

function makeText(
  make: (
    options: { maxFrameLength: number; onTooLarge: "close" | "skip" },
  ) => Framing,
  stepOf: (
    limit: number,
  ) => (left: Bytes) => ReturnType<ReturnType<typeof fixedStep>>,
  alphabet?: Bytes,
): (random: Random) => Subject {
  return (random) => {
    const maxFrameLength = 1 + random(chance(random, 8, 20, 600));
    const onTooLarge = chance(random, "close" as const, "skip" as const);
    const options = { maxFrameLength, onTooLarge };
    const step = stepOf(maxFrameLength);
    const skips = onTooLarge === "skip";
    return {
      options,
      framing: make(options),
      sender: make({ ...options, maxFrameLength: maxFrameLength + 10 }),
      model: (wire) => model(wire, step, skips),
      ...(alphabet && { alphabet }),
    };
  };
}

function makeChunked(random: Random): Subject {
  const partLength = 1 + random(6);
  const maxParts = 1 + random(5);
  const limit = random(maxParts * partLength + 1);
  const onTooLarge = chance(random, "close" as const, "skip" as const);
  const rule = doneFlag({ partLength });
  const options = { maxParts, maxFrameLength: limit, onTooLarge };
  const inner = lengthPrefixed({ width: 1, maxFrameLength: 10 });
  const step = lengthStep({
    ...{ width: 1, little: false, offset: 0, headerLength: 1, strip: 1 },
    ...{ adjustment: 0, magic: [], trailer: [], min: 0, limit: 10 },
  });
  return {
    options: { partLength, ...options },
    framing: chunked(inner, rule, options),
    sender: chunked(inner, rule, {
      maxParts: 9,
      maxFrameLength: partLength * 9,
    }),
    model: (wire) =>
      joinDone(
        model(wire, step, false),
        { limit, maxParts },
        onTooLarge === "skip",
      ),
    alphabet: [0, 1, 2, 3, 4, 5, 11],
  };
}

const LSP_BYTES = [..."Content-Length: 12\r\n\r\nx:\t"].map((c) =>
  c.charCodeAt(0)
);
const DIGITS = [..."0123:,x"].map((c) => c.charCodeAt(0));

const KINDS: Record<string, (random: Random) => Subject> = {
  lengthPrefixed: makeLength,
  varintPrefixed: makeVarint,
  delimited: makeDelimited,
  lines: makeLines,
  fixedLength: makeFixed,
  netstring: makeText(netstring, netstringStep, DIGITS),
  contentLength: makeText(
    (o) => contentLength({ ...o, maxHeaderLength: 64 }),
    (limit) => contentLengthStep({ maxHeader: 64, limit }),
    LSP_BYTES,
  ),
  cobs: makeText(cobs, cobsStep, [0, 1, 2, 3, 4, 255]),
  slip: makeText(slip, slipStep, [0xc0, 0xdb, 0xdc, 0xdd, 1]),
  chunked: makeChunked,
};

/** Returns a stream of valid frames, damaged frames and random bytes. */
function stream(random: Random, { sender, alphabet }: Subject): number[] {
  const encoder = sender.encoder();
  const wire: number[] = [];
  for (let i = random(5); i >= 0; i--) {
    const length = random(
      Math.min(sender.maxFrameLength, chance(random, 12, 12, 12, 40, 40, 300)) +
        1,
    );
    const payload = Uint8Array.from(
      bytes(random, length, chance(random, alphabet, undefined, [7])),
    );
    try {
      wire.push(...encoder.encode(payload));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      wire.push(...bytes(random, random(12), alphabet));
    }
  }
  if (random(3) === 0) wire.splice(random(wire.length + 1));
  for (let i = chance(random, 0, 0, 1, 3); i > 0 && wire.length > 0; i--) {
    const [byte] = bytes(random, 1, chance(random, alphabet, undefined));
    wire.splice(random(wire.length), random(2), byte!);
  }
  return wire;
}

/** Checks that the model decodes an encoded payload as that one frame. */
function checkEncode(random: Random, subject: Subject): void {
  const { framing, alphabet } = subject;
  const encoder = framing.encoder();
  const payload = bytes(
    random,
    random(Math.min(framing.maxFrameLength, 40) + 2),
    chance(random, alphabet, undefined),
  );
  const wires: Uint8Array[] = [];
  try {
    wires.push(encoder.encode(Uint8Array.from(payload)));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return;
  }
  const wire = [...wires[0]!];
  const { frames, skipped, error, rest } = subject.model(wire);
  // If the header is kept, the encoder has written the length into it.
  const [frame = []] = frames;
  same(
    [frames.length, frame.length, skipped, error, rest],
    [1, payload.length, 0, undefined, []],
    () => JSON.stringify(subject.options),
  );
  const again = encoder.encode(Uint8Array.from(frame));
  same([...again], wire, () => JSON.stringify(subject.options));
}

/** A faster `assertEquals`: compares deeply only if the JSON differs. */
function same(got: unknown, expected: unknown, where: () => string): void {
  if (JSON.stringify(got) === JSON.stringify(expected)) return;
  assertEquals(got, expected, where());
}

function decode(framing: Framing, chunks: Iterable<Uint8Array>): Modelled {
  const decoder = framing.decoder();
  const out: Modelled = { frames: [], skipped: 0, error: undefined, rest: [] };
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let frame; (frame = decoder.next()) !== undefined;) {
        out.frames.push([...frame]);
      }
      chunk.fill(0xee);
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    out.error = error.code;
  }
  return { ...out, skipped: decoder.skipped, rest: [...decoder.rest()] };
}

/** Returns what `end()` decides after the whole stream. */
function endOf(framing: Framing, chunks: Iterable<Uint8Array>): ModelledEnd {
  const decoder = framing.decoder();
  const out: ModelledEnd = { frames: [], skipped: 0, error: undefined };
  let skipped = 0;
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      while (decoder.next() !== undefined);
      chunk.fill(0xee);
    }
    skipped = decoder.skipped;
    decoder.end();
    for (let frame; (frame = decoder.next()) !== undefined;) {
      out.frames.push([...frame]);
    }
    assertEquals([decoder.next(), decoder.rest().length], [undefined, 0]);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    out.error = error.code;
  }
  return { ...out, skipped: decoder.skipped - skipped };
}

function checkCase(kind: string, seed: number): Modelled {
  const random = mulberry32(seed);
  const subject = KINDS[kind]!(random);
  checkEncode(random, subject);
  const wire = stream(random, subject);
  const expected = subject.model(wire);
  const most = chance(random, 1, 4, 30, 1000);
  const pieces = () => cuts(Uint8Array.from(wire), () => 1 + random(most));
  const got: Modelled = decode(subject.framing, pieces());
  if (expected.skipping !== undefined) got.skipping = expected.skipping;
  const where = () =>
    `seed ${seed}: ${kind} ${JSON.stringify(subject.options)} at [${wire}]`;
  // The rest is not compared after a fault or inside a skipped frame.
  const judged = expected.error === undefined && expected.rest !== undefined;
  if (!judged) got.rest = expected.rest;
  same(got, expected, where);
  const owed = expected.rest === undefined || expected.rest.length > 0;
  const end = subject.modelEnd?.(expected) ?? {
    ...{ frames: [], skipped: 0 },
    error: expected.error ?? (owed ? "truncated" : undefined),
  };
  const ended = endOf(subject.framing, pieces());
  // Counts before a fault are compared above.
  if (expected.error !== undefined) ended.skipped = 0;
  same(ended, end, where);
  return expected;
}

/** Checks that enough of the cases have frames, errors, and so on. */
function checkSpread(kind: string, results: readonly Modelled[]): void {
  const share = (test: (result: Modelled) => boolean) =>
    results.filter(test).length / results.length;
  const spread = {
    frames: share((result) => result.frames.length > 0),
    several: share((result) => result.frames.length > 2),
    rest: share((result) => (result.rest?.length ?? 0) > 0),
    error: share((result) => result.error !== undefined),
    skipped: share((result) => result.skipped > 0),
  };
  const never = kind === "fixedLength" ? ["error", "skipped"] : [];
  for (const [what, part] of Object.entries(spread)) {
    if (never.includes(what)) continue;
    assert(part > 0.02, `${what}: ${JSON.stringify(spread)}`);
  }
}

for (const kind of Object.keys(KINDS)) {
  Deno.test({
    name:
      `${kind}() decodes as its model does, in ${CASES} cases from seed ${SEED}`,
    permissions: "none",
    fn() {
      const seeds = Array.from({ length: CASES }, (_, i) => SEED + i);
      checkSpread(kind, seeds.map((seed) => checkCase(kind, seed)));
    },
  });
}
