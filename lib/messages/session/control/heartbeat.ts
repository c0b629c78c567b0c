/**
 * Detects a peer that is silent or does not read.
 *
 * @module
 */
import type { SessionLimits } from "../wire/limits.ts";

/** Framed bytes, and how many of them the transport has not accepted. */
export interface SentBytes {
  /** Number of bytes framed so far. */
  readonly position: number;
  /** Number of framed bytes that the transport has not accepted yet. */
  readonly unsent: number;
}

/** Watcher of both directions of a connection. */
export class Heartbeat {
  /** Time of the last byte read or PING sent, whichever is later. */
  #activeAt: number;
  #unansweredPings = 0;
  /** Time until which the peer may accept no more; `Infinity` if none wait. */
  #acceptBy = Infinity;
  /** Number of bytes that the transport had accepted at the last look. */
  #accepted = 0;
  readonly #limits: SessionLimits;

  /**
   * @param limits the intervals
   * @param now the current time, ms
   */
  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#activeAt = now;
  }

  /** Records that bytes were read, which restarts the silence interval. */
  read(now: number): void {
    this.#activeAt = now;
    this.#unansweredPings = 0;
  }

  /** Begins again on a new link, which has accepted no bytes yet. */
  restart(now: number): void {
    this.read(now);
    this.#acceptBy = Infinity;
  }

  /**
   * Records what the transport has accepted. Unsent bytes may wait for
   * `writeStall`. Accepted bytes extend this time at the rate `minWriteRate`
   * and no further, so a peer that reads a byte now and then gains nothing.
   */
  watch(now: number, { position, unsent }: SentBytes): void {
    const accepted = position - unsent;
    const more = accepted - this.#accepted;
    this.#accepted = accepted;
    if (unsent === 0) {
      this.#acceptBy = Infinity;
      return;
    }
    const { writeStall, minWriteRate } = this.#limits;
    const extended = more > 0
      ? this.#acceptBy + more * 1000 / minWriteRate
      : this.#acceptBy;
    this.#acceptBy = Math.min(extended, now + writeStall);
  }

  /**
   * Returns the action that is due, if any. The actions are sending a PING and
   * ending the session. Each PING gets its full interval, even if the process
   * was suspended during earlier intervals.
   */
  check(
    now: number,
    sent: SentBytes,
  ): "ping" | "silent" | "stalled" | undefined {
    this.watch(now, sent);
    const { heartbeat, heartbeatMisses } = this.#limits;
    if (now >= this.#acceptBy) return "stalled";
    if (now - this.#activeAt < heartbeat) return undefined;
    if (this.#unansweredPings >= heartbeatMisses) return "silent";
    this.#unansweredPings++;
    this.#activeAt = now;
    return "ping";
  }

  /** Time at which {@linkcode Heartbeat.check} must be called next. */
  get wakeAt(): number {
    const silent = this.#activeAt + this.#limits.heartbeat;
    return Math.min(silent, this.#acceptBy);
  }
}
