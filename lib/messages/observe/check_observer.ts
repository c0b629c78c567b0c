/**
 * Checks that the functions of observers have their names.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { didYouMean } from "../../support/did_you_mean.ts";
import { type OptionNames, withInherited } from "../support/check_options.ts";
import type { Observer, SessionObserver } from "./observer.ts";

const OBSERVER: OptionNames<Observer> = {
  session: true,
  refused: true,
  connect: true,
  call: true,
};

const SESSION_OBSERVER: OptionNames<SessionObserver> = {
  ended: true,
  dropped: true,
  roundTrip: true,
};

/**
 * Checks an observer of a client or server.
 *
 * It may have state and functions of its own.
 *
 * @throws {TypeError} if it is not an object, a member is not the function that
 * it should be, or a function has the misspelled name of one that is missing
 */
export function checkObserver(value: unknown): void {
  checkFunctions("an observer", value, OBSERVER, "call");
}

/**
 * Checks the observer of a session.
 *
 * @throws {TypeError} as {@linkcode checkObserver}
 */
export function checkSessionObserver(value: unknown): void {
  checkFunctions("the observer of a session", value, SESSION_OBSERVER, "ended");
}

function checkFunctions(
  what: string,
  value: unknown,
  known: Readonly<Record<string, unknown>>,
  example: string,
): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(
      `Cannot use ${
        describeType(value)
      } as ${what}: expected an object with functions such as ${example}()`,
    );
  }
  for (const name of Object.keys(known)) {
    checkFunction(what, name, Reflect.get(value, name));
  }
  const missing = Object.keys(known).filter((name) => !(name in value));
  for (const name of Object.keys(withInherited(value))) {
    // An observer may have state and functions of its own.
    if (name in known || typeof Reflect.get(value, name) !== "function") {
      continue;
    }
    const hint = didYouMean(name, missing);
    if (hint === "") continue;
    throw new TypeError(`Unknown function "${name}" of ${what}${hint}`);
  }
}

function checkFunction(what: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as the member "${name}" of ${what}: expected a function`,
  );
}
