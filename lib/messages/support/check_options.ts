/**
 * Rejects options that do not exist. Some options of sessions have hints,
 * because their place is another.
 *
 * @module
 */
import { checkOptions as checkNames } from "../../support/check_options.ts";

export { checkObject, type OptionNames } from "../../support/check_options.ts";

/** Hints for options whose place or name is another. */
const HINTS: Readonly<Record<string, string>> = {
  handlers: "; pass the handlers to handle()",
  middleware: "; put middleware on handlers with use()",
};

/**
 * Checks that options are an object without unknown names.
 *
 * @param where the function or option that takes the options
 * @param known the options that exist
 * @throws {TypeError} if the options are not an object, or one is unknown
 */
export function checkOptions(
  where: string,
  options: object,
  known: Readonly<Record<string, true>>,
): void {
  checkNames(where, options, known, HINTS);
}
