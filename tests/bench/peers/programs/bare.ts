/**
 * The baseline: a hand-written loop over `Deno.Conn`, with a u32 length, msgpackr
 * and one write per event-loop turn, without further features.
 *
 * @module
 */
// @ts-types="npm:msgpackr@2.1.3"
import { Packr } from "msgpackr/index-no-eval";
import { run } from "./load.mjs";
import { handle, type Order, type Quote, quoteOf } from "./workload.mjs";

/** A call, or a request for as many items as its number. */
type Request = [id: number, input: Order | number];

/** An answer, or an item; the end of a stream is `null`. */
type Reply = [id: number, output: Order | Quote | null];

/** Unwritten bytes at which a stream waits. */
const ENOUGH = 16_384;

/** Frames over a connection. */
class Bare {
  readonly #packr = new Packr({ useRecords: false });
  readonly #conn: Deno.TcpConn;
  #out: Uint8Array[] = [];
  #unwritten = 0;
  #flushing: Promise<void> | undefined;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  /** Sends a value; the result is a promise if more should wait for it. */
  send(value: Request | Reply): Promise<void> | undefined {
    const frame = this.#packr.pack(value);
    this.#out.push(frame);
    this.#unwritten += frame.length;
    this.#flushing ??= Promise.resolve().then(() => this.#flush());
    return this.#unwritten < ENOUGH ? undefined : this.#flushing;
  }

  async #flush(): Promise<void> {
    while (this.#out.length > 0) {
      const frames = this.#out;
      this.#out = [];
      this.#unwritten = 0;
      let size = 0;
      for (const { length } of frames) size += 4 + length;
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (const frame of frames) {
        view.setUint32(at, frame.length);
        bytes.set(frame, at + 4);
        at += 4 + frame.length;
      }
      for (let done = 0; done < bytes.length;) {
        done += await this.#conn.write(bytes.subarray(done));
      }
    }
    this.#flushing = undefined;
  }

  async receive(onValue: (value: unknown) => void): Promise<void> {
    const buffer = new Uint8Array(65_536);
    const view = new DataView(buffer.buffer);
    let end = 0;
    for (let n; (n = await this.#conn.read(buffer.subarray(end))) !== null;) {
      end += n;
      let at = 0;
      while (end - at >= 4) {
        const length = view.getUint32(at);
        if (end - at - 4 < length) break;
        onValue(this.#packr.unpack(buffer.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      }
      buffer.copyWithin(0, at, end);
      end -= at;
    }
  }
}

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
    const full = bare.send([id, quoteOf(sequence)]);
    if (full !== undefined) await full;
  }
  bare.send([id, null]);
}

await run({
  server() {
    const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    (async () => {
      for await (const conn of listener) {
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
    const bare = new Bare(await Deno.connect({ port, hostname: "127.0.0.1" }));
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
