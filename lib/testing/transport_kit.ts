/**
 * What the compliance checks are written with.
 *
 * @module
 */
import type { Connection } from "../transport/connection.ts";
import {
  TransportError,
  type TransportErrorKind,
} from "../transport/errors.ts";

/** What a check works with. */
export interface ComplianceContext {
  /** First end. */
  readonly client: Connection;
  /** Second end. */
  readonly server: Connection;
  /** Whether errors are typed and a second close is harmless. */
  readonly hardened: boolean;
  /** Breaks a connection, where the transport can. */
  readonly reset:
    | ((connection: Connection) => void | Promise<void>)
    | undefined;
  /**
   * Waits for what must happen.
   *
   * @param wait what is waited for
   * @param what its name, for the error
   */
  within<T>(wait: Promise<T>, what: string): Promise<T>;
}

/** 2^20 bytes. */
export const MEBIBYTE = 1024 * 1024;
/** More than any sane buffer between two peers. */
const TOO_MUCH = 256 * MEBIBYTE;
/** A write that is still waiting by then counts as held back. */
const QUIET = 100;

/** Bytes that show where they come from; 251 is prime, so no power of two repeats them. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = at % 251;
  return bytes;
}

/** Writes until a write waits: taken for held back too early, a check is weaker and not wrong. */
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
    const count = await Promise.race([pending, quiet]);
    clearTimeout(timer);
    if (count === undefined) return { taken, pending };
    taken += count;
  }
  throw new Error(
    `no backpressure: ${TOO_MUCH} bytes were taken, and none was read`,
  );
}

/** Writes until it fails. */
export async function writeForever(connection: Connection): Promise<never> {
  for (;;) {
    await connection.write(new Uint8Array(1024));
    // The peer's answer needs a turn of the event loop to arrive.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Reads to the end. */
export async function collect(connection: Connection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) break;
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

/** What a promise rejects with; that it does is expected. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, and got ${String(value)}`);
}

/** Fails a check. */
export function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

/** Compares what was sent with what came. */
export function expectEqual(actual: Uint8Array, expected: Uint8Array): void {
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  expect(
    at === expected.length && actual.length === at,
    `${expected.length} bytes as they were sent, and got ${actual.length}, different from byte ${at}`,
  );
}

/** Checks that an error is typed. */
export function expectKind(
  error: unknown,
  ...kinds: TransportErrorKind[]
): void {
  expect(
    error instanceof TransportError && kinds.includes(error.kind),
    `a TransportError of kind '${kinds.join("' or '")}', and got ${error}`,
  );
}
