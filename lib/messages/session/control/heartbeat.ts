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

/**
 * Multiple of `pendingHeartbeat` in which a peer replies to a PING. A shorter
 * time would cut peers that are only overloaded, and add to their load.
 */
const PATIENCE = 5;
/**
 * Bytes that a slow connection carries in `SLOW_TIME` ms. The reply to a PING
 * follows the bytes that were sent before it.
 */
const SLOW_BYTES = 16 * 1024;
const SLOW_TIME = 250;

/** Watcher of both directions of a connection. */
export class Heartbeat {
  /** Time of the last byte read or PING sent, whichever is later. */
  #activeAt: number;
  #unansweredPings = 0;
  /** Number of bytes framed when the last byte was read. */
  #framedAtRead = 0;
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
    this.#framedAtRead = this.#framed;
  }

  /**
   * Records whether calls are in flight. A dead peer is then detected sooner.
   *
   * The first PING follows after `pendingHeartbeat` without a byte. As long as
   * the peer replies, later ones follow after twice the time each, so that idle
   * subscriptions cost little.
   *
   * @param pending whether calls of this side are in flight
   */
  expect(now: number, pending: boolean): void {
    if (!pending) {
      this.#pendingSince = Infinity;
      this.#pendingPings = 0;
    } else if (this.#pendingSince === Infinity) this.#pendingSince = now;
  }

  /** Time of the next PING, or of the end without a reply. */
  get #pingAt(): number {
    const idle = this.#activeAt + this.#limits.heartbeat;
    if (this.#pendingSince === Infinity) return idle;
    const since = Math.max(this.#activeAt, this.#pendingSince);
    return Math.min(idle, since + this.#pendingInterval);
  }

  /** Milliseconds without a byte after which a PING follows during calls. */
  get #pendingInterval(): number {
    const multiple = this.#unansweredPings > 0
      ? PATIENCE
      : Math.min(PATIENCE, 2 ** this.#pendingPings);
    const unread = this.#framed - this.#framedAtRead;
    const transit = Math.floor(unread / SLOW_BYTES) * SLOW_TIME;
    return multiple * this.#limits.pendingHeartbeat + transit;
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
    this.#framed = position;
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
    if (now >= this.#acceptBy) return "stalled";
    if (now < this.#pingAt) return undefined;
    if (this.#unansweredPings >= this.#limits.heartbeatMisses) return "silent";
    this.#unansweredPings++;
    this.#pendingPings++;
    this.#activeAt = now;
    return "ping";
  }

  /** Time at which {@linkcode Heartbeat.check} must be called next. */
  get wakeAt(): number {
    return Math.min(this.#pingAt, this.#acceptBy);
  }
}
