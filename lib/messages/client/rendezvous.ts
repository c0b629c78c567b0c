/**
 * Rendezvous hashing: keys choose among names, and few move when names change.
 *
 * Each pair of key and name has a weight, and a key belongs to the names with the
 * highest weights. If one of n names leaves, only its keys move, about 1 / n of
 * all.
 *
 * @module
 */

/**
 * Returns the names that a key belongs to, the first one first.
 *
 * @param key any text
 * @param names names that differ
 * @param count number of names to return
 */
export function rendezvous(
  key: string,
  names: readonly string[],
  count: number,
): string[] {
  return names
    .map((name) => ({ name, weight: weightOf(key, name) }))
    .toSorted((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name);
}

/**
 * Returns the member whose name a key belongs to: the first one of
 * {@linkcode rendezvous}.
 *
 * @param key any text
 * @param members at least one, with names that differ
 */
export function heaviest<M extends { readonly name: string }>(
  key: string,
  members: readonly M[],
): M {
  let best = members[0]!; // there is one
  let most = -1;
  for (const member of members) {
    const weight = weightOf(key, member.name);
    if (weight < most || weight === most && member.name > best.name) continue;
    best = member;
    most = weight;
  }
  return best;
}

/**
 * Returns the hash of two texts.
 *
 * It is FNV-1a over their UTF-16 units, with the last steps of MurmurHash3.
 * FNV-1a alone is uneven: of 10 names, some receive 15 % more keys than others.
 */
function weightOf(key: string, name: string): number {
  let hash = fnv(0x811c_9dc5, key);
  hash = fnv(hash ^ 0xff, name); // keeps "ab", "c" and "a", "bc" apart
  hash = Math.imul(hash ^ hash >>> 16, 0x85eb_ca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2_ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

function fnv(hash: number, text: string): number {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ unit & 0xff, 0x0100_0193);
    hash = Math.imul(hash ^ unit >> 8, 0x0100_0193);
  }
  return hash;
}
