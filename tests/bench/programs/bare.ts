/**
 * Frames as a program writes them by hand: a u32 length, msgpack, and one write
 * for many of them.
 *
 * @module
 */
// @ts-types="npm:msgpackr@2.1.3"
import { Packr } from "msgpackr/index-no-eval";

/** The part of `Deno.Conn` that is needed. */
export type BareConn = Pick<
  Deno.Conn,
  "read" | "write" | "close" | "closeWrite"
>;

/** Bytes of frames that a stream writes at once. */
const BATCH = 64 * 1024;

/** A connection with frames. */
export class Bare {
  /** The connection. */
  readonly conn: BareConn;
  readonly #packr = new Packr({ useRecords: false });
  #out: Uint8Array[] = [];
  #size = 0;
  #flushing: Promise<void> | undefined;

  /** Uses an open connection. */
  constructor(conn: BareConn) {
    this.conn = conn;
  }

  /** Connects over TCP. */
  static async connect(port: number, hostname = "127.0.0.1"): Promise<Bare> {
    const conn = await Deno.connect({ port, hostname });
    conn.setNoDelay(true);
    return new Bare(conn);
  }

  /** Sends a value at the end of this turn. */
  send(value: unknown): void {
    this.put(value);
    this.#flushing ??= Promise.resolve().then(() => this.#flush());
  }

  /** Queues a value; returns whether `flush()` is due. */
  put(value: unknown): boolean {
    const frame = this.#packr.pack(value);
    this.#out.push(frame);
    this.#size += 4 + frame.length;
    return this.#size >= BATCH;
  }

  /** Writes what is queued. */
  async flush(): Promise<void> {
    await this.#flushing;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    while (this.#out.length > 0) {
      const frames = this.#out;
      const bytes = new Uint8Array(this.#size);
      this.#out = [];
      this.#size = 0;
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (const frame of frames) {
        view.setUint32(at, frame.length);
        bytes.set(frame, at + 4);
        at += 4 + frame.length;
      }
      await writeWhole(this.conn, bytes);
    }
    this.#flushing = undefined;
  }

  /** Calls a function with each value until the stream ends. */
  async receive(onValue: (value: unknown) => void): Promise<void> {
    const buffer = new Uint8Array(65_536);
    const view = new DataView(buffer.buffer);
    let end = 0;
    for (let n; (n = await this.conn.read(buffer.subarray(end))) !== null;) {
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

  /** Returns the next value, which must be the last one that is sent. */
  async next(): Promise<number> {
    for await (const value of this.values()) return Number(value);
    throw new Error("The peer sent no value");
  }

  /** Yields each value until the stream ends. */
  async *values(): AsyncGenerator<unknown, void> {
    const buffer = new Uint8Array(65_536);
    const view = new DataView(buffer.buffer);
    let end = 0;
    for (let n; (n = await this.conn.read(buffer.subarray(end))) !== null;) {
      end += n;
      let at = 0;
      while (end - at >= 4) {
        const length = view.getUint32(at);
        if (end - at - 4 < length) break;
        yield this.#packr.unpack(buffer.subarray(at + 4, at + 4 + length));
        at += 4 + length;
      }
      buffer.copyWithin(0, at, end);
      end -= at;
    }
  }
}

/** Returns a value in a frame. */
export function frameOf(value: unknown): Uint8Array<ArrayBuffer> {
  const body = new Packr({ useRecords: false }).pack(value);
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}

/** Writes all bytes. */
export async function writeWhole(
  conn: BareConn,
  bytes: Uint8Array,
): Promise<void> {
  let done = await conn.write(bytes);
  while (done < bytes.length) done += await conn.write(bytes.subarray(done));
}

/** Reads items of 64 KiB, each into its own memory; returns the number of bytes. */
export async function readOwned(
  conn: BareConn,
  onItem: (item: Uint8Array) => void,
): Promise<number> {
  let bytes = 0;
  for (;;) {
    const item = new Uint8Array(65_536);
    for (let have = 0; have < item.length;) {
      const count = await conn.read(item.subarray(have));
      if (count === null) return bytes;
      have += count;
      bytes += count;
    }
    onItem(item);
  }
}

/** Makes calls over a bare connection. */
export class BareCaller<T> implements AsyncDisposable {
  readonly #bare: Bare;
  readonly #pending = new Map<number, (value: T) => void>();
  readonly #received: Promise<void>;
  #id = 0;

  /** Uses a connection, whose other end is {@linkcode echoBare}. */
  constructor(bare: Bare) {
    this.#bare = bare;
    this.#received = bare.receive((value) => {
      const [id, result] = value as [number, T]; // what the bare server sends
      this.#pending.get(id)?.(result);
      this.#pending.delete(id);
    });
  }

  /** Makes a call. */
  call(value: T): Promise<T> {
    return new Promise((resolve) => {
      this.#pending.set(++this.#id, resolve);
      this.#bare.send([this.#id, value]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bare.conn.closeWrite();
    await this.#received;
    this.#bare.conn.close();
  }
}
