/**
 * Rejects options that do not exist. Some options of sessions have hints,
 * because their place is another.
 *
 * @module
 */
import {
  checkOptions as checkNames,
  type KnownNames,
} from "../../support/check_options.ts";

export {
  checkMembers,
  checkObject,
  type KnownNames,
  type OptionNames,
  withInherited,
} from "../../support/check_options.ts";

/** Hints for options whose place or name is another. */
const HINTS: Readonly<Record<string, string>> = {
  handlers: "; pass the handlers to handle()",
  middleware: "; put middleware on handlers with use()",
};

/**
 * Checks options for unknown names, own or inherited.
 *
 * @param where the function or option that takes the options
 * @param known the options that exist
 * @returns the options; a copy if some are inherited, so that they can be spread
 * @throws {TypeError} if the options are not an object, one is unknown, or a
 * signal or flag has another type
 */
export function checkOptions<Options extends object>(
  where: string,
  options: Options,
  known: KnownNames,
): Options {
  return checkNames(where, options, known, HINTS);
}
