/**
 * The states of a call at both ends, and their transitions. A state allows only
 * the events that it lists.
 *
 * ```text
 *  caller                          callee
 *
 *  open ──end──▶ ended             open ──end──▶ ended
 *   │ │           │ │               │ │           │ │
 * cancel terminal │ │             cancel settle cancel settle
 *   │ └──▶ done ◀─┤ │               │ └─▶ answered ◀┤ │
 *   ▼             │ │               ▼       ▲   │   │ │
 *  cancelled ◀────┼─┘              cancelled ◀──┼───┼─┘
 *   └─terminal─▶ done               └settle─┘  sent
 *                                               ▼
 *                                              done
 * ```
 *
 * A call that this side makes has an id as soon as it is started. A call that
 * has not been started cannot be cancelled at the peer: it is merely done.
 *
 * `terminal` is the RESULT or ERROR that the callee owes for every REQUEST,
 * even a cancelled one; the call occupies its slot at each end until that frame
 * has been sent or received. `settle` means that the handler has settled;
 * `sent` means that the terminal frame has been sent; that frame may have to
 * wait for queued items that lack credit.
 *
 * @module
 */

/** The state of a call. */
export type CallState =
  | "open"
  | "ended"
  | "cancelled"
  | "answered"
  | "done";

/** An event that may change the state. */
export type CallEvent =
  | "end"
  | "cancel"
  | "terminal"
  | "settle"
  | "sent";

type Table = Readonly<
  Record<CallState, Readonly<Partial<Record<CallEvent, CallState>>>>
>;

/** Transitions at the caller. */
export const CALLER: Table = {
  open: { end: "ended", cancel: "cancelled", terminal: "done" },
  ended: { cancel: "cancelled", terminal: "done" },
  cancelled: { terminal: "done" },
  answered: {},
  done: {},
};

/** Transitions at the callee. */
export const CALLEE: Table = {
  open: { end: "ended", cancel: "cancelled", settle: "answered" },
  ended: { cancel: "cancelled", settle: "answered" },
  cancelled: { settle: "answered" },
  answered: { sent: "done" },
  done: {},
};

/** Returns whether the caller sends items in calls of this shape. */
export function sendsItems(shape: string): boolean {
  return shape === "clientStream" || shape === "duplex";
}

/** Returns whether the caller receives items in calls of this shape. */
export function receivesItems(shape: string): boolean {
  return shape === "serverStream" || shape === "duplex";
}
