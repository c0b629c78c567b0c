/**
 * rsocket-js over TCP: request/response and request/stream, with msgpackr for the
 * payloads, because RSocket leaves their format to the application.
 *
 * Version 1.0.0-alpha.3, whose sources are the ones that its documents describe;
 * npm's "latest" is the older 0.0.27.
 *
 * @module
 */
import net from "node:net";
import { Packr } from "msgpackr";
import { RSocketConnector, RSocketServer } from "rsocket-core";
import { TcpClientTransport } from "rsocket-tcp-client";
import { TcpServerTransport } from "rsocket-tcp-server";
import { run } from "../load.mjs";
import { handle, quoteOf } from "../workload.mjs";

const packr = new Packr({ useRecords: false });

/** Items that the client requests at once; half of them again when half arrived. */
const REQUESTED = 256;

const IGNORED = () => {};

const responder = {
  requestResponse({ data }, subscriber) {
    subscriber.onNext({ data: packr.pack(handle(packr.unpack(data))) }, true);
    return { cancel: IGNORED, onExtension: IGNORED };
  },
  requestStream({ data }, initial, subscriber) {
    const count = packr.unpack(data);
    let sequence = 0;
    const send = (requested) => {
      while (requested-- > 0 && sequence < count) {
        const data = packr.pack(quoteOf(sequence++));
        subscriber.onNext({ data }, sequence === count);
      }
    };
    // The stream must be returned before its first item is sent.
    setImmediate(send, initial);
    return { request: send, cancel: IGNORED, onExtension: IGNORED };
  },
};

await run({
  async server() {
    let listener;
    const transport = new TcpServerTransport({
      listenOptions: { port: 0, host: "127.0.0.1" },
      // Node.js leaves Nagle's algorithm on, and RSocket does not change that.
      socketCreator: (options) =>
        listener = net.createServer({ ...options, noDelay: true }),
    });
    const acceptor = { accept: () => Promise.resolve(responder) };
    await new RSocketServer({ transport, acceptor }).bind();
    return listener.address().port;
  },

  async client(port) {
    const connectionOptions = { port, host: "127.0.0.1", noDelay: true };
    const socket = await new RSocketConnector({
      setup: { keepAlive: 60_000, lifetime: 600_000 },
      transport: new TcpClientTransport({ connectionOptions }),
    }).connect();
    return {
      call: (order) =>
        new Promise((resolve, reject) => {
          socket.requestResponse({ data: packr.pack(order) }, {
            onNext: ({ data }) => resolve(packr.unpack(data)),
            onError: reject,
            onComplete: IGNORED,
            onExtension: IGNORED,
          });
        }),
      stream: (count, onItem) =>
        new Promise((resolve, reject) => {
          let open = REQUESTED;
          const data = packr.pack(count);
          const stream = socket.requestStream({ data }, REQUESTED, {
            onNext({ data }, isComplete) {
              try {
                onItem(packr.unpack(data));
              } catch (error) {
                reject(error);
              }
              if (isComplete) {
                resolve();
              } else if (--open === REQUESTED / 2) {
                open = REQUESTED;
                stream.request(REQUESTED / 2);
              }
            },
            onError: reject,
            onComplete: resolve,
            onExtension: IGNORED,
          });
        }),
    };
  },
});
