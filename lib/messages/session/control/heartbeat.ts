/**
 * Whether the peer is still there, and whether it still takes what is sent.
 *
 * @module
 */
import type { SessionLimits } from "../wire/limits.ts";

/** Watches both directions of a connection. */
export class Heartbeat {
  /** When the last byte was read, or the last PING sent. */
  #heardAt: number;
  #pingsOut = 0;
  #stalledSince: number | undefined = undefined;
  readonly #limits: SessionLimits;

  /**
   * @param limits intervals
   * @param now the time
   */
  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#heardAt = now;
  }

  /** Bytes came: silence is counted from here, not from the last PING. */
  read(now: number): void {
    this.#heardAt = now;
    this.#pingsOut = 0;
  }

  /** The transport took bytes. */
  written(now: number, unsent: number): void {
    this.#stalledSince = unsent > 0 ? now : undefined;
  }

  /** Notes when something unsent begins to wait. */
  watch(now: number, unsent: number): void {
    if (unsent === 0) this.#stalledSince = undefined;
    else this.#stalledSince ??= now;
  }

  /**
   * What there is to do: send a PING, or give the peer up. Each PING is given
   * its whole time, also where the process slept through the last ones.
   */
  check(
    now: number,
    unsent: number,
  ): "ping" | "silent" | "stalled" | undefined {
    this.watch(now, unsent);
    const { heartbeat, heartbeatMisses, writeStall } = this.#limits;
    if (now - (this.#stalledSince ?? now) >= writeStall) return "stalled";
    if (now - this.#heardAt < heartbeat) return undefined;
    if (this.#pingsOut >= heartbeatMisses) return "silent";
    this.#pingsOut++;
    this.#heardAt = now;
    return "ping";
  }

  /** When {@linkcode Heartbeat.check} is wanted next. */
  get wakeAt(): number {
    const { heartbeat, writeStall } = this.#limits;
    const silent = this.#heardAt + heartbeat;
    return this.#stalledSince === undefined
      ? silent
      : Math.min(silent, this.#stalledSince + writeStall);
  }
}
