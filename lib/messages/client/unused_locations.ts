/**
 * The check that locations for resuming a session have an effect.
 *
 * @module
 */

/**
 * Checks that sessions are resumed if other addresses are allowed for it.
 *
 * @param where the function that takes the options
 * @throws {TypeError} if `locations` has no effect
 */
export function checkUnusedLocations(where: string, locations: unknown): void {
  if (locations === undefined) return;
  throw new TypeError(
    `Cannot use the option "resume.locations" of ${where} without patience: set resume.patience, or omit the option`,
  );
}
