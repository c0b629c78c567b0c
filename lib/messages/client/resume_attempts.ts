/**
 * The attempts to connect again for a session whose connection was lost.
 *
 * @module
 */
import { PERMANENT_CODES, SessionError } from "../errors/call_error.ts";
import { pause } from "../support/keep_alive.ts";

/** Bounds in ms of the pause before an attempt. */
const PAUSE = { least: 50, most: 1_000 } as const;

/** Bounds in ms of an attempt: a lost packet must not use up the time. */
const ATTEMPT = { least: 1_500, most: 10_000 } as const;

/**
 * Makes attempts until one succeeds, or is refused for good.
 *
 * The first one follows after a short random time, because other clients may
 * have lost their connections too. A link that was cut soon counts as a failed
 * attempt: otherwise, a path that cuts each link at once would get a new one at
 * once.
 *
 * @param short number of earlier links in a row that were cut soon
 * @param attempt makes one attempt, in a limited time in ms
 * @param signal aborted when the session is no longer resumed
 * @param keepsAlive returns whether the next pause keeps the process alive
 * @returns the reason of a refusal; `undefined` if an attempt has succeeded or
 * the signal is aborted
 */
export async function attemptUntilResumed(
  short: number,
  attempt: (signal: AbortSignal, limit: number) => Promise<void>,
  signal: AbortSignal,
  keepsAlive: () => boolean,
): Promise<SessionError | undefined> {
  let named = 0;
  for (let count = 0; !signal.aborted; count++) {
    const most = Math.min(PAUSE.most, PAUSE.least * 2 ** (short + count));
    await pause(Math.max(named, Math.random() * most), signal, keepsAlive());
    const limit = Math.min(ATTEMPT.most, ATTEMPT.least * 2 ** count);
    try {
      if (!signal.aborted) await attempt(signal, limit);
      return undefined;
    } catch (error) {
      if (!(error instanceof SessionError)) continue;
      if (error.remote && PERMANENT_CODES.has(error.code)) return error;
      named = error.retryAfter;
    }
  }
  return undefined;
}
