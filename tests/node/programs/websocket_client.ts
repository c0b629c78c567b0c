/**
 * A client over WebSocket in Node.js and Bun, without what pages on plain http lack.
 *
 * Arguments: URLs of a server, of a port on which nothing listens, and of a server
 * that answers 503 twice and upgrades then.
 */
import { connect } from "@lengthwise/lengthwise";
import {
  connect as connectSocket,
  webSocketConnection,
} from "@lengthwise/lengthwise/transport";
import { expect, failureOf } from "./expectations.ts";
import { Pages } from "./pages.ts";

const [server = "", refused = "", busy = ""] = (globalThis as unknown as {
  process: { argv: string[] }; // a global of Node.js
}).process.argv.slice(-3);
Object.defineProperty(crypto, "randomUUID", { value: undefined });

const session = await connect(Pages, server, {
  handlers: {
    fail: () => {
      throw new Error("the client's handler failed");
    },
  },
  onError: () => {},
});
expect("a call", await session.remote.upper("hello"), "HELLO");
expect("a failing handler", await session.remote.failAtClient(), "internal");
let sum = 0;
for await (const item of session.remote.count(1000)) sum += item;
expect("a stream", sum, 499_500);
await session.close();

const attempt = connectSocket(refused);
expect("a refused port", await failureOf(attempt), "refused");
// Bun reports the cause of a failed handshake, Node.js does not.
const unreached = "Bun" in globalThis ? "refused" : "unavailable";
const opening = webSocketConnection(new WebSocket(refused));
expect("an opening socket", await failureOf(opening.opened), unreached);
expect(
  "its read",
  await failureOf(opening.read(new Uint8Array(9))),
  unreached,
);
opening.close();
await opening.finished;

// Node.js 22 leaves a socket that has failed in the state CONNECTING.
const failed = new WebSocket(refused);
await new Promise((resolve) => failed.onerror = resolve);
await new Promise((resolve) => setTimeout(resolve, 50));
const { readyState } = failed;
const late = connect(Pages, webSocketConnection(failed), {
  handlers: { fail() {} },
  limits: { handshakeTimeout: 100 },
});
expect(
  "a socket that has failed",
  await failureOf(late),
  readyState === WebSocket.CONNECTING ? "timeout" : "disconnected",
);

const socket = new WebSocket(server);
await new Promise((resolve) => socket.onopen = resolve);
socket.close();
await new Promise((resolve) => socket.onclose = resolve);
expect("the state of a closed socket", socket.readyState, 3);
const closed = webSocketConnection(socket);
expect("a closed socket", await failureOf(closed.opened), "reset");
const write = closed.write(new Uint8Array(9));
expect("its write", await failureOf(write), "reset");
closed.close();
await closed.finished;

const again = await connectSocket(busy, {
  retry: { maxAttempts: 5, minTimeout: 1, maxTimeout: 5 },
});
again.close();
console.log("ok websocket");
