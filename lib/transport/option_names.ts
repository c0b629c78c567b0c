/**
 * Rejects options that do not exist: a misspelled `tls` would otherwise mean
 * plain text.
 *
 * @module
 */

/** Names of all options of a type; the compiler requires each of them. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Checks that options have no unknown names.
 *
 * @param where the function or option that takes the options
 * @throws {TypeError} if the options are not an object, or one is unknown
 */
export function checkOptionNames(
  where: string,
  options: object,
  known: Readonly<Record<string, true>>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot use ${
        String(options)
      } as the options of ${where}: expected an object`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Unknown option "${name}" of ${where}; expected one of ${
        Object.keys(known).join(", ")
      }`,
    );
  }
}
