/**
 * The items of a stream that continues in the next session.
 *
 * ```text
 *            ┌──────── refused before its handler ───────┐
 *            ▼                                           │
 *  attempt ──┴─▶ items ──▶ end                           │
 *     ▲            │                                     │
 *     └────────────┴─ cut, or drained by the server ─────┘
 * ```
 *
 * @module
 */
import type { CallResponse, OutgoingRequest } from "../calls/interceptor.ts";
import {
  isInterruption,
  type StreamProgress,
} from "../calls/stream_progress.ts";
import { CallError } from "../errors/call_error.ts";

/** The attempts of a stream. */
export interface StreamAttempts {
  /** Makes attempts until one succeeds or the call fails for good. */
  run(next: Next): Promise<CallResponse>;
  /** Resolves when another attempt may follow a failed one. @throws the error */
  failed(error: unknown): Promise<void>;
  /**
   * Counts the next attempts as if the call were new. Resolves when the next one
   * may begin.
   *
   * @param again number of times that the handler has failed in a row before
   * @throws the error if the client has ended, or if the pause is too long
   */
  interrupted(error: unknown, again: number): Promise<void>;
  /** Counts a success. */
  succeeded(): void;
  /** The items that the caller sends; `undefined` if it sends none. */
  readonly items:
    | { hold(): void; release(): void }
    | undefined;
}

type Next = (request: OutgoingRequest) => Promise<CallResponse>;

/** Number of attempts in a row that may yield no item. */
const MOST_FRUITLESS = 5;
/** Milliseconds after which an attempt has lasted, even without an item. */
const LASTING = 10_000;

/**
 * Returns the items of a stream.
 *
 * @param first the response of the first attempt
 * @param next makes further attempts
 * @param stream its attempts, its progress, and the metadata to set at the end
 */
export async function* continuedItems(
  first: CallResponse,
  next: Next,
  stream: {
    readonly attempts: StreamAttempts;
    readonly progress: StreamProgress;
    readonly metadata: Record<string, string>;
  },
): AsyncGenerator<unknown, void> {
  const { attempts, progress, metadata } = stream;
  let response = first;
  let fruitless = 0;
  let failures = 0;
  let committed = false;
  function commit(): void {
    if (committed) return;
    committed = true;
    attempts.succeeded();
    attempts.items?.release();
  }
  // Held only while they are read: without a reader, no other attempt begins.
  attempts.items?.hold();
  try {
    for (;;) {
      if (!("items" in response)) return;
      const begunAt = performance.now();
      const { position } = progress;
      let received = false;
      try {
        for await (const item of response.items) {
          commit();
          received = true;
          progress.last = item;
          yield item;
        }
        commit();
        Object.assign(metadata, response.metadata);
        return;
      } catch (error) {
        const begun = received || progress.position !== position;
        const ran = begun || mayHaveRun(error);
        if (ran && progress.continues && isInterruption(error)) {
          const lasted = performance.now() - begunAt >= LASTING;
          fruitless = received || lasted ? 0 : fruitless + 1;
          if (fruitless >= MOST_FRUITLESS) throw error;
          failures = isUnavailable(error) && !lasted ? failures + 1 : 0;
          await attempts.interrupted(error, Math.max(0, failures - 1));
          progress.interrupt(error);
        } else {
          if (ran && (committed || progress.position !== undefined)) {
            throw error;
          }
          await attempts.failed(error);
        }
      }
      response = await attempts.run(next);
    }
  } finally {
    attempts.items?.release();
  }
}

/** Whether the handler has failed; after a cut or a move, the client pauses. */
function isUnavailable(error: unknown): boolean {
  return error instanceof CallError && error.code === "unavailable";
}

function mayHaveRun(error: unknown): boolean {
  return !(error instanceof CallError) || error.processed !== "no";
}
