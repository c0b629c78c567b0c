/**
 * The protocol that the page and the server share.
 *
 * @module
 */
import { notification, protocol, unary } from "@lengthwise/lengthwise/browser";

/** The rooms of the chat. */
export const ROOMS = ["garden", "kitchen", "library"] as const;

/** Maximum length of a line, in UTF-16 code units. */
export const MAX_TEXT = 500;

/** Something that was said. */
export interface Line {
  from: string;
  text: string;
  /** Milliseconds since 1970. */
  at: number;
}

export const Chat = protocol({
  name: "chat",
  server: {
    /** Moves the session to a room; returns its name and the last lines. */
    enter: unary<string, { you: string; lines: Line[] }>({ idempotent: true }),
    /** Says a text in the room of the session. */
    say: unary<string, void>(),
  },
  client: {
    /** Something was said in the room. */
    said: notification<Line>(),
    /** The people in the room are others now. */
    present: notification<string[]>(),
  },
});
