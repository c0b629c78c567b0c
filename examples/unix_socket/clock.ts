/**
 * What the two processes share.
 *
 * @module
 */
import { protocol, unary } from "@lengthwise/lengthwise";

/** Where the server listens. */
export const SOCKET = "/tmp/lengthwise-example.sock";

/** What it serves. */
export const Clock = protocol({
  name: "clock",
  server: { uptime: unary<void, number>() },
});
