/**
 * Bodies for codecs: real ones that were harmed, ones put together from the
 * format's parts without care, and noise. All follow from one seed.
 *
 * @module
 */

/** Numbers that follow from a seed. */
export type Random = (below: number) => number;

/** Marsaglia's xorshift128. */
export function randomFrom(seed: number): Random {
  const state = Uint32Array.of(
    seed | 1,
    0x9e3779b9,
    seed ^ 0x85ebca6b,
    0xc2b2ae35,
  );
  const next = () => {
    let t = state[3]!;
    const s = state[0]!;
    state.copyWithin(1, 0, 3);
    t ^= t << 11;
    t ^= t >>> 8;
    return state[0] = t ^ s ^ (s >>> 19);
  };
  for (let warm = 0; warm < 16; warm++) next();
  return (below) => (next() >>> 0) % below;
}

/** Headers that a hostile peer would send. */
const HOSTILE = [
  ..."d46500 d47300 d47800 d47400 d66900000001 d67000000001 d472409101".split(
    " ",
  ),
  ..."d5724001 d662fffffff6 c7030000 c7ff42 ddffffffff dfffffffff dc7fff".split(
    " ",
  ),
  ..."dbffffffff c6ffffffff c9ffffffff c1 d40000 d6ff00000000 d4ff00".split(
    " ",
  ),
  ..."d7ffffffffffffffffff c70cff00000000000007dba8218000 9f 8f bf de0001"
    .split(" "),
  ..."81a95f5f70726f746f5f5f80 81a47468656ec0 81ab636f6e7374727563746f72c0"
    .split(" "),
  ..."81a3393939c0 82a13081a23939c090c080 c400 c40107 80 90 91 81a0".split(" "),
  ..."81a12492a36d617090 81a12492a3736574 81a12491 81a12480 81a1240192 81a12492c0"
    .split(
      " ",
    ),
  ..."d945efbbbf cfffffffffffffffff d38000000000000000 cb7ff8000000000000"
    .split(" "),
].map((text) =>
  Uint8Array.from(text.match(/../g)!, (byte) => parseInt(byte, 16))
);

/** Pieces of JSON that a hostile peer would send. */
const HOSTILE_TEXT = [
  '{"__proto__":1}',
  '{"\\u005f_proto__":{}}',
  "[[[[[[[[",
  "{{{{",
  '"\\ud800"',
  "1e999",
  "-0",
  '{"a":',
  "]}",
  "\\",
  '"',
  "\u0000",
  "\ufeff",
  "nul",
  "NaN",
  '{"then":1}',
  '{"$":["map",[1,2]]}',
  '{"\\u0024":["set",[0]]}',
  '{"$":["error",{"type":"Error","message":"","cause":',
  '{"$":[',
  '{"999":[]}',
  '{"34":{},"\\u0037":"65536"}',
  "{},[],",
  '\\"',
  ",,",
  "::",
].map((text) => new TextEncoder().encode(text));

const MOST_BYTES = 2000;

/** One body: a real one harmed, or made up. */
export function makeBody(
  random: Random,
  real: readonly Uint8Array[],
  text: boolean,
): Uint8Array {
  const kind = random(10);
  if (kind === 0) return noise(random, random(64));
  if (kind === 1) {
    return text ? patchwork(random, HOSTILE_TEXT) : tokens(random);
  }
  if (kind === 2) return deep(random, text);
  if (kind === 3 && random(4) === 0) return repeated(random, text);
  let body = real[random(real.length)]!;
  const hostile = text ? HOSTILE_TEXT : HOSTILE;
  for (let harms = 1 + random(3); harms > 0; harms--) {
    body = harm(random, body, real, hostile);
  }
  return body.subarray(0, MOST_BYTES);
}

function harm(
  random: Random,
  body: Uint8Array,
  real: readonly Uint8Array[],
  hostile: readonly Uint8Array[],
): Uint8Array {
  const at = random(body.length + 1);
  switch (random(6)) {
    case 0:
      return body.subarray(0, at);
    case 1: {
      const copy = body.slice();
      if (copy.length > 0) copy[at % copy.length] = random(256);
      return copy;
    }
    case 2: {
      const copy = body.slice();
      if (copy.length > 0) copy[at % copy.length]! ^= 1 << random(8);
      return copy;
    }
    case 3:
      return join(
        body.subarray(0, at),
        hostile[random(hostile.length)]!,
        body.subarray(at),
      );
    case 4: {
      const other = real[random(real.length)]!;
      return join(
        body.subarray(0, at),
        other.subarray(random(other.length + 1)),
      );
    }
    default:
      return join(
        body.subarray(0, at),
        noise(random, 1 + random(4)),
        body.subarray(at + random(4)),
      );
  }
}

