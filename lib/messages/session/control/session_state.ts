/**
 * The states of a session, and the transitions between them. A second table
 * defines how each state treats a received frame.
 *
 * ```text
 *  client   new ──start──▶ greeting ───────────hello───────────▶ open
 *  server  waiting ──hello──▶ authenticating ──accept─────────▶ open
 *            greeting, open ──close───▶ closing
 *            open ───────input-end────▶ input-ended
 *            open ───────output-fail──▶ output-failed
 *            open ───cut──▶ cut ──resume──▶ open
 *            any of them ──end──▶ closed
 * ```
 *
 * A session that was cut has no link, and waits for another one.
 *
 * The states closing, input-ended and output-failed last for at most
 * `closeTimeout`. A closing session still sends notifications. One whose input
 * has ended still sends the replies to calls that it has received, and one whose
 * output has failed still reads the replies that have arrived.
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
  | "cut"
  | "closing"
  | "input-ended"
  | "output-failed"
  | "closed";

/** An event that may change the state. */
export type SessionEvent =
  | "start"
  | "hello"
  | "accept"
  | "cut"
  | "resume"
  | "close"
  | "input-end"
  | "output-fail"
  | "end";

/** Transitions; a state allows only the events that it lists. */
export const SESSION: Readonly<
  Record<SessionState, Readonly<Partial<Record<SessionEvent, SessionState>>>>
> = {
  new: { start: "greeting", end: "closed" },
  greeting: { hello: "open", close: "closing", end: "closed" },
  waiting: { hello: "authenticating", end: "closed" },
  authenticating: { accept: "open", end: "closed" },
  open: {
    cut: "cut",
    close: "closing",
    "input-end": "input-ended",
    "output-fail": "output-failed",
    end: "closed",
  },
  cut: { resume: "open", end: "closed" },
  closing: { end: "closed" },
  "input-ended": { end: "closed" },
  "output-failed": { end: "closed" },
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
  cut: "drop", // it has no link
  closing: "session-frames",
  "input-ended": "drop",
  "output-failed": "handle",
  closed: "drop",
};
