/**
 * The bound of the queues of calls and of notifications.
 *
 * @module
 */
import type { SessionLimits } from "../wire/limits.ts";

/**
 * Returns why a message of this size cannot be queued, or `undefined`. The first
 * two messages in a queue may have any size.
 *
 * @param count number of messages in the queue
 * @param waiting sum of their sizes, except for the first one
 */
export function queueFull(
  { maxQueuedCalls, unsentSoft }: SessionLimits,
  count: number,
  waiting: number,
  size: number,
): string | undefined {
  if (count >= maxQueuedCalls) {
    return `${maxQueuedCalls} calls are already queued (limit maxQueuedCalls)`;
  }
  if (waiting === 0 || waiting + size <= unsentSoft) return undefined;
  return `${waiting} bytes of calls are already queued (limit unsentSoft, ${unsentSoft})`;
}