/** Lead bytes of all kinds with short lengths, so that much of it is well-formed. */
function tokens(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = 1 + random(40); count > 0; count--) {
    const pick = random(12);
    if (pick < 3) parts.push(Uint8Array.of(0x80 + random(4)));
    else if (pick < 5) parts.push(Uint8Array.of(0x90 + random(4)));
    else if (pick < 9) parts.push(Uint8Array.of(0xa1, 0x61 + random(26)));
    else if (pick === 9) parts.push(HOSTILE[random(HOSTILE.length)]!);
    else if (pick === 10) parts.push(Uint8Array.of(0xc0 + random(32)));
    else parts.push(Uint8Array.of(random(128)));
  }
  return join(...parts);
}

/** An array of many small values of one kind, which may cost much. */
function repeated(random: Random, text: boolean): Uint8Array {
  const count = 1 + random(120);
  const shape = random(2 ** 32);
  const items = Array.from({ length: count }, (_, index) => {
    // Each item has the same form; some keys and texts differ.
    const same = randomFrom(shape);
    return text ? costlyText(same, index, 3) : costlyBytes(same, index, 3);
  });
  if (text) return new TextEncoder().encode(`[${items.join()}]`);
  return Uint8Array.of(
    0xdc,
    count >> 8,
    count & 255,
    ...items.flat().map(Number),
  );
}

function costlyBytes(random: Random, index: number, depth: number): number[] {
  switch (random(depth > 0 ? 9 : 6)) {
    case 0:
      return [[0xc0], [1], [0xa0], [0x90], [0x80]][random(5)]!;
    case 1:
      return [0xc4, ...[[0], [1, 7], [3, 7, 7, 7]][random(3)]!];
    case 2:
      return [[0xd4, 0, 0], [0xd6, 0xff, 0, 0, 0, 7], [
        0xca,
        1,
        1,
        1,
        1,
      ]][random(3)]!;
    case 3:
      return packedKey(random, index);
    case 4:
      return [0xce, 0xff, 0, 0, index & 255];
    case 5:
      return [0xd3, 0, 0, 0, 0, 0, 0, 0, index & 255];
    case 6:
      return [0x91, ...costlyBytes(random, index, depth - 1)];
    default: {
      const keys = 1 + random(3);
      const members = Array.from({ length: keys }, () => [
        ...packedKey(random, index),
        ...costlyBytes(random, index, depth - 1),
      ]);
      return [0x80 | keys, ...members.flat()];
    }
  }
}

function packedKey(random: Random, index: number): number[] {
  const key = new TextEncoder().encode(costlyKey(random, index));
  return [0xa0 | key.length, ...key];
}

function costlyKey(random: Random, index: number): string {
  switch (random(5)) {
    case 0:
      return "abc".slice(0, random(4));
    case 1:
      return String(random(2000));
    case 2:
      return String(index * 65_536 % 4_294_967_291);
    case 3:
      return `k${index}`;
    default:
      return "é";
  }
}

function costlyText(random: Random, index: number, depth: number): string {
  switch (random(depth > 0 ? 6 : 3)) {
    case 0:
      return ["1", "0.5", '""', "[]", "{}", "null"][random(6)]!;
    case 1:
    case 2:
      return JSON.stringify(costlyKey(random, index));
    case 3:
      return `[${costlyText(random, index, depth - 1)}]`;
    default: {
      const members = Array.from(
        { length: 1 + random(3) },
        () =>
          `${JSON.stringify(costlyKey(random, index))}:${
            costlyText(random, index, depth - 1)
          }`,
      );
      return `{${members.join()}}`;
    }
  }
}

function deep(random: Random, text: boolean): Uint8Array {
  const opening = text ? [0x5b, 0x7b] : [0x91, 0x81, 0x92];
  const levels = random(4) === 0 ? random(100_000) : random(140);
  const lead = opening[random(opening.length)]!;
  return join(new Uint8Array(levels).fill(lead), noise(random, random(4)));
}

function patchwork(random: Random, pieces: readonly Uint8Array[]): Uint8Array {
  return join(
    ...Array.from(
      { length: 1 + random(6) },
      () => pieces[random(pieces.length)]!,
    ),
  );
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
