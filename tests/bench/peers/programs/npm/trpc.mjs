/**
 * tRPC over one WebSocket (`wsLink`), with `ws` in both processes: mutations, and
 * subscriptions for streams.
 *
 * @module
 */
import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import { WebSocket, WebSocketServer } from "ws";
import { run } from "../load.mjs";
import { handle, quotes } from "../workload.mjs";

const t = initTRPC.create();
// The inputs are passed on unvalidated, as with the other peers.
const input = (value) => value;
const router = t.router({
  order: t.procedure.input(input).mutation(({ input }) => handle(input)),
  quotes: t.procedure.input(input).subscription(({ input }) => quotes(input)),
});

await run({
  server: () =>
    new Promise((resolve) => {
      // `ws` compresses nothing unless it is asked to, and has no-delay on.
      const wss = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      wss.once("listening", () => resolve(wss.address().port));
      applyWSSHandler({ wss, router });
    }),

  client(port) {
    const client = createWSClient({
      url: `ws://127.0.0.1:${port}`,
      // With `bufferutil`, and with no-delay on, as at the server.
      WebSocket,
    });
    const remote = createTRPCClient({ links: [wsLink({ client })] });
    return Promise.resolve({
      call: (order) => remote.order.mutate(order),
      stream: (count, onItem) =>
        new Promise((resolve, reject) => {
          remote.quotes.subscribe(count, {
            onData(item) {
              try {
                onItem(item);
              } catch (error) {
                reject(error);
              }
            },
            onError: reject,
            onComplete: resolve,
          });
        }),
    });
  },
});
