/**
 * A process of `many_subscribers.ts`: a server with many clients. Each message of
 * each server must reach each client, in the order of its server.
 *
 * Arguments: the port of NATS, the name of the member, the number of members, of
 * clients and of messages, and the milliseconds between two messages.
 *
 * @module
 */
import { natsBus } from "@lengthwise/lengthwise/nats";
import { type Client, connectNats } from "./nats_server.ts";
import { joinChat, startChat } from "./chat.ts";

const [port = 0, name = 0, members = 0, clients = 0, messages = 0, pause = 0] =
  Deno.args.map(Number);

/** Reads lines of standard input: the parent says when all are ready. */
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .getReader();

const nats: Client = await connectNats({ port });
const server = startChat({ bus: natsBus(nats) });
let left = clients * members * messages;
const done = Promise.withResolvers<void>();
const wrong: string[] = [];

/** Returns a function that checks the order of each publisher. */
function inOrder(client: number): (text: string) => void {
  const next = new Array<number>(members).fill(0);
  return (text) => {
    const [from = 0, number = 0] = text.split(" ").map(Number);
    if (number !== next[from]) {
      wrong.push(`client ${client}: ${text}; expected ${next[from]}`);
    }
    next[from] = number + 1;
    if (--left === 0) done.resolve();
  };
}

for (let n = 0; n < clients; n++) {
  const { heard } = await joinChat(server, "all", (text) => {
    heard.length = 0; // do not hold 1,000 × 3 × all messages
    check(text);
  });
  const check = inOrder(n);
}
console.log("ready");
await lines.read();
for (let n = 0; n < messages; n++) {
  server.topic("all").publish.said(`${name} ${n}`);
  await new Promise((resolve) => setTimeout(resolve, pause));
}
const timer = setTimeout(() => done.resolve(), 60_000);
await done.promise;
clearTimeout(timer);
const { delivered, dropped } = server.topic("all").stats;
console.log(JSON.stringify({
  ...{ left, wrong: wrong.slice(0, 5), delivered, dropped },
  bus: server.bus,
}));
await lines.read(); // until all have received everything
Deno.exit();
