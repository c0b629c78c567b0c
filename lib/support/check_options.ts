/**
 * Rejects options that do not exist: a misspelled `tls` would otherwise mean
 * plain text, and a misspelled limit the default. Options may be inherited, as
 * those of a class instance are. A signal or flag of another type is rejected:
 * such a signal never aborts anything, and the flag `"false"` is truthy.
 *
 * @module
 */
import { describeType } from "./describe_type.ts";
import { didYouMean } from "./did_you_mean.ts";

/**
 * Names of all options of a type; the compiler requires each of them, and
 * `"flag"` for a boolean.
 */
export type OptionNames<Options> = {
  readonly [Name in keyof Options]-?: FlagOr<Exclude<Options[Name], undefined>>;
};

type FlagOr<Value> = [Value] extends [never] ? true
  : [Value] extends [boolean] ? "flag"
  : true;

/** Names of options, and which of them are true or false. */
export type KnownNames = Readonly<Record<string, true | "flag">>;

/**
 * Checks options for unknown names, own or inherited.
 *
 * An option `signal` must be an `AbortSignal` or omitted, and a flag a boolean.
 *
 * @param where the function or option that takes the options
 * @param known the options that exist
 * @param hints hints for options whose place or name is another
 * @returns the options; a copy if some are inherited, so that they can be spread
 * @throws {TypeError} if the options are not an object, one is unknown, or a
 * signal or flag has another type
 */
export function checkOptions<Options extends object>(
  where: string,
  options: Options,
  known: KnownNames,
  hints: Readonly<Record<string, string>> = {},
): Options {
  if (typeof options !== "object" || options === null) {
    throw notAnObject(`the options of ${where}`, options);
  }
  const own = withInherited(options);
  for (const name of Object.keys(own)) {
    if (Object.hasOwn(known, name)) {
      if (known[name] === "flag") {
        checkFlag(where, name, Reflect.get(own, name));
      }
      continue;
    }
    if (isBuiltIn(options)) {
      throw notAnObject(`the options of ${where}`, options);
    }
    const names = Object.keys(known);
    const hint = Object.hasOwn(hints, name)
      ? hints[name]
      : didYouMean(name, names) || `; expected one of ${names.join(", ")}`;
    throw new TypeError(`Unknown option "${name}" of ${where}${hint}`);
  }
  for (const symbol of Object.getOwnPropertySymbols(own)) {
    throw new TypeError(`Unknown option ${String(symbol)} of ${where}`);
  }
  if ("signal" in own) checkSignal(where, own.signal);
  return own;
}

/**
 * Returns options with their inherited members as own ones.
 *
 * A copy made by spreading then has them. Options without inherited members are
 * returned as they are.
 */
export function withInherited<Options extends object>(
  options: Options,
): Options {
  // A JavaScript program may pass anything; the caller checks it.
  if (Object(options) !== options || isPlain(options)) return options;
  const copy = { ...options };
  let parent = Object.getPrototypeOf(options);
  while (parent !== null && !isRoot(parent)) {
    for (const name of Object.getOwnPropertyNames(parent)) {
      if (name === "constructor" || Object.hasOwn(copy, name)) continue;
      Object.defineProperty(copy, name, {
        get: () => Reflect.get(options, name),
        enumerable: true,
      });
    }
    parent = Object.getPrototypeOf(parent);
  }
  return copy;
}

/**
 * Checks an object that an application returns or passes on.
 *
 * @param what the object, as in `the response of a`
 * @param known the members that exist
 * @throws {TypeError} if one is unknown
 */
export function checkMembers(
  what: string,
  value: object,
  known: Readonly<Record<string, unknown>>,
): void {
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known);
    throw new TypeError(
      `Unknown member "${name}" of ${what}${
        didYouMean(name, names) || `; expected one of ${names.join(", ")}`
      }`,
    );
  }
}

function checkFlag(where: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as the option "${name}" of ${where}: it must be true, false or omitted`,
  );
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
  if (typeof value === "object" && value !== null && isPlain(value)) return;
  throw notAnObject(what, value);
}

function isPlain(value: object): boolean {
  const parent = Object.getPrototypeOf(value);
  return parent === null || isRoot(parent);
}

/** Returns whether an object is `Object.prototype`, of any realm. */
function isRoot(parent: object): boolean {
  return parent === Object.prototype ||
    Object.getPrototypeOf(parent) === null && Object.hasOwn(parent, "toString");
}

/** Returns whether an object is an array, a map or the like. */
function isBuiltIn(value: object): boolean {
  return Object.prototype.toString.call(value) !== "[object Object]";
}

function notAnObject(what: string, value: unknown): TypeError {
  return new TypeError(
    value instanceof AbortSignal
      ? `Cannot use an AbortSignal as ${what}: expected an object such as { signal }`
      : `Cannot use ${describeType(value)} as ${what}: expected a plain object`,
  );
}
