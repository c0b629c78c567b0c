/**
 * A chat, whose servers share a bus.
 *
 * @module
 */
import {
  connect,
  createServer,
  notification,
  protocol,
  type ServerOptions,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair } from "@lengthwise/lengthwise/testing";

/** The protocol. */
export const Chat = protocol({
  name: "chat",
  server: { join: unary<string, void>(), leave: unary<string, void>() },
  client: { said: notification<string>() },
});

/** Starts a server that does not listen. */
export function startChat(options: ServerOptions<typeof Chat>) {
  return createServer(Chat, options).handle({
    async join(name, { session }) {
      await session.server.topic(name).subscribe(session).ready;
    },
    leave(name, { session }) {
      session.server.topic(name).unsubscribe(session);
    },
  });
}

/** A server of the chat. */
export type ChatServer = ReturnType<typeof startChat>;

/** Connects a client in memory. */
export async function joinChat(
  server: ChatServer,
  room: string,
  onSaid: (text: string) => void = () => {},
) {
  const [near, far] = memoryPair();
  server.accept(far);
  const heard: string[] = [];
  const session = await connect(Chat, near, {
    handlers: {
      said(text) {
        heard.push(text);
        onSaid(text);
      },
    },
  });
  await session.remote.join(room);
  return { session, heard };
}
