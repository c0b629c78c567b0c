/**
 * The books of a run: what the application called, what the handlers ran, and
 * what the client did.
 *
 * @module
 */
import type { Gap } from "../../../lib/messages/session/wire/positions.ts";
import type { MemoryOnceStore } from "../../../lib/messages/once/memory_once_store.ts";
import type { Charged, LinkCounts } from "./world_links.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";

/** Methods that a run calls. */
export type MethodName =
  | "pay"
  | "charge"
  | "look"
  | "list"
  | "feed"
  | "watch"
  | "upload"
  | "talk";

/** Methods that may be sent again after their handlers ran. */
export const IDEMPOTENT: ReadonlySet<string> = new Set(["look", "list"]);

/** One run of a handler. */
export interface Entry {
  readonly server: string;
  readonly at: number;
  /** Milliseconds until the deadline, as the server knew it. */
  readonly timeLeft: number;
  readonly attempt: number;
  settled: boolean;
}

/** One call of the application. */
export interface LoggedCall {
  readonly id: number;
  readonly method: MethodName;
  readonly madeAt: number;
  readonly timeout: number | undefined;
  /** Time at which the application aborted it. */
  abortedAt: number | undefined;
  /** Times at which it ended for the application. */
  readonly settledAt: number[];
  outcome: "ok" | "left" | CallError | undefined;
  readonly entries: Entry[];
  /** Attempts that a server refused for load, before their handler. */
  readonly refused: { readonly at: number; readonly attempt: number }[];
  /** Items and gaps of a source, in order. */
  readonly watched: (number | Gap)[];
  /** Items or results that arrived after its end. */
  late: number;
  /** Wrong results. */
  readonly wrong: string[];
  /** Most listeners on its signal at a time, and their number at the end. */
  listeners: { most: number; now: number };
}

/** How often something happened in a run, or in several. */
export interface Counts {
  resends: number;
  /** Streams that went on in another session, and gaps that they reported. */
  continued: number;
  gaps: number;
  /** Sessions that went on with another connection. */
  resumes: number;
  /** Events of their links; see `LinkCounts`. */
  replays: number;
  fences: number;
  fullRings: number;
  /** Repeated calls whose outcome a store knew. */
  repeats: number;
  drains: number;
  losses: number;
  refusals: number;
  backoffs: number;
  waits: number;
  entries: number;
  failed: number;
  unprocessed: number;
}

/** Returns counts of nothing. */
export function noCounts(): Counts {
  return {
    resends: 0,
    continued: 0,
    gaps: 0,
    resumes: 0,
    replays: 0,
    fences: 0,
    fullRings: 0,
    repeats: 0,
    drains: 0,
    losses: 0,
    refusals: 0,
    backoffs: 0,
    waits: 0,
    entries: 0,
    failed: 0,
    unprocessed: 0,
  };
}

/** The books of one run. */
export class Ledger {
  readonly calls: LoggedCall[] = [];
  /** Each attempt to connect. */
  readonly dials: { readonly name: string; readonly at: number }[] = [];
  /** Events of the client. */
  readonly events: {
    readonly kind: string;
    readonly address: string;
    readonly at: number;
    /** Milliseconds for which the server wants no attempt. */
    readonly retryAfter: number;
  }[] = [];
  /** How often each broadcast reached the application. */
  readonly heard: Map<string, number> = new Map();
  /** Answers of stores to the calls of clients, in order. */
  readonly reservations: {
    readonly id: string;
    readonly key: string;
    readonly state: string;
    readonly at: number;
    /** Whether the client still needs the outcome. */
    readonly needed: boolean;
  }[] = [];
  /** Calls whose outcomes were given to a store. */
  readonly settlements: {
    readonly id: string;
    readonly key: string;
    readonly at: number;
  }[] = [];
  /** Most sessions that the client used for new calls at a time. */
  mostSessions = 0;
  closedAt: number | undefined = undefined;
  /** Calls that had not settled long after the last failure. */
  stuck: readonly LoggedCall[] = [];
  /** Promises that have not settled at the end. */
  readonly pending: string[] = [];
  timersLeft = 0;
  linksLeft = 0;
  /** Objects that count held bytes. */
  readonly charged: Charged = { budgets: new Set(), waiting: new Set() };
  /** Stores of outcomes. */
  readonly stores: MemoryOnceStore[] = [];
  /** Names of what still counts bytes at the end. */
  readonly held: string[] = [];
  /** Events of the links of all sessions. */
  readonly links: LinkCounts = { replays: 0, fences: 0, fullRings: 0 };

  /** Adds a call. */
  call(
    method: MethodName,
    madeAt: number,
    timeout: number | undefined,
  ): LoggedCall {
    const call: LoggedCall = {
      id: this.calls.length,
      method,
      madeAt,
      timeout,
      abortedAt: undefined,
      settledAt: [],
      outcome: undefined,
      entries: [],
      refused: [],
      watched: [],
      late: 0,
      wrong: [],
      listeners: { most: 0, now: 0 },
    };
    this.calls.push(call);
    return call;
  }

  /** Adds a run of a handler. */
  enter(id: number, entry: Omit<Entry, "settled">): Entry {
    const added = { ...entry, settled: false };
    this.calls[id]!.entries.push(added); // ids come from this ledger
    return added;
  }

  /** Adds what happened to the counts. */
  count(counts: Counts): void {
    const of = (kind: string) =>
      this.events.filter((event) => event.kind === kind).length;
    counts.repeats +=
      this.reservations.filter(({ state }) =>
        state === "done" || state === "running"
      ).length;
    counts.resumes += of("resumed");
    counts.replays += this.links.replays;
    counts.fences += this.links.fences;
    counts.fullRings += this.links.fullRings;
    counts.drains += of("draining");
    counts.losses += of("lost");
    counts.backoffs += of("backing-off");
    counts.refusals += of("refused");
    for (const { method, entries, refused, outcome, watched } of this.calls) {
      if (method === "watch" && entries.length > 1) counts.continued++;
      counts.gaps += watched.filter((each) => typeof each !== "number").length;
      const seen = [...entries, ...refused];
      counts.entries += entries.length;
      counts.refusals += refused.length;
      counts.resends += seen.filter(({ attempt }) => attempt > 0).length;
      if (!(outcome instanceof CallError)) continue;
      counts.failed++;
      if (outcome.processed === "no") counts.unprocessed++;
      if (outcome.message.includes("wait")) counts.waits++;
    }
  }
}
