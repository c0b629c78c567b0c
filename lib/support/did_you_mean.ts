/**
 * Suggests a name for one that is misspelled.
 *
 * @module
 */

/** Largest share of characters in which a suggestion may differ. */
const MAX_DISTANCE = 0.4;

/**
 * Returns a suggestion to append to an error message.
 *
 * It is ` (did you mean "order"?)`, or `""` if no name is similar.
 *
 * @param name the name that does not exist
 * @param names the names that exist
 */
export function didYouMean(name: string, names: Iterable<string>): string {
  let best: string | undefined;
  let least = Math.floor(name.length * MAX_DISTANCE) + 1;
  for (const candidate of names) {
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best === undefined ? "" : ` (did you mean "${best}"?)`;
}

/** Returns how different two names are; a name that contains the other is close. */
function distanceOf(name: string, candidate: string): number {
  const contained = name.length > 3 && candidate.includes(name);
  return contained ? 1 : editDistance(name, candidate);
}

/** Returns how many insertions, deletions and replacements turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1); // j ≥ 1
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1)); // as above
    }
    row = next;
  }
  return row[b.length]!; // the row has b.length + 1 columns
}
