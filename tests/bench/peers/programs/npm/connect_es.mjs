/**
 * Connect for Node.js over HTTP/2 without TLS: unary calls and server streams,
 * with Protocol Buffers.
 *
 * `shop_pb.mjs` is generated from `shop.proto` by `protoc-gen-es` 2.17.0.
 *
 * @module
 */
import http2 from "node:http2";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createGrpcTransport,
} from "@connectrpc/connect-node";
import { listenOn } from "./framed.mjs";
import { run } from "../load.mjs";
import { OrderSchema, QuoteSchema, Shop } from "./shop_pb.mjs";
import { handle, quoteOf } from "../workload.mjs";

await run({
  server: () =>
    listenOn(http2.createServer(connectNodeAdapter({
      routes: (router) =>
        router.service(Shop, {
          change: handle,
          async *watch({ count }) {
            for (let sequence = 0; sequence < count; sequence++) {
              yield create(QuoteSchema, quoteOf(sequence));
            }
          },
        }),
    }))),

  client(port) {
    // Messages below 1 KiB are never compressed, and one HTTP/2 connection is kept.
    const transport = createGrpcTransport({
      baseUrl: `http://127.0.0.1:${port}`,
    });
    const client = createClient(Shop, transport);
    return Promise.resolve({
      call: (order) => client.change(create(OrderSchema, order)),
      async stream(count, onItem) {
        for await (const item of client.watch({ count })) onItem(item);
      },
    });
  },
});
