/**
 * The age at which a server drains a session.
 *
 * @module
 */
import { setRef } from "../support/keep_alive.ts";

/** Milliseconds between two checks of a session without a connection. */
const AGAIN = 1_000;
/** Longest delay of a timer, in ms. */
const MAX_DELAY = 2 ** 31 - 1;

/** Options of {@linkcode whenOld}. */
export interface AgeOptions {
  /** Milliseconds of an average session. */
  readonly age: number;
  /** A number from 0 up to, but excluding, 1. */
  readonly random: number;
  /** Whether the session has no connection; a drain would lose calls. */
  isCut(): boolean;
  /** Called once, when the session is old. */
  drain(): void;
}

/**
 * Waits until a session is old. The timer does not keep the process alive.
 *
 * The ages differ by up to 10 %, so that clients that have connected at the same
 * moment do not connect again at the same moment.
 *
 * @returns a function that ends the waiting
 */
export function whenOld(
  { age, random, isCut, drain }: AgeOptions,
): () => void {
  let timer: ReturnType<typeof setTimeout>;
  function wait(ms: number): void {
    timer = setTimeout(check, Math.min(ms, MAX_DELAY));
    setRef(timer, false);
  }
  function check(): void {
    if (isCut()) wait(AGAIN);
    else drain();
  }
  wait(age * (0.9 + 0.2 * random));
  return () => clearTimeout(timer);
}
