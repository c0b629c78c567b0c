/**
 * The states of a client's slot for a session, and their transitions.
 *
 * ```text
 *     ┌────────────────────────end───────────┬──────────────┐
 *     ▼                                      │              │
 *   idle ─attempt─▶ connecting ──open──▶ live ──cut──▶ resuming
 *     │               │    ▲              ▲                 │
 *     │ pause    fail │    │ attempt      └─────resume──────┘
 *     │               ▼    │
 *     └────────────▶ pausing
 *
 *   refuse (from any) ─▶ refused      close (from any) ─▶ closed
 * ```
 *
 * @module
 */

/**
 * The status of a client.
 *
 * - `connecting`: it has no session, and opens one.
 * - `connected`: it has a session for new calls.
 * - `resuming`: it has one that has lost its connection, and connects again. New
 *   calls wait for it.
 * - `backing-off`: it has no session, and pauses before the next attempt.
 * - `refused`: all servers refuse it for good.
 * - `closed`: it drains, or was closed.
 *
 * @category Clients
 */
export type ClientStatus =
  | "connecting"
  | "connected"
  | "resuming"
  | "backing-off"
  | "refused"
  | "closed";

/** The state of a slot. */
export type SlotState =
  | "idle"
  | "connecting"
  | "live"
  | "resuming"
  | "pausing"
  | "refused"
  | "closed";

/** An event that may change the state. */
export type SlotEvent =
  | "attempt"
  | "open"
  | "fail"
  | "cut"
  | "resume"
  | "end"
  | "pause"
  | "refuse"
  | "close";

/** Transitions of each state but the last two. */
const ENDS = { refuse: "refused", close: "closed" } as const; // the literal types

/** Transitions; a state allows only the events that it lists. */
export const SLOT: Readonly<
  Record<SlotState, Readonly<Partial<Record<SlotEvent, SlotState>>>>
> = {
  idle: {
    attempt: "connecting",
    pause: "pausing",
    ...ENDS,
  },
  connecting: {
    open: "live",
    fail: "pausing",
    ...ENDS,
  },
  live: {
    cut: "resuming",
    end: "idle",
    ...ENDS,
  },
  resuming: {
    resume: "live",
    end: "idle",
    ...ENDS,
  },
  pausing: { attempt: "connecting", ...ENDS },
  refused: { close: "closed" },
  closed: {},
};

/** The client's status for a state of a slot. */
export const STATUS: Readonly<Record<SlotState, ClientStatus>> = {
  idle: "connecting",
  connecting: "connecting",
  live: "connected",
  resuming: "resuming",
  pausing: "backing-off",
  refused: "refused",
  closed: "closed",
};
