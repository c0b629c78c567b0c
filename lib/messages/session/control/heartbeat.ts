/**
 * Detects a peer that is silent, or that does not read.
 *
 * @module
 */
import type { SessionLimits } from "../wire/limits.ts";

/** Watches both directions of a connection. */
export class Heartbeat {
  /** When the last byte was read, or the last PING sent. */
  #activeAt: number;
  #unansweredPings = 0;
  #stalledSince: number | undefined = undefined;
  readonly #limits: SessionLimits;

  /**
   * @param limits the intervals
   * @param now the current time, ms
   */
  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#activeAt = now;
  }

  /** Records that bytes were read: silence counts from now. */
  read(now: number): void {
    this.#activeAt = now;
    this.#unansweredPings = 0;
  }

  /** Records that the transport accepted bytes. */
  written(now: number, unsent: number): void {
    this.#stalledSince = unsent > 0 ? now : undefined;
  }

  /** Records since when unsent bytes have been waiting. */
  watch(now: number, unsent: number): void {
    if (unsent === 0) this.#stalledSince = undefined;
    else this.#stalledSince ??= now;
  }

  /**
   * Returns the action that is due, if any: to send a PING, or to end the
   * session. Each PING gets its full interval, even if the process was suspended
   * during earlier ones.
   */
  check(
    now: number,
    unsent: number,
  ): "ping" | "silent" | "stalled" | undefined {
    this.watch(now, unsent);
    const { heartbeat, heartbeatMisses, writeStall } = this.#limits;
    if (now - (this.#stalledSince ?? now) >= writeStall) return "stalled";
    if (now - this.#activeAt < heartbeat) return undefined;
    if (this.#unansweredPings >= heartbeatMisses) return "silent";
    this.#unansweredPings++;
    this.#activeAt = now;
    return "ping";
  }

  /** When {@linkcode Heartbeat.check} must be called next. */
  get wakeAt(): number {
    const { heartbeat, writeStall } = this.#limits;
    const silent = this.#activeAt + heartbeat;
    return this.#stalledSince === undefined
      ? silent
      : Math.min(silent, this.#stalledSince + writeStall);
  }
}
