#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Chat with rooms: the server calls its clients. Clients identify themselves in
 * the handshake; a room is a topic.
 *
 * @module
 */
import {
  CallError,
  connect,
  notification,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";

interface Line {
  room: string;
  from: string;
  text: string;
}

const Chat = protocol({
  name: "chat",
  server: {
    join: unary<string, { members: number }>(),
    leave: unary<string, void>(),
    say: unary<{ room: string; text: string }, { heardBy: number }>(),
  },
  client: { heard: notification<Line>() },
});

await using server = await serve(
  Chat,
  { port: 0 },
  {
    authenticate(credentials: unknown) {
      if (typeof credentials === "string" && credentials !== "") {
        return {
          name: credentials,
        };
      }
      throw new CallError("Say who you are", { code: "unauthenticated" });
    },
  },
).handle({
  join(room, { session }) {
    const topic = session.server.topic(room);
    topic.subscribe(session);
    return { members: topic.size };
  },
  leave(room, { session }) {
    session.server.topic(room).unsubscribe(session);
  },
  say({ room, text }, { session }) {
    const line = { room, from: session.auth.name, text };
    return { heardBy: session.server.topic(room).publish.heard(line) };
  },
});

async function enter(name: string) {
  return await connect(Chat, server.addr, {
    credentials: name,
    handlers: {
      heard: ({ room, from, text }) =>
        console.log(`${name} in ${room} hears ${from}: ${text}`),
    },
  });
}

await using ada = await enter("Ada");
await using ben = await enter("Ben");
await using cleo = await enter("Cleo");
for (const session of [ada, ben]) await session.remote.join("garden");
await cleo.remote.join("kitchen");

await ada.remote.say({ room: "garden", text: "The roses are out" });
await cleo.remote.say({ room: "kitchen", text: "Soup is ready" });
await ben.remote.leave("garden");
const { heardBy } = await ada.remote.say({ room: "garden", text: "Ben?" });
await ben.remote.leave("garden"); // the reply arrives after everything sent before it
console.log(`the last line reached ${heardBy} member(s)`);

try {
  await enter("");
} catch (error) {
  console.log(
    `refused without a name: ${error instanceof Error ? error.message : error}`,
  );
}
