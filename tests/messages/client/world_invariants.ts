/**
 * The invariants of clients, checked against the books of a run.
 *
 * @module
 */
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { Gap } from "../../../lib/messages/session/wire/positions.ts";
import { IDEMPOTENT, type Ledger, type LoggedCall } from "./world_ledger.ts";
import type { Plan } from "./world_plan.ts";

/** A part of the books that an invariant forbids. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
}

/** Least pause after a failed attempt, in ms. */
const MIN_DELAY = 100;

type Check = (ledger: Ledger, plan: Plan) => Iterable<string>;

/** Most milliseconds between a client's decision and its effect at a server. */
function slack({ latency }: Plan): number {
  return 8 * latency.max + 50;
}

function each(
  check: (call: LoggedCall, plan: Plan) => Iterable<string>,
): Check {
  return function* ({ calls }, plan) {
    for (const call of calls) {
      for (const what of check(call, plan)) {
        yield `${call.method} ${call.id}: ${what}`;
      }
    }
  };
}

/** Follows the items and gaps of a stream; yields what may not follow. */
function* wrongItems(watched: Iterable<number | Gap>): Iterable<string> {
  let item: number | undefined; // the next one
  let position: number | undefined; // its number, which its server chose
  for (const each of watched) {
    if (typeof each === "number") {
      if (each !== (item ?? each)) yield `${each} instead of ${item}`;
      item = each + 1;
      if (position !== undefined) position++;
      continue;
    }
    const { from, to, reason } = each;
    if (reason === "unknown") item = undefined; // any number is missing
    else {
      if (from !== (position ?? from)) {
        yield `a gap of ${from} to ${to} instead of ${position}`;
      }
      if (item !== undefined) item += to - from + 1;
    }
    position = to + 1;
  }
}

