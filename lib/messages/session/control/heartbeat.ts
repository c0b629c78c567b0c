/**
 * Detects a peer that is silent or does not read.
 *
 * @module
 */
import type { SessionLimits } from "../wire/limits.ts";

/** Watcher of both directions of a connection. */
export class Heartbeat {
  /** Time of the last byte read or PING sent, whichever is later. */
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

  /** Records that bytes were read, which restarts the silence interval. */
  read(now: number): void {
    this.#activeAt = now;
    this.#unansweredPings = 0;
  }

  /** Records that the transport accepted bytes. */
  written(now: number, unsent: number): void {
    this.#stalledSince = unsent > 0 ? now : undefined;
  }

  /** Records when unsent bytes began to wait. */
  watch(now: number, unsent: number): void {
    if (unsent === 0) this.#stalledSince = undefined;
    else this.#stalledSince ??= now;
  }

  /**
   * Returns the action that is due, if any. The actions are sending a PING and
   * ending the session. Each PING gets its full interval, even if the process
   * was suspended during earlier intervals.
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

  /** Time at which {@linkcode Heartbeat.check} must be called next. */
  get wakeAt(): number {
    const { heartbeat, writeStall } = this.#limits;
    const silent = this.#activeAt + heartbeat;
    return this.#stalledSince === undefined
      ? silent
      : Math.min(silent, this.#stalledSince + writeStall);
  }
}
