/**
 * A Redis client (RESP2): commands, pipelining, and published messages.
 *
 * @module
 */
import { frames, prefixed } from "@lengthwise/lengthwise/framing";
import type { FrameStream, Framing } from "@lengthwise/lengthwise/framing";
import { connect, type ConnectAddress } from "@lengthwise/lengthwise/transport";

/** A reply; inside an array, the error of a command is an `Error`. */
export type Reply = string | number | null | Error | Reply[];

const text = new TextDecoder();

/** Returns the framing: a line, or a line that declares a value. */
export const resp = (options: { maxFrameLength?: number } = {}): Framing =>
  prefixed({
    maxLength: 64 * 1024,
    read(bytes, seen) {
      const end = bytes.indexOf(10, seen) + 1;
      if (end === 0) return undefined;
      const line = text.decode(bytes.subarray(0, end));
      const form = /^(?:\$(\d+)|[$*]-1|[:*]-?\d+|[-+][^\r]*)\r\n$/.exec(line);
      if (form === null) throw new Error("it is not a line of RESP");
      return form[1] === undefined ? [end, 0] : [end, Number(form[1]), "\r\n"];
    },
  }, { ...options, keepHeader: true });

/** One connection; replies arrive in the order of the commands. */
export class RedisClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  readonly #replies: AsyncIterator<Uint8Array>;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(stream: FrameStream) {
    this.#stream = stream;
    this.#replies = stream[Symbol.asyncIterator]();
  }

  /** Connects to a server. */
  static async connect(address: ConnectAddress): Promise<RedisClient> {
    return new RedisClient(frames(await connect(address), resp()));
  }

  /** Sends a command, without waiting for the replies of others. */
  async command(...words: string[]): Promise<Reply> {
    for (const frame of [`*${words.length}\r\n`, ...words.map(bulk)]) {
      this.#stream.write(new TextEncoder().encode(frame));
    }
    const reply = await this.receive();
    if (reply instanceof Error) throw reply;
    return reply;
  }

  /** Receives the next reply, or the next message after SUBSCRIBE. */
  receive(): Promise<Reply> {
    const reply = this.#last.then(() => this.#read());
    this.#last = reply.catch(() => {});
    return reply;
  }

  async #read(): Promise<Reply> {
    const { done, value: frame } = await this.#replies.next();
    if (done) throw new Error("The server closed the connection");
    const end = frame.indexOf(10) + 1;
    const line = text.decode(frame.subarray(1, end - 2));
    switch (String.fromCharCode(frame[0]!)) {
      case "-":
        return new Error(line);
      case ":":
        return Number(line);
      case "$":
        return line === "-1" ? null : text.decode(frame.subarray(end, -2));
      case "*": {
        if (line === "-1") return null;
        const items: Reply[] = [];
        while (items.length < Number(line)) items.push(await this.#read());
        return items;
      }
      default:
        return line;
    }
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

function bulk(word: string): string {
  return `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`;
}
