/**
 * grpc-js over HTTP/2 without TLS: unary calls and server streams, with Protocol
 * Buffers loaded by `@grpc/proto-loader`.
 *
 * One client has one channel, which keeps one connection. Compression is off and
 * no-delay is on unless asked otherwise. Its performance guide asks to reuse the
 * channel and its stub, as here.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { run } from "../load.mjs";
import { handle, quoteOf } from "../workload.mjs";

const { Shop } = grpc.loadPackageDefinition(loader.loadSync(
  fileURLToPath(new URL("shop.proto", import.meta.url)),
  { defaults: true }, // a field with its default value is not on the wire
)).shop;

/** Calls are not recorded for channelz, as in Lengthwise without an observer. */
const OPTIONS = { "grpc.enable_channelz": 0 };

await run({
  server() {
    const server = new grpc.Server(OPTIONS);
    server.addService(Shop.service, {
      Change: ({ request }, respond) => respond(null, handle(request)),
      Watch(call) {
        let sequence = 0;
        const send = () => {
          while (sequence < call.request.count) {
            // Continues when there is room: the backpressure of a Node.js stream.
            if (!call.write(quoteOf(sequence++))) {
              call.once("drain", send);
              return;
            }
          }
          call.end();
        };
        send();
      },
    });
    return new Promise((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure();
      server.bindAsync(
        "127.0.0.1:0",
        credentials,
        (error, port) => error ? reject(error) : resolve(port),
      );
    });
  },

  async client(port) {
    const client = new Shop(
      `127.0.0.1:${port}`,
      grpc.credentials.createInsecure(),
      OPTIONS,
    );
    await new Promise((resolve, reject) => {
      const deadline = Date.now() + 10_000;
      client.waitForReady(
        deadline,
        (error) => error ? reject(error) : resolve(),
      );
    });
    return {
      call: (order) =>
        new Promise((resolve, reject) => {
          client.Change(
            order,
            (error, answer) => error ? reject(error) : resolve(answer),
          );
        }),
      stream: (count, onItem) =>
        new Promise((resolve, reject) => {
          client.Watch({ count }).on("data", (item) => {
            try {
              onItem(item);
            } catch (error) {
              reject(error);
            }
          }).on("error", reject).on("end", resolve);
        }),
    };
  },
});
