/**
 * The protocol and the address that the two processes share.
 *
 * @module
 */
import { protocol, unary } from "@lengthwise/lengthwise";

/** Path at which the server listens. */
export const SOCKET = "/tmp/lengthwise-example.sock";

/** Protocol of the server. */
export const Clock = protocol({
  name: "clock",
  server: { uptime: unary<void, number>() },
});
