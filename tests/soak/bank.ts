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

/** The protocol: methods that may be sent again, and others. */
export const Bank = protocol({
  name: "bank",
  server: {
    pay: unary<number, number>(),
    look: unary<number, number>({ idempotent: true }),
    list: serverStream<number, number>({ idempotent: true }),
    upload: clientStream<number, number, Record<never, never>, number>(),
  },
});

/** Methods that may run more than once. */
export const IDEMPOTENT: ReadonlySet<string> = new Set(["look", "list"]);

/** Measurements of a process, which it prints as a line of JSON. */
export interface Sample {
  readonly name: string;
  /** Bytes of the heap after a garbage collection. */
  readonly heap: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** Calls that were made and that have ended (clients only). */
  readonly made?: number;
  readonly ended?: number;
  /** Milliseconds of the calls that ended since the last sample. */
  readonly median?: number;
  readonly slowest?: number;
}

/** The outcome of a call, as a line of the client's ledger. */
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
  const bytes = new TextEncoder().encode(JSON.stringify(value) + "\n");
  Deno.stdout.writeSync(bytes);
}
