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
  /** Number of bytes that the peer has read, as its replies show. */
  readonly arrived: number;
}

/** Number of round trips in which a peer replies to a PING. */
const SAFE_TRIPS = 4;
/** Largest multiple of `pendingHeartbeat` that a PING, or its reply, waits. */
const MOST_PENDING = 5;
/** Parts of the wait for a reply; each ends with a check. */
const PARTS = 4;
/**
 * Weight of a part that is noticed in time. One that is noticed late, by half of
 * its time, counts 1: this process was blocked, suspended or overloaded, and may
 * not have read what has arrived.
 */
const IN_TIME = 4;
/**
 * Bytes that a slow connection carries in a millisecond. The reply to a PING
 * follows the bytes that were sent before it, wherever they wait.
 */
const SLOW_RATE = 32;
/** Longest time in ms that bytes may be in transit. */
const MOST_TRANSIT = 30_000;
/** Times in transit below this do not count, ms. */
const SHORT_TRANSIT = 500;

/** Bytes that a busy session sends per `heartbeat`, at least. */
const BUSY_BYTES = 1024;

/** Watcher of both directions of a connection. */
export class Heartbeat {
  /** Time of the last byte, PING, or part of a wait. */
  #activeAt: number;
  #unansweredPings = 0;
  /** Weight of the parts of the current wait that are over. */
  #waited = 0;
  /** Round-trip time in ms, as far as it is known. */
  #roundTrip = 0;
  /** Time of the last PING, or of the beginning. */
  #pingedAt: number;
  /** Number of bytes framed then. */
  #framedAtPing = 0;
  /** Time by which a slow connection has carried the accepted bytes. */
  #arrivedBy = -Infinity;
  /** Number of bytes framed at the last look. */
  #framed = 0;
  /** Time since which calls are in flight; `Infinity` if none are. */
  #pendingSince = Infinity;
  /** Number of PINGs since then. */
  #pendingPings = 0;
  /** Time until which the peer may accept no more; `Infinity` if none wait. */
  #acceptBy = Infinity;
  /** Number of bytes that the transport had accepted at the last look. */
  #accepted = 0;
  /** Number of bytes that it had not accepted then. */
  #unsent = 0;
  /** Number of bytes that the peer was known to have read then. */
  #arrived = 0;
  readonly #limits: SessionLimits;

  /**
   * @param limits the intervals
   * @param now the current time, ms
   */
  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#activeAt = this.#pingedAt = now;
  }

  /** Records that bytes were read, which restarts the silence interval. */
  read(now: number): void {
    this.#activeAt = now;
    this.#unansweredPings = this.#waited = 0;
  }

  /**
   * Records whether calls are in flight. A dead peer is then detected sooner.
   *
   * The first PING follows after `pendingHeartbeat` or four round trips without
   * a byte, and so does the end if the peer does not reply. As long as it
   * replies, later PINGs follow after twice the time each, so that idle
   * subscriptions cost little.
   *
   * @param pending whether calls of this side are in flight
   * @param roundTrip the round-trip time in ms, if it is known
   */
  expect(now: number, pending: boolean, roundTrip: number | undefined): void {
    this.#roundTrip = roundTrip ?? 0;
    if (!pending) {
      this.#pendingSince = Infinity;
      this.#pendingPings = 0;
    } else if (this.#pendingSince === Infinity) this.#pendingSince = now;
  }

  /** Time of the next PING, or check for a reply. */
  get #dueAt(): number {
    const { heartbeat } = this.#limits;
    if (this.#unansweredPings > 0) {
      const isPending = this.#pendingSince !== Infinity;
      const wait = isPending ? Math.min(heartbeat, this.#interval) : heartbeat;
      return this.#activeAt + wait / PARTS;
    }
    const idle = this.#activeAt + heartbeat;
    if (this.#pendingSince === Infinity) return idle;
    const since = Math.max(this.#activeAt, this.#pendingSince);
    return Math.min(idle, since + this.#interval);
  }

  /** Milliseconds before a PING, or for its reply, during calls. */
  get #interval(): number {
    const { pendingHeartbeat } = this.#limits;
    const trips = Math.max(pendingHeartbeat, SAFE_TRIPS * this.#roundTrip);
    const answered = this.#unansweredPings === 0 ? this.#pendingPings : 0;
    const most = MOST_PENDING * pendingHeartbeat;
    const left = Math.max(0, this.#arrivedBy - this.#activeAt) +
      this.#unsent / SLOW_RATE;
    const transit = left < SHORT_TRANSIT ? 0 : Math.min(left, MOST_TRANSIT);
    return Math.min(most, trips * 2 ** answered) + transit;
  }

  /** Begins again on a new link, which has accepted no bytes yet. */
  restart(now: number): void {
    this.read(now);
    this.#arrivedBy = now;
    this.#acceptBy = Infinity;
  }

  /**
   * Records what the transport has accepted. Unsent bytes may wait for
   * `writeStall`. Accepted bytes extend this time at the rate `minWriteRate`
   * and no further, so a peer that reads a byte now and then gains nothing.
   */
  watch(now: number, { position, unsent, arrived }: SentBytes): void {
    this.#framed = position;
    const accepted = position - unsent;
    // After a resumption, frames that were accepted before are sent again.
    const more = accepted - this.#accepted;
    this.#accepted = accepted;
    this.#unsent = unsent;
    if (more > 0) {
      const arrivedBy = Math.max(this.#arrivedBy, now) + more / SLOW_RATE;
      this.#arrivedBy = Math.min(arrivedBy, now + MOST_TRANSIT);
    }
    if (arrived > this.#arrived) {
      this.#arrived = arrived;
      const left = Math.max(0, accepted - arrived) / SLOW_RATE;
      this.#arrivedBy = Math.min(this.#arrivedBy, now + left);
    }
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
   * ending the session.
   */
  check(
    now: number,
    sent: SentBytes,
  ): "ping" | "silent" | "stalled" | undefined {
    this.watch(now, sent);
    if (now >= this.#acceptBy) return "stalled";
    const dueAt = this.#dueAt;
    if (now < dueAt) return undefined;
    const late = (now - dueAt) * 2 >= dueAt - this.#activeAt;
    this.#activeAt = now;
    if (this.#unansweredPings > 0) {
      this.#waited += late ? 1 : IN_TIME;
      if (this.#waited < PARTS * IN_TIME) return undefined;
    }
    if (this.#unansweredPings >= this.#limits.heartbeatMisses) return "silent";
    this.#waited = 0;
    this.#unansweredPings++;
    this.#pendingPings++;
    this.#pinged(now);
    return "ping";
  }

  /**
   * Returns whether to send a PING that only measures the round trip.
   *
   * A busy session, which needs no other PING, measures it once per `heartbeat`.
   * A session that only answers PINGs is not busy.
   */
  measures(now: number): boolean {
    if (this.#unansweredPings > 0) return false;
    if (now - this.#pingedAt < this.#limits.heartbeat) return false;
    const busy = this.#framed - this.#framedAtPing >= BUSY_BYTES;
    if (busy) this.#pinged(now);
    return busy;
  }

  #pinged(now: number): void {
    this.#pingedAt = now;
    this.#framedAtPing = this.#framed;
  }

  /** Time at which {@linkcode Heartbeat.check} must be called next. */
  get wakeAt(): number {
    return Math.min(this.#dueAt, this.#acceptBy);
  }
}
