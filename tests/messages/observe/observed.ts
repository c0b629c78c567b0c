/**
 * An observer that writes down everything that it sees.
 *
 * @module
 */
import type {
  CallInfo,
  CallObserver,
  CallOutcome,
  Observer,
} from "../../../lib/messages/observe/observer.ts";

/** A call that was observed. */
export interface SeenCall {
  readonly info: CallInfo;
  readonly attempts: string[];
  /** Codes with which attempts failed that others followed. */
  readonly failed: (string | undefined)[];
  readonly outcomes: CallOutcome[];
  runs: number;
  firstItems: number;
}

/** An observer, with the events that it has seen. */
export interface Seen extends Observer {
  readonly calls: SeenCall[];
  readonly events: string[];
  /** Returns each ended call as `side method code`. */
  ends(): string[];
}

/** Returns an observer that writes down everything that it sees. */
export function seeing(more: CallObserver = {}): Seen {
  const calls: SeenCall[] = [];
  const events: string[] = [];
  return {
    calls,
    events,
    ends: () =>
      calls.flatMap(({ info, outcomes }) =>
        outcomes.map(({ code }) =>
          `${info.side} ${info.method ?? `?${info.methodOriginal}`} ${code}`
        )
      ),
    session({ role }) {
      events.push(`${role} opened`);
      return {
        ended: ({ code }) => void events.push(`${role} ended ${code}`),
        dropped: (reason, count) =>
          void events.push(`${role} dropped ${count} ${reason}`),
      };
    },
    refused: ({ reason }) => void events.push(`refused ${reason}`),
    connect: ({ outcome, endpoint }) =>
      void events.push(`${outcome} ${endpoint}`),
    call(info) {
      const seen: SeenCall = {
        ...{ info, attempts: [], failed: [], outcomes: [] },
        ...{ runs: 0, firstItems: 0 },
      };
      calls.push(seen);
      return {
        ...more,
        attempt({ kind, failed }) {
          seen.attempts.push(kind);
          seen.failed.push(failed);
        },
        firstItem: () => void seen.firstItems++,
        run(step) {
          seen.runs++;
          return step();
        },
        end: (outcome) => void seen.outcomes.push(outcome),
      };
    },
  };
}
