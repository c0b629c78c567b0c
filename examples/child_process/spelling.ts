/**
 * The protocol that the program and its child share.
 *
 * @module
 */
import { notification, protocol, unary } from "@lengthwise/lengthwise";

export const Spelling = protocol({
  name: "spelling",
  server: { check: unary<string, { unknown: string[] }>() },
  client: { progress: notification<{ words: number }>() },
});
