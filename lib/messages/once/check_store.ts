/**
 * Rejects stores of outcomes, and answers of them, that cannot be used.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { MAX_KEY } from "../session/wire/once_field.ts";
import { isOutcome } from "./outcome.ts";
import type { OnceReservation, OnceStore } from "./once_store.ts";

/** Functions of a store. */
const FUNCTIONS = ["reserve", "settle", "renew", "release"] as const;

/** States of a call that have no further members. */
const STATES: ReadonlySet<unknown> = new Set([
  "running",
  "gone",
  "conflict",
  "full",
]);

/**
 * Checks the option `once`.
 *
 * @throws {TypeError} if the value is not a store, or its id is not valid
 * @throws {RangeError} if the lease or the timeout is out of range
 */
export function checkStore(store: Partial<OnceStore>): void {
  const isObject = typeof store === "object" && store !== null;
  const missing = isObject
    ? FUNCTIONS.find((name) => typeof store[name] !== "function")
    : "reserve";
  if (!isObject || missing === "reserve" || typeof store.id !== "string") {
    throw new TypeError(
      `Cannot use ${
        describeType(store)
      } as option "once": expected a store such as memoryOnceStore()`,
    );
  }
  if (missing !== undefined) {
    throw new TypeError(
      `Cannot use a store of outcomes without ${missing}(): expected ${
        FUNCTIONS.map((name) => `${name}()`).join(", ")
      }`,
    );
  }
  const { lease = 1, timeout = 1 } = store;
  for (const [name, ms] of Object.entries({ lease, timeout })) {
    if (Number.isInteger(ms) && ms >= 1 && ms < 2 ** 31) continue;
    throw new RangeError(
      `Cannot use a store of outcomes whose ${name} is ${ms}: it must be an integer from 1 to ${
        2 ** 31 - 1
      } ms`,
    );
  }
  const bytes = new TextEncoder().encode(store.id).length;
  if (bytes >= 1 && bytes <= MAX_KEY) return;
  throw new TypeError(
    `Cannot use a store of outcomes whose id has ${bytes} bytes: expected 1 to ${MAX_KEY}`,
  );
}

/**
 * Returns what is wrong with an answer of `reserve()`; `undefined` if nothing is.
 */
export function reservationError(
  answer: OnceReservation | undefined,
): TypeError | undefined {
  switch (answer?.state) {
    case "new":
      return typeof answer.fence === "string"
        ? undefined
        : malformed('a string as "fence" with the state "new"', answer.fence);
    case "done":
      return doneError(answer.outcome);
    default:
      return STATES.has(answer?.state) ? undefined : malformed(
        'an object whose "state" is new, running, done, gone, conflict or full',
        answer,
      );
  }
}

/** Checks an outcome, which clients receive as it is. */
function doneError(outcome: unknown): TypeError | undefined {
  if (outcome instanceof Uint8Array && isOutcome(outcome)) return undefined;
  return malformed(
    'the bytes that settle() has received as "outcome" with the state "done"',
    outcome,
  );
}

function malformed(expected: string, found: unknown): TypeError {
  return new TypeError(
    `Cannot use an answer of reserve() of a store of outcomes: expected ${expected}, found ${
      describeType(found)
    }`,
  );
}
