/**
 * Rejects options that do not exist: a misspelled `tls` would otherwise mean
 * plain text, and a misspelled limit the default. Rejects inherited options,
 * which a copy loses, and signals of another type, which never abort anything.
 *
 * @module
 */
import { describeType } from "./describe_type.ts";
import { didYouMean } from "./did_you_mean.ts";

/** Names of all options of a type; the compiler requires each of them. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Checks that options are a plain object without unknown names.
 *
 * An option `signal` must be an `AbortSignal` or omitted.
 *
 * @param where the function or option that takes the options
 * @param known the options that exist
 * @param hints hints for options whose place or name is another
 * @throws {TypeError} if the options are not a plain object, one is unknown, or
 * the signal is no `AbortSignal`
 */
export function checkOptions(
  where: string,
  options: object,
  known: Readonly<Record<string, true>>,
  hints: Readonly<Record<string, string>> = {},
): void {
  if (!isPlain(options)) {
    throw notAnObject(`the options of ${where}`, options);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known);
    const hint = Object.hasOwn(hints, name)
      ? hints[name]
      : didYouMean(name, names) || `; expected one of ${names.join(", ")}`;
    throw new TypeError(`Unknown option "${name}" of ${where}${hint}`);
  }
  if ("signal" in options) checkSignal(where, options.signal);
}

/**
 * Checks that a value is a signal, or omitted.
 *
 * @param where the function that takes the signal
 * @throws {TypeError} if the value is anything else, such as a controller
 */
function checkSignal(where: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  const hint = signal instanceof AbortController ? "; pass its signal" : "";
  throw new TypeError(
    `Cannot use ${
      describeType(signal)
    } as the signal of ${where}: it must be an AbortSignal or omitted${hint}`,
  );
}

/**
 * Checks that an option has one of a few values.
 *
 * @param where the function that takes the options
 * @param name name of the option
 * @throws {TypeError} if the value is anything else
 */
export function checkChoice(
  where: string,
  name: string,
  value: unknown,
  choices: readonly string[],
): void {
  if (choices.some((choice) => choice === value)) return;
  if (typeof value !== "string") {
    throw new TypeError(
      `Cannot use ${
        describeType(value)
      } as ${name} of ${where}: expected one of ${choices.join(", ")}`,
    );
  }
  const hint = didYouMean(value, choices);
  throw new TypeError(
    `Unknown ${name} ${JSON.stringify(value)} of ${where}${
      hint || `; expected one of ${choices.join(", ")}`
    }`,
  );
}

/**
 * Checks that a value is a plain object. Arrays, maps and signals have no named
 * members, and a copy loses inherited ones: they would be ignored.
 *
 * @throws {TypeError} if the value is anything else
 */
export function checkObject(what: string, value: unknown): void {
  if (!isPlain(value)) throw notAnObject(what, value);
}

function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const parent = Object.getPrototypeOf(value);
  return parent === Object.prototype || parent === null ||
    // Object.prototype of another realm
    Object.getPrototypeOf(parent) === null && Object.hasOwn(parent, "toString");
}

function notAnObject(what: string, value: unknown): TypeError {
  return new TypeError(
    value instanceof AbortSignal
      ? `Cannot use an AbortSignal as ${what}: expected an object such as { signal }`
      : `Cannot use ${describeType(value)} as ${what}: expected a plain object`,
  );
}
