/**
 * Expectations of programs that run in Node.js or a browser.
 *
 * @module
 */
import { CallError, SessionError } from "@lengthwise/lengthwise";
import { TransportError } from "@lengthwise/lengthwise/transport";

/** Throws unless two values are the same. */
export function expect(what: string, actual: unknown, expected: unknown): void {
  if (Object.is(actual, expected)) return;
  throw new Error(`${what}: expected ${expected}, got ${actual}`);
}

/** Returns the code of a rejection, or its text. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (error) => error);
  if (
    error instanceof TransportError || error instanceof CallError ||
    error instanceof SessionError
  ) {
    return error.code;
  }
  return `${error}`;
}
