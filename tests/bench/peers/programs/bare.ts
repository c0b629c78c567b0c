/**
 * The baseline: a hand-written loop over `Deno.Conn`, with a u32 length, msgpackr
 * and one write per event-loop turn, without further features.
 *
 * @module
 */
import { Bare } from "../../programs/bare.ts";
import { run } from "./load.mjs";
import { handle, type Order, type Quote, quoteOf } from "./workload.mjs";

/** A call, or a request for as many items as its number. */
type Request = [id: number, input: Order | number];

/** An answer, or an item; the end of a stream is `null`. */
type Reply = [id: number, output: Order | Quote | null];

/** Items that have arrived, for `for await`. */
class Items {
  #arrived: Quote[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  push(item: Quote | null): void {
    if (item === null) this.#ended = true;
    else this.#arrived.push(item);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Quote> {
    while (true) {
      const items = this.#arrived;
      this.#arrived = [];
      yield* items;
      if (this.#arrived.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

async function sendItems(bare: Bare, id: number, count: number): Promise<void> {
  for (let sequence = 0; sequence < count; sequence++) {
    if (bare.put([id, quoteOf(sequence)] satisfies Reply)) await bare.flush();
  }
  bare.put([id, null] satisfies Reply);
  await bare.flush();
}

await run({
  server() {
    const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    (async () => {
      for await (const conn of listener) {
        conn.setNoDelay(true);
        const bare = new Bare(conn);
        bare.receive((value) => {
          const [id, input] = value as Request; // the client sends nothing else
          if (typeof input === "number") sendItems(bare, id, input);
          else bare.send([id, handle(input)]);
        });
      }
    })();
    return Promise.resolve(listener.addr.port);
  },

  async client(port) {
    const bare = await Bare.connect(port);
    const calls = new Map<number, (order: Order) => void>();
    const streams = new Map<number, Items>();
    let id = 0;
    bare.receive((value) => {
      const [id, output] = value as Reply; // the server sends nothing else
      const resolve = calls.get(id);
      if (resolve === undefined) {
        streams.get(id)?.push(output as Quote | null);
      } else {
        calls.delete(id);
        resolve(output as Order);
      }
    });
    return {
      call: (order) =>
        new Promise((resolve) => {
          calls.set(++id, resolve);
          bare.send([id, order]);
        }),
      async stream(count, onItem) {
        const items = new Items();
        streams.set(++id, items);
        bare.send([id, count]);
        for await (const item of items) onItem(item);
        streams.delete(id);
      },
    };
  },
});
