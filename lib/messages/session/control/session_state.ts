/**
 * The states of a session, and the transitions between them. A second table
 * defines how each state treats a received frame.
 *
 * ```text
 *  client   new ──start──▶ greeting ───────────hello───────────▶ open
 *  server  waiting ──hello──▶ authenticating ──accept─────────▶ open
 *            greeting, open ──close──▶ closing
 *            any of them ──end──▶ closed
 * ```
 *
 * A session is "closing" while it still sends notifications that were accepted.
 *
 * @module
 */

/** The state of a session. */
export type SessionState =
  | "new"
  | "greeting"
  | "waiting"
  | "authenticating"
  | "open"
  | "closing"
  | "closed";

/** An event that may change the state. */
export type SessionEvent = "start" | "hello" | "accept" | "close" | "end";

/** Transitions; a state allows only the events that it lists. */
export const SESSION: Readonly<
  Record<SessionState, Readonly<Partial<Record<SessionEvent, SessionState>>>>
> = {
  new: { start: "greeting", end: "closed" },
  greeting: { hello: "open", close: "closing", end: "closed" },
  waiting: { hello: "authenticating", end: "closed" },
  authenticating: { accept: "open", end: "closed" },
  open: { close: "closing", end: "closed" },
  closing: { end: "closed" },
  closed: {},
};

/** How a state treats a received frame. */
export type Reception =
  /** No frame is allowed yet. */
  | "refuse"
  /** The frame must be HELLO. */
  | "hello"
  /** The frame must be HELLO, or GOAWAY if the client is refused. */
  | "hello-or-goaway"
  /** The frame is kept, unread, until authentication has settled. */
  | "keep"
  /** The frame is handled. */
  | "handle"
  /** The frame is handled if it concerns no call. */
  | "session-frames"
  /** The frame is late and is dropped. */
  | "drop";

/** How each state treats a received frame. */
export const RECEPTION: Readonly<Record<SessionState, Reception>> = {
  new: "refuse",
  greeting: "hello-or-goaway",
  waiting: "hello",
  authenticating: "keep",
  open: "handle",
  closing: "session-frames",
  closed: "drop",
};
