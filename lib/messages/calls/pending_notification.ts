/**
 * A notification that waits for a place in the session's queue.
 *
 * @module
 */
import type { QueuedNotification } from "../session/calls/outgoing_calls.ts";
import { markForeign, rejectedWhereAwaited } from "../errors/call_stack.ts";
import { abortReason, type CallSession } from "./pending_call.ts";

/**
 * Returns a promise that resolves when the notification has its place. It need
 * not be awaited.
 *
 * @param signal ends the wait
 * @param ends receives the outcome
 */
export function whenAccepted(
  message: QueuedNotification,
  peer: CallSession,
  signal: AbortSignal | undefined,
  ends?: { end(error: unknown): void },
): Promise<void> {
  const accepted = new Promise<void>((resolve) => {
    const abort = () => {
      const cause: unknown = signal?.reason;
      const reason = { ...abortReason(cause), cause };
      peer.enter().outgoing.giveUpNotification(message, reason);
    };
    const stop = () => signal?.removeEventListener("abort", abort);
    message.observer = {
      onAccepted() {
        stop();
        ends?.end(undefined);
        resolve();
      },
      onFailed(error) {
        stop();
        ends?.end(error);
        resolve(rejectedWhereAwaited(markForeign(error), accepted));
      },
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort(); // encoding the input may run code that aborts the signal
  });
  return accepted;
}
