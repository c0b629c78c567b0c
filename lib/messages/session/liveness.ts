/**
 * Whether the peer is still there, and whether it still takes what is sent.
 *
 * @module
 */
import type { SessionLimits } from "./limits.ts";

/** Watches both directions of a connection. */
export class Liveness {
  /** Round-trip time of the last PING, ms; `undefined` before the first. */
  roundTrip: number | undefined = undefined;
  #readAt: number;
  #pingsOut = 0;
  #pingSentAt = 0;
  #stalledSince: number | undefined = undefined;
  readonly #limits: SessionLimits;

  /**
   * @param limits intervals
   * @param now the time
   */
  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#readAt = now;
  }

  /** Bytes came: silence is counted from here, not from the last PING. */
  read(now: number): void {
    this.#readAt = now;
    this.#pingsOut = 0;
  }

  /** The transport took bytes. */
  written(now: number, unsent: number): void {
    this.#stalledSince = unsent > 0 ? now : undefined;
  }

  /** A PONG to one of our PINGs came. */
  ponged(now: number): void {
    this.roundTrip = now - this.#pingSentAt;
  }

  /** What there is to do: send a PING, or give the peer up. */
  check(
    now: number,
    unsent: number,
  ): "ping" | "silent" | "stalled" | undefined {
    if (unsent === 0) this.#stalledSince = undefined;
    else this.#stalledSince ??= now;
    if (now - (this.#stalledSince ?? now) >= this.#limits.writeStall) {
      return "stalled";
    }
    const { heartbeat, heartbeatMisses } = this.#limits;
    if (now - this.#readAt < heartbeat * (this.#pingsOut + 1)) return undefined;
    if (this.#pingsOut >= heartbeatMisses) return "silent";
    this.#pingsOut++;
    this.#pingSentAt = now;
    return "ping";
  }

  /** When {@linkcode Liveness.check} is wanted next. */
  get wakeAt(): number {
    const { heartbeat, writeStall } = this.#limits;
    const silent = this.#readAt + heartbeat * (this.#pingsOut + 1);
    return this.#stalledSince === undefined
      ? silent
      : Math.min(silent, this.#stalledSince + writeStall);
  }
}
