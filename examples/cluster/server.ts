#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-env --allow-read
/**
 * A process of the chat. Its arguments are the port of NATS and its own port; it
 * prints its id, and stops in order on SIGTERM.
 *
 * @module
 */
import { connect as connectNats } from "@nats-io/transport-node";
import { serve } from "@lengthwise/lengthwise";
import { natsBus } from "@lengthwise/lengthwise/nats";
import { Chat, now } from "./chat.ts";

const [natsPort = 4222, port = 0] = Deno.args.map(Number);
const nats = await connectNats({
  servers: `127.0.0.1:${natsPort}`,
  maxReconnectAttempts: -1,
  pingInterval: 20_000,
  reconnectTimeWait: 100,
});

/** Number of the last line in each room of this process. */
const numbers = new Map<string, number>();

const server = await serve(Chat, { port }, {
  bus: natsBus(nats),
  state: () => ({ room: "" }),
  busOptions: {
    // Notifies the members of a room here: lines of another process are missing.
    onGap({ topic = "", origin, missing }) {
      for (const { remote } of server.topic(topic).sessions) {
        remote.missed({ from: origin, count: missing });
      }
    },
  },
}).handle({
  async enter(room, { session }) {
    session.state.room = room;
    await session.server.topic(room).subscribe(session).ready;
  },
  say(_, { session: { state: { room } } }) {
    const number = (numbers.get(room) ?? 0) + 1;
    numbers.set(room, number);
    const from = server.instance.slice(0, 16);
    const line = { from, number, at: now() };
    server.topic(room).publish.said(line);
    return line;
  },
});
console.log(server.instance.slice(0, 16)); // it is up

Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  await nats.drain(); // sends what the bus has taken
  Deno.exit();
});
