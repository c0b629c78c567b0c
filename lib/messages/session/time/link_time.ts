/**
 * Time that passes only while a session has a link. A peer that cannot reach this
 * side is not late.
 *
 * ```text
 *   session   0 ────── cut ······ resume ──────▶
 *   link      0 ──────── │          │ ─────────▶   rests between them
 * ```
 *
 * @module
 */
import { type TimerEntry, TimerWheel } from "./timer_wheel.ts";

/** The time with a link, and timers for it. */
export class LinkTime {
  readonly #clock: { readonly now: number };
  /** Created on first use: a server may hold thousands of idle sessions. */
  #wheel: TimerWheel | undefined = undefined;
  /** Time of the session at which the link was lost. */
  #cutAt = Infinity;
  /** Milliseconds without a link, up to the current link. */
  #lost = 0;

  /** @param clock the time of the session */
  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
  }

  /** The time with a link, in ms. */
  get now(): number {
    return Math.min(this.#clock.now, this.#cutAt) - this.#lost;
  }

  /** Returns the session's time, in ms, at a time with a link. */
  of(time: number): number {
    return this.#cutAt === Infinity ? time + this.#lost : Infinity;
  }

  /** Time of the session at which {@linkcode LinkTime.advance} must be called. */
  get wakeAt(): number {
    return this.of(this.#wheel?.wakeAt ?? Infinity);
  }

  /** Number of timers. */
  get size(): number {
    return this.#wheel?.size ?? 0;
  }

  /** Adds or moves a timer; it is due at a time with a link. */
  add(entry: TimerEntry, dueAt: number): void {
    (this.#wheel ??= new TimerWheel()).add(entry, dueAt);
  }

  /** Removes a timer. */
  remove(entry: TimerEntry): void {
    this.#wheel?.remove(entry);
  }

  /** Expires the timers that are due. */
  advance(): void {
    const wheel = this.#wheel;
    if (wheel !== undefined && wheel.size > 0) wheel.advance(this.now);
  }

  /** Records that the link was lost. */
  cut(): void {
    this.#cutAt = this.#clock.now;
  }

  /** Records that the session has another link. */
  resume(): void {
    if (this.#cutAt === Infinity) return;
    this.#lost += this.#clock.now - this.#cutAt;
    this.#cutAt = Infinity;
  }
}
