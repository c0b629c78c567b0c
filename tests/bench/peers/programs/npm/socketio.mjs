/**
 * Socket.IO: events with acknowledgements (`emitWithAck`). It has no streams.
 *
 * @module
 */
import { createServer } from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { listenOn } from "./framed.mjs";
import { run } from "../load.mjs";
import { handle } from "../workload.mjs";

await run({
  server() {
    const server = createServer();
    // As its page "Performance tuning" advises, the native addon `bufferutil` is
    // installed. The parser is the default, JSON.
    new Server(server, {
      transports: ["websocket"], // no start over HTTP long-polling
      perMessageDeflate: false,
    }).on("connection", (socket) => {
      socket.on("order", (order, acknowledge) => acknowledge(handle(order)));
    });
    return listenOn(server);
  },

  async client(port) {
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ["websocket"],
      perMessageDeflate: false,
    });
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    return { call: (order) => socket.emitWithAck("order", order) };
  },
});
