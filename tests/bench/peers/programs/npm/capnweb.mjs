/**
 * capnweb over TCP: its custom transport ("Custom transports" in its README) over
 * frames with a u32 length.
 *
 * @module
 */
import { RpcSession, RpcTarget } from "capnweb";
import { connect, listen } from "./framed.mjs";
import { run } from "../load.mjs";
import { handle, quoteOf } from "../workload.mjs";

/** Messages as text: capnweb's own encoding, "what WebSocket transports use". */
class FramedTransport {
  #connection;
  /** @type {string[]} */
  #received = [];
  #wake;

  constructor(connection) {
    this.#connection = connection;
    connection.onFrame = (frame) => {
      const text = frame.toString();
      if (this.#wake === undefined) {
        this.#received.push(text);
      } else {
        this.#wake(text);
        this.#wake = undefined;
      }
    };
  }

  send(message) {
    this.#connection.send(Buffer.from(message));
    return Promise.resolve();
  }

  receive() {
    return this.#received.length > 0
      ? Promise.resolve(this.#received.shift())
      : new Promise((resolve) => this.#wake = resolve);
  }
}

class Main extends RpcTarget {
  order(order) {
    return handle(order);
  }

  /** A web stream, the only stream that capnweb sends; it has flow control. */
  quotes(count) {
    let sequence = 0;
    return new ReadableStream({
      pull(controller) {
        if (sequence === count) controller.close();
        else controller.enqueue(quoteOf(sequence++));
      },
    }, { highWaterMark: 64 });
  }
}

await run({
  server: () =>
    listen((connection) =>
      new RpcSession(new FramedTransport(connection), new Main())
    ),
  async client(port) {
    const transport = new FramedTransport(await connect(port));
    const remote = new RpcSession(transport).getRemoteMain();
    return {
      call: (order) => remote.order(order),
      async stream(count, onItem) {
        for await (const item of await remote.quotes(count)) onItem(item);
      },
    };
  },
});
