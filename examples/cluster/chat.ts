/**
 * The protocol of a chat whose servers are several processes.
 *
 * @module
 */
import { notification, protocol, unary } from "@lengthwise/lengthwise";

/** A line that was said in a room. */
export interface Line {
  /** Id of the server process that published it. */
  from: string;
  /** Number of the line among those of its process and room. */
  number: number;
  /** Time at which it was published, in ms since 1970. */
  at: number;
}

/** Lines that a server has missed. */
export interface Missed {
  /** Id of the server process that published them. */
  from: string;
  /** How many are missing. */
  count: number;
}

export const Chat = protocol({
  name: "chat",
  server: {
    /** Moves the session to a room. */
    enter: unary<string, void>({ idempotent: true }),
    /** Says a line in the room of the session; returns where it was published. */
    say: unary<void, Line>(),
  },
  client: {
    said: notification<Line>(),
    missed: notification<Missed>(),
  },
});

/** Returns the time in ms since 1970, with its fractions. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
