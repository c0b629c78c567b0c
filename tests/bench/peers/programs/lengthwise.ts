/**
 * Lengthwise over TCP, with the default options and limits.
 *
 * @module
 */
import {
  connect,
  protocol,
  serve,
  serverStream,
  unary,
} from "../../../../mod.ts";
import { run } from "./load.mjs";
import { handle, type Order, type Quote, quotes } from "./workload.mjs";

const Shop = protocol({
  name: "shop",
  server: {
    change: unary<Order, Order>(),
    watch: serverStream<number, Quote>(),
  },
});

await run({
  async server() {
    const server = await serve(Shop, { port: 0 }).handle({
      change: handle,
      watch: quotes,
    });
    return server.addr.port!; // it listens on TCP
  },

  async client(port) {
    const { remote } = await connect(Shop, { port });
    return {
      call: remote.change,
      async stream(count, onItem) {
        for await (const item of remote.watch(count)) onItem(item);
      },
    };
  },
});
