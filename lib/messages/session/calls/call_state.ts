/**
 * The states of a call on its two sides, and what leads from one to the next.
 * An event that a state does not list is not allowed in it.
 *
 * ```text
 *  caller                                  callee
 *
 *  queued ─send─▶ open ─end─▶ ended        open ──end──▶ ended
 *    │             │ │         │ │          │ │           │ │
 *  cancel     cancel terminal  │ │     cancel settle cancel settle
 *    │             │ └──▶ done ◀─┤          │ └─▶ answered ◀┤
 *    │             ▼             │          ▼       ▲   │   │
 *    └─▶ done   cancelled ◀──────┘      cancelled ◀─┼───┼───┘
 *                  └─terminal─▶ done        └settle─┘  sent
 *                                                       ▼
 *                                                      done
 * ```
 *
 * `terminal` is the RESULT or ERROR that the callee owes to every REQUEST, also
 * to a cancelled one; until it has come the call holds its place on both sides.
 * `settle` is the handler's end, `sent` that of the terminal frame, which may
 * have to wait behind items that have no credit.
 *
 * @module
 */

/** Where a call stands. */
export type CallState =
  | "queued"
  | "open"
  | "ended"
  | "cancelled"
  | "answered"
  | "done";

/** What may happen to it. */
export type CallEvent =
  | "send"
  | "end"
  | "cancel"
  | "terminal"
  | "settle"
  | "sent";

type Table = Readonly<
  Record<CallState, Readonly<Partial<Record<CallEvent, CallState>>>>
>;

/** Transitions on the side that called. */
export const CALLER: Table = {
  queued: { send: "open", cancel: "done", terminal: "done" },
  open: { end: "ended", cancel: "cancelled", terminal: "done" },
  ended: { cancel: "cancelled", terminal: "done" },
  cancelled: { terminal: "done" },
  answered: {},
  done: {},
};

/** Transitions on the side that was called. */
export const CALLEE: Table = {
  queued: {},
  open: { end: "ended", cancel: "cancelled", settle: "answered" },
  ended: { cancel: "cancelled", settle: "answered" },
  cancelled: { settle: "answered" },
  answered: { sent: "done" },
  done: {},
};

/** Whether callers of this shape send items. */
export function sendsItems(shape: string): boolean {
  return shape === "clientStream" || shape === "duplex";
}

/** Whether callers of this shape receive items. */
export function receivesItems(shape: string): boolean {
  return shape === "serverStream" || shape === "duplex";
}
