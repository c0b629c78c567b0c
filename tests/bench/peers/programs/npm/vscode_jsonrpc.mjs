/**
 * vscode-jsonrpc over TCP: requests, and `$/progress` notifications for streams,
 * as language servers stream partial results. Progress has no backpressure.
 *
 * @module
 */
import net from "node:net";
import {
  createMessageConnection,
  ProgressType,
  RequestType,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node";
import { connectSocket, listenOn } from "./framed.mjs";
import { run } from "../load.mjs";
import { handle, quoteOf } from "../workload.mjs";

const Order = new RequestType("order");
const Quotes = new RequestType("quotes");
const Quote = new ProgressType();

function connection(socket) {
  return createMessageConnection(
    new SocketMessageReader(socket),
    new SocketMessageWriter(socket),
  );
}

await run({
  server: () =>
    listenOn(net.createServer({ noDelay: true }, (socket) => {
      const remote = connection(socket);
      remote.onRequest(Order, handle);
      remote.onRequest(Quotes, async ({ count, token }) => {
        for (let sequence = 0; sequence < count; sequence++) {
          // Resolves when the message is written: the only pace there is.
          await remote.sendProgress(Quote, token, quoteOf(sequence));
        }
        return null;
      });
      remote.listen();
    })),

  async client(port) {
    const remote = connection(await connectSocket(port));
    remote.listen();
    let token = 0;
    return {
      call: (order) => remote.sendRequest(Order, order),
      async stream(count, onItem) {
        token++;
        let wrong;
        const progress = remote.onProgress(Quote, token, (item) => {
          try {
            onItem(item);
          } catch (error) {
            wrong ??= error; // the connection would only log it
          }
        });
        await remote.sendRequest(Quotes, { count, token });
        progress.dispose();
        if (wrong !== undefined) throw wrong;
      },
    };
  },
});
