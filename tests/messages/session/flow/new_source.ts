import type { Source } from "../../../../lib/messages/session/flow/send_scheduler.ts";

/** Returns a source that always has more to send, and sends nothing. */
export function newSource(): Source {
  return {
    hasNext: true,
    nextSize: 0,
    mustWait: () => false,
    sendNext: () => 0,
  };
}
