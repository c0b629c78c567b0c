/**
 * The protocol that the server and its clients share.
 *
 * @module
 */
import { notification, protocol, unary } from "@lengthwise/lengthwise";

export const Rooms = protocol({
  name: "rooms",
  server: {
    whoAmI: unary<void, { user: string; instance: string }>(),
    say: unary<string, void>(),
  },
  client: { heard: notification<{ user: string; text: string }>() },
});
