/**
 * The resources of a session, for tests that count them.
 *
 * @module
 */
import type { Session } from "../../../lib/messages/session/session.ts";

/** Resources held and credit granted. */
export interface Accounts {
  callCredit: number;
  requestCredit: number;
  requestOwed: number;
  creditPool: number;
  assembling: number;
  timers: number;
  blocked: number;
  waitingForSpace: number;
  backlog: number;
  itemBacklog: number;
}

/** Returns the resources that a session holds and the credit that it has granted. */
export function accountsOf({ shared, outgoing, incoming }: Session): Accounts {
  return {
    callCredit: outgoing.queue.credit,
    requestCredit: incoming.reader.credit,
    requestOwed: incoming.reader.owed,
    creditPool: shared.creditPool.left,
    assembling: shared.reassemblyBudget.used,
    timers: shared.timerWheel.size,
    blocked: shared.blocked.size,
    waitingForSpace: shared.waitingForSpace.size,
    backlog: shared.writer.backlog,
    itemBacklog: shared.writer.itemBacklog,
  };
}

/** Returns the number of calls in flight in each direction, and of queued calls. */
export function inFlightOf({ outgoing, incoming }: Session): {
  outgoing: number;
  incoming: number;
  queued: number;
} {
  return {
    outgoing: outgoing.calls.size,
    incoming: incoming.calls.size,
    queued: outgoing.queue.length,
  };
}
