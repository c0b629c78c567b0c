/**
 * Helpers for the transport checks.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { Connection } from "../transport/connection.ts";
import {
  TransportError,
  type TransportErrorCode,
} from "../transport/errors.ts";

/** The connection under test and its options. */
export interface TransportCheckContext {
  /** The client's end. */
  readonly client: Connection;
  /** The server's end. */
  readonly server: Connection;
  /** Whether errors are typed and a second close is harmless. */
  readonly hardened: boolean;
  /** Resets a connection, if the transport supports it. */
  readonly reset:
    | ((connection: Connection) => void | Promise<void>)
    | undefined;
  /** Aborted at the end of the check. */
  readonly over: AbortSignal;
  /**
   * Waits for a promise, and throws if the timeout expires first.
   *
   * @param wait the promise
   * @param what the name of the event, for the error message
   */
  within<T>(wait: Promise<T>, what: string): Promise<T>;
}

/** 2^20 bytes. */
export const MEBIBYTE = 1024 * 1024;
/** Number of bytes that exceeds any reasonable buffer between two peers. */
const TOO_MUCH = 256 * MEBIBYTE;
/** Milliseconds until a pending write counts as waiting for the reader. */
const QUIET = 100;

/**
 * Returns bytes that reveal their offset.
 *
 * Their period, 251, is prime, so a shift by a power of two is detected.
 */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = at % 251;
  return bytes;
}

/**
 * Writes until a write waits for the reader.
 *
 * If a slow write is mistaken for a waiting one, the check becomes weaker, but
 * not wrong.
 */
export async function fillUp(
  connection: Connection,
): Promise<{ taken: number; pending: Promise<number> }> {
  const block = new Uint8Array(64 * 1024);
  for (let taken = 0; taken < TOO_MUCH;) {
    const pending = connection.write(block);
    pending.catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const quiet = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), QUIET);
    });
    const count = await Promise.race([pending, quiet])
      .finally(() => clearTimeout(timer));
    if (count === undefined) return { taken, pending };
    expectCount("write", count, block.length);
    taken += count;
  }
  throw new Error(
    `no backpressure: ${TOO_MUCH} bytes were accepted although none was read`,
  );
}

/** Writes until a write fails, or the check is over. */
export async function writeForever(
  connection: Connection,
  over: AbortSignal,
): Promise<never> {
  for (;;) {
    await connection.write(new Uint8Array(1024));
    // The peer's response needs a turn of the event loop to arrive.
    await delay(1, { signal: over });
  }
}

/** Reads until the end and returns all bytes. */
export async function collect(connection: Connection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) break;
    expectCount("read", count, buffer.length);
    parts.push(buffer.slice(0, count));
    length += count;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Throws unless a count is valid; 0 would keep a loop busy forever. */
function expectCount(verb: string, count: number, most: number): void {
  expect(
    Number.isInteger(count) && count >= 1 && count <= most,
    `${verb}() to return a count from 1 to ${most}, got ${count}`,
  );
}

/**
 * Returns a promise that a check may await later.
 *
 * Without this function, a failure in the meantime would be unhandled.
 */
export function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Returns the error that a promise rejects with; throws if it does not reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${String(value)}`);
}

/** Throws unless the condition holds. */
export function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

/** Throws unless the received bytes equal the sent bytes. */
export function expectEqual(actual: Uint8Array, expected: Uint8Array): void {
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  expect(
    at === expected.length && actual.length === at,
    `the ${expected.length} bytes sent, got ${actual.length}; the first difference is at byte ${at}`,
  );
}

/** Throws unless an error is a `TransportError` with an expected code. */
export function expectCode(
  error: unknown,
  ...codes: TransportErrorCode[]
): void {
  expect(
    error instanceof TransportError && codes.includes(error.code),
    `a TransportError with code '${codes.join("' or '")}', got ${error}`,
  );
}
