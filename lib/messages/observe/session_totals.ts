/**
 * The figures of all sessions of a server or client. Sessions that have ended are
 * added up, and not kept.
 *
 * @module
 */
import type { SessionError, SessionErrorCode } from "../errors/call_error.ts";
import { type TrafficStats, TrafficSums } from "../session/session_figures.ts";

/** A session that counts. */
interface CountedSession {
  /** Its figures. */
  readonly stats: TrafficStats;
  /** Milliseconds by which its recent timers were late. */
  readonly timerDelay: number;
}

type Counts = Partial<Record<SessionErrorCode, number>>;

/** The figures of all sessions. */
export class SessionTotals {
  /** Number of sessions that were opened. */
  openedSessions = 0;
  /** Number of sessions that ended, by the code of the reason. */
  readonly endedByCode: Counts = {};
  /** The same, of sessions that the peer ended with a GOAWAY. */
  readonly endedByPeer: Counts = {};
  /** Number of sessions that ended before they were open, by the code. */
  readonly refusedByCode: Counts = {};
  readonly #ended: TrafficSums = new TrafficSums();
  readonly #open: Set<CountedSession> = new Set();

  /** Number of sessions that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Milliseconds by which recent timers of the open sessions were late. */
  get timerDelay(): number {
    let longest = 0;
    for (const { timerDelay } of this.#open) {
      longest = Math.max(longest, timerDelay);
    }
    return longest;
  }

  /** Counts a session whose handshake is complete. */
  opened(session: CountedSession): void {
    this.openedSessions++;
    this.#open.add(session);
  }

  /** Counts the end of a session, and adds up its figures. */
  ended(session: CountedSession, { code, remote }: SessionError): void {
    if (this.#open.delete(session)) {
      count(this.endedByCode, code);
      if (remote) count(this.endedByPeer, code);
    } else this.refused(code);
    this.#ended.add(session.stats);
  }

  /** Counts a client that was refused. */
  refused(code: SessionErrorCode): void {
    count(this.refusedByCode, code);
  }

  /** Returns the sums over all sessions; takes time for each open one. */
  traffic(): TrafficStats {
    const sums = new TrafficSums();
    sums.add(this.#ended.copy());
    for (const { stats } of this.#open) sums.add(stats);
    return sums.copy();
  }
}

function count(counts: Counts, code: SessionErrorCode): void {
  counts[code] = (counts[code] ?? 0) + 1;
}
