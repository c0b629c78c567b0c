/**
 * The protocol of the soak test, and the lines that its processes write.
 *
 * @module
 */
import {
  clientStream,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

/** The first item that a stream shall have, and the id of its call. */
export interface Count {
  readonly id: number;
  readonly from: number;
}

/** The protocol: methods that may be sent again, and others. */
export const Bank = protocol({
  name: "bank",
  server: {
    pay: unary<number, number>(),
    look: unary<number, number>({ idempotent: true }),
    transfer: unary<number, number>({ once: true }),
    list: serverStream<number, number>({ idempotent: true }),
    count: serverStream<Count, number>({ idempotent: true }),
    upload: clientStream<number, number, Record<never, never>, number>(),
  },
});

/** Methods that may run more than once. */
export const IDEMPOTENT: ReadonlySet<string> = new Set([
  "look",
  "list",
  "count",
]);

/** Number of items of `list` and `count`. */
export const LISTED = 20;
export const COUNTED = 50;

/** Calls that a client process may make: the ids of its calls begin there. */
export const CALLS_OF_A_CLIENT = 1_000_000;

/** Measurements of a process, which it prints as a line of JSON. */
export interface Sample {
  readonly name: string;
  /** Bytes of the heap after a garbage collection. */
  readonly heap: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** Milliseconds of the calls that ended since the last sample (clients only). */
  readonly median?: number;
  readonly slowest?: number;
}

/** A line of a client's ledger: a call that it is about to make. */
export type Sent = readonly [id: number, method: string];

/** A line of a client's ledger: the outcome of a call. */
export type Outcome =
  | readonly [id: number, method: string, outcome: "ok"]
  | readonly [id: number, method: string, code: string, processed: string];

/** Measures the current process; run it with `--v8-flags=--expose-gc`. */
export function measure(name: string): Sample {
  const { gc } = globalThis as { gc?: () => void }; // set by the flag
  gc?.();
  return {
    name,
    heap: Deno.memoryUsage().heapUsed,
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
  };
}

/** Prints a line of JSON. */
export function print(value: unknown): void {
  Deno.stdout.writeSync(line(value));
}

/** Returns a value as a line of JSON. */
export function line(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value) + "\n");
}
