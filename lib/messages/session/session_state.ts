/**
 * The states of a session, what leads from one to the next, and what a frame
 * means in each.
 *
 * ```text
 *  client   new ──start──▶ greeting ───────────hello───────────▶ open
 *  server  waiting ──hello──▶ authenticating ──accept─────────▶ open
 *            any of them ──end──▶ closed
 * ```
 *
 * @module
 */

/** Where a session stands. */
export type SessionState =
  | "new"
  | "greeting"
  | "waiting"
  | "authenticating"
  | "open"
  | "closed";

/** What may happen to it. */
export type SessionEvent = "start" | "hello" | "accept" | "end";

/** Transitions; an event that a state does not list is not allowed in it. */
export const SESSION: Readonly<
  Record<SessionState, Readonly<Partial<Record<SessionEvent, SessionState>>>>
> = {
  new: { start: "greeting", end: "closed" },
  greeting: { hello: "open", end: "closed" },
  waiting: { hello: "authenticating", end: "closed" },
  authenticating: { accept: "open", end: "closed" },
  open: { end: "closed" },
  closed: {},
};

/** What becomes of a frame that comes. */
export type Reception =
  /** Nothing may come yet. */
  | "refuse"
  /** It must be HELLO. */
  | "hello"
  /** It must be HELLO, or GOAWAY where the server refuses. */
  | "answer"
  /** It waits until authentication has settled: nothing of it is looked at. */
  | "keep"
  /** It is handled. */
  | "handle"
  /** It is too late. */
  | "drop";

/** What a frame means in each state. */
export const RECEPTION: Readonly<Record<SessionState, Reception>> = {
  new: "refuse",
  greeting: "answer",
  waiting: "hello",
  authenticating: "keep",
  open: "handle",
  closed: "drop",
};

/** Whether this side may begin calls: its HELLO, if it dialled, has gone ahead of them. */
export const MAY_CALL: Readonly<Record<SessionState, boolean>> = {
  new: false,
  greeting: true,
  waiting: false,
  authenticating: false,
  open: true,
  closed: true, // the caller knows why there is nothing to call any more
};
