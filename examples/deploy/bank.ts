/**
 * The protocol that the servers and the clients share.
 *
 * @module
 */
import { protocol, unary } from "@lengthwise/lengthwise";

export const Bank = protocol({
  name: "bank",
  // Not idempotent: a client never sends such a call again if it may have run.
  server: { pay: unary<{ cents: number }, void>() },
});
