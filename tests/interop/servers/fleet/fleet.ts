/**
 * The protocol of the servers that are restarted, and of their clients.
 *
 * @module
 */
import {
  clientStream,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import type { NoErrors } from "@lengthwise/lengthwise/types";

/** Number of items in each stream. */
export const ITEMS = 5;

/** No method is idempotent: a client never repeats a call that may have run. */
export const Fleet = protocol({
  name: "fleet",
  server: {
    /** Records the id. */
    pay: unary<{ id: string }, void>(),
    /** Records the id and counts up to `ITEMS`. */
    quotes: serverStream<{ id: string }, number>(),
    /** Records the id and adds up the items. */
    upload: clientStream<number, number, NoErrors, { id: string }>(),
  },
});
