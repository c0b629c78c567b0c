/**
 * oRPC over one WebSocket, with `ws` in both processes: procedures, and event
 * iterators for streams.
 *
 * @module
 */
import { createORPCClient } from "@orpc/client";
import { RPCLink } from "@orpc/client/websocket";
import { os } from "@orpc/server";
import { RPCHandler } from "@orpc/server/ws";
import { WebSocket, WebSocketServer } from "ws";
import { run } from "../load.mjs";
import { handle, quotes } from "../workload.mjs";

const router = {
  order: os.handler(({ input }) => handle(input)),
  quotes: os.handler(({ input }) => quotes(input)),
};

await run({
  server: () =>
    new Promise((resolve) => {
      const handler = new RPCHandler(router);
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      server.once("listening", () => resolve(server.address().port));
      server.on("connection", (socket) => handler.upgrade(socket));
    }),

  async client(port) {
    const websocket = new WebSocket(`ws://127.0.0.1:${port}`);
    await new Promise((resolve, reject) => {
      websocket.once("open", resolve);
      websocket.once("error", reject);
    });
    const remote = createORPCClient(new RPCLink({ websocket }));
    return {
      call: (order) => remote.order(order),
      async stream(count, onItem) {
        for await (const item of await remote.quotes(count)) onItem(item);
      },
    };
  },
});
