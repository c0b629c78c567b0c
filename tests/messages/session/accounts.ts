/**
 * The resources of a session, for tests that count them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Session } from "../../../lib/messages/session/session.ts";

/** Resources held and credit granted. */
export interface Accounts {
  requestCredit: number;
  notifyCredit: number;
  itemCredit: number;
  requestsGranted: number;
  requestsOwed: number;
  requestsWaiting: number;
  notificationsGranted: number;
  notificationsOwed: number;
  notificationsWaiting: number;
  itemsGranted: number;
  itemsOwed: number;
  itemsLent: number;
  itemBudget: number;
  waitingForBudget: number;
  readers: number;
  itemHolders: number;
  raisePool: number;
  assembling: number;
  unfinished: number;
  timers: number;
  /** Bytes of messages in the queues of calls. */
  queued: number;
}

/** Returns the resources that a session holds and the credit that it has granted. */
export function accountsOf({ shared, incoming }: Session): Accounts {
  const { reader } = incoming;
  const { items } = shared;
  return {
    requestCredit: shared.requestCredit.available,
    notifyCredit: shared.notifyCredit.available,
    itemCredit: shared.itemCredit.available,
    requestsGranted: reader.requestCredit.available,
    requestsOwed: reader.requestCredit.owed,
    requestsWaiting: incoming.gate.held,
    notificationsGranted: reader.notifyCredit.available,
    notificationsOwed: reader.notifyCredit.owed,
    notificationsWaiting: incoming.notifications.withheld,
    itemsGranted: items.credit.available,
    itemsOwed: items.credit.owed,
    itemsLent: items.lent,
    itemBudget: items.budget.used,
    waitingForBudget: items.budget.waiting,
    readers: items.readers,
    itemHolders: items.holders.size,
    raisePool: items.raises.pool.left,
    assembling: shared.reassemblyBudget.used,
    unfinished: shared.unfinished.bytes,
    timers: shared.timerWheel.size + shared.linkTime.size,
    queued: sumOf(shared.queued.responses) + shared.queued.items +
      shared.queued.ownItems + shared.queued.requests,
  };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
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
    queued: outgoing.queued,
  };
}

/** The things that a session holds for calls and messages, apart from credit. */
export function heldBy(session: Session): Partial<Accounts> {
  const accounts = accountsOf(session);
  return {
    itemsLent: accounts.itemsLent,
    itemBudget: accounts.itemBudget,
    waitingForBudget: accounts.waitingForBudget,
    readers: accounts.readers,
    itemHolders: accounts.itemHolders,
    assembling: accounts.assembling,
    unfinished: accounts.unfinished,
    timers: accounts.timers,
    requestsWaiting: accounts.requestsWaiting,
    notificationsWaiting: accounts.notificationsWaiting,
    queued: accounts.queued,
  };
}

/** The value that {@linkcode heldBy} returns for an idle session. */
export const HOLDS_NOTHING: Partial<Accounts> = {
  itemsLent: 0,
  itemBudget: 0,
  waitingForBudget: 0,
  readers: 0,
  itemHolders: 0,
  assembling: 0,
  unfinished: 0,
  timers: 0,
  requestsWaiting: 0,
  notificationsWaiting: 0,
  queued: 0,
};

/**
 * Checks an idle session's accounts: credit and owed bytes are the whole window,
 * and the peer counts the same credit.
 */
export function checkCredit(session: Session, peer: Session): void {
  const mine = accountsOf(session);
  const theirs = accountsOf(peer);
  const { connectionWindow, notifyWindow, itemsWindow } = session.limits;
  assertEquals(mine.requestsGranted + mine.requestsOwed, connectionWindow);
  assertEquals(
    mine.notificationsGranted + mine.notificationsOwed,
    notifyWindow,
  );
  assertEquals(mine.itemsGranted + mine.itemsOwed, itemsWindow);
  assertEquals(
    [theirs.requestCredit, theirs.notifyCredit, theirs.itemCredit],
    [mine.requestsGranted, mine.notificationsGranted, mine.itemsGranted],
    "both ends count the same credit",
  );
}