/** The invariants by name. */
export const INVARIANTS = {
  "each call settles once, and nothing is delivered afterwards": function* (
    { calls, stuck },
  ) {
    for (const { id, method } of stuck) yield `${method} ${id}: never settles`;
    for (const { id, method, settledAt, late } of calls) {
      if (settledAt.length !== 1) {
        yield `${method} ${id}: settled ${settledAt.length} times`;
      }
      if (late > 0) yield `${method} ${id}: ${late} items after the end`;
    }
  },

  "each result is the right one": each(({ wrong }) => wrong),

  "a call that was not processed has entered no handler": each(
    function* ({ outcome, entries }) {
      if (!(outcome instanceof CallError) || outcome.processed !== "no") return;
      if (entries.length > 0) {
        yield `${outcome.code}, "no", but entered ${entries.length} times`;
      }
    },
  ),

  "a call that was processed has settled in a handler": each(
    function* ({ outcome, entries }) {
      if (!(outcome instanceof CallError) || outcome.processed !== "yes") {
        return;
      }
      if (!entries.some(({ settled }) => settled)) {
        yield `${outcome.code}, "yes", but no handler has settled`;
      }
    },
  ),

  "a call that is not idempotent enters a handler at most once": each(
    function* ({ method, entries }) {
      if (method === "charge" || method === "watch") return; // see below
      if (!IDEMPOTENT.has(method) && entries.length > 1) {
        yield `entered ${entries.length} times`;
      }
    },
  ),

  "a call that is once enters a handler at most once": each(
    function* ({ method, entries }) {
      if (method === "charge" && entries.length > 1) {
        yield `entered ${entries.length} times`;
      }
    },
  ),

  "a store keeps an outcome until its client has seen it": function* (
    { reservations, settlements },
  ) {
    for (const { id, key, state, at, needed } of reservations) {
      if (!needed || state === "done" || state === "conflict") continue;
      const before = settlements.find((settlement) =>
        settlement.id === id && settlement.key === key && settlement.at < at
      );
      if (before) yield `${key} is ${state} at ${at}, settled at ${before.at}`;
    }
  },

  "a cut is not noticed if the session is resumed": function* (
    { calls, events },
    plan,
  ) {
    if (plan.class !== "resumed") return;
    for (const { kind, at } of events) {
      if (kind === "lost") yield `a session ended at ${at}`;
    }
    for (const { id, method, outcome, entries } of calls) {
      const again = entries.filter(({ attempt }) => attempt > 0).length;
      if (again > 0) yield `${method} ${id} was sent again`;
      if (!(outcome instanceof CallError)) continue;
      if (outcome.code === "cancelled" || outcome.code === "deadline") continue;
      yield `${method} ${id} failed with ${outcome.code}`;
    }
  },

  "a stream of a source is in order, and reports the items that it misses":
    function* ({ calls }) {
      for (const { id, watched } of calls) {
        for (const what of wrongItems(watched)) yield `watch ${id}: ${what}`;
      }
    },

  "no attempt starts after the deadline, or has more time than is left": each(
    function* ({ madeAt, timeout, entries }, plan) {
      if (timeout === undefined || plan.stalls) return;
      for (const { at, timeLeft } of entries) {
        const left = madeAt + timeout - at;
        if (left < -slack(plan)) yield `entered ${-left} ms late`;
        if (timeLeft > left + slack(plan)) {
          yield `${timeLeft} ms left instead of ${left}`;
        }
      }
    },
  ),

  "no attempt starts after an abort, and no listener is left": each(
    function* ({ abortedAt, settledAt, entries, listeners }, plan) {
      if (settledAt.length === 0) return;
      if (listeners.most > 1) yield `${listeners.most} listeners at a time`;
      if (listeners.now > 0) yield `${listeners.now} listeners left`;
      if (abortedAt === undefined || plan.stalls) return;
      for (const { at } of entries) {
        if (at > abortedAt + slack(plan)) {
          yield `entered ${at - abortedAt} ms after its abort`;
        }
      }
    },
  ),

  "resent calls stay within the budget": function* ({ calls }, plan) {
    if (plan.class !== "load") return; // all of them are paid for there
    const made = calls.flatMap(({ entries, refused }) =>
      [...entries, ...refused].filter(({ attempt }) => attempt > 0)
    ).map(({ at }) => at).sort((a, b) => a - b);
    for (const [first, at] of made.entries()) {
      const within = made.filter((time) => time >= at && time < at + 9_000);
      const before = calls.filter(({ settledAt, outcome }) =>
        outcome === "ok" && settledAt[0]! < at + 9_000
      );
      const most = 20 + 0.1 * before.length;
      if (within.length > most + 1) {
        yield `${within.length} calls were sent again from ${first} on, ${most} may be`;
        return;
      }
    }
  },

  "no address is tried before the time that its server named": function* (
    { dials, events },
    { credentials }, // an attempt may have begun, and wait for them
  ) {
    for (const { kind, address, at, retryAfter } of events) {
      if (kind !== "draining" || retryAfter === 0) continue;
      const early = dials.find((dial) =>
        `memory:${dial.name}` === address && dial.at > at + credentials &&
        dial.at < at + retryAfter - 1
      );
      if (early) yield `${address} was tried ${early.at - at} ms after`;
    }
  },

  "attempts follow the backoff, also if sessions end at once": function* (
    { events },
    { connections },
  ) {
    if (connections > 1) return; // the events do not name the slot
    let openedAt = 0;
    let earliest = 0;
    let before = "";
    for (const { kind, at } of events) {
      if (kind === "connecting" && at < earliest) {
        yield `an attempt at ${at}, ${earliest - at} ms early`;
      }
      if (kind === "connected") openedAt = at;
      // A server that drains allows the next attempt at once, but not for ever.
      // A session that is not resumed may be replaced on the same connection.
      const counts = kind === "backing-off" ||
        kind === "lost" && before !== "resuming" && at - openedAt < 10_000 ||
        kind === "draining" && at - openedAt < 1_000;
      earliest = counts ? at + MIN_DELAY - 1 : 0;
      before = kind;
    }
  },

  "a slot has one session for new calls, and each broadcast arrives once":
    function* ({ mostSessions, heard }, { connections }) {
      if (mostSessions > connections) yield `${mostSessions} sessions`;
      for (const [text, times] of heard) {
        if (times > connections) yield `${text} was heard ${times} times`;
      }
    },

  "a client that was closed connects no more": function* (
    { dials, closedAt = Infinity },
  ) {
    const late = dials.find(({ at }) => at > closedAt);
    if (late) yield `${late.name} at ${late.at}, closed at ${closedAt}`;
  },

  "after the end, no bytes are charged": function* ({ held }) {
    yield* held;
  },

  "after the end, there is no timer, link or pending promise": function* (
    { timersLeft, linksLeft, pending },
  ) {
    if (timersLeft > 0) yield `${timersLeft} timers`;
    if (linksLeft > 0) yield `${linksLeft} links`;
    for (const name of pending) yield `${name} does not settle`;
  },
} satisfies Record<string, Check>;

/** Returns what the books of a run contain that they may not. */
export function violations(ledger: Ledger, plan: Plan): Violation[] {
  return Object.entries(INVARIANTS).flatMap(([invariant, check]) =>
    [...check(ledger, plan)].map((what) => ({ invariant, what }))
  );
}
