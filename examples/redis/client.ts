/**
 * A Redis client (RESP2 and RESP3): commands, pipelining, and published messages.
 *
 * @module
 */
import { frames, prefixed } from "@lengthwise/lengthwise/framing";
import type { FrameStream, Framing } from "@lengthwise/lengthwise/framing";
import { linePrefix } from "@lengthwise/lengthwise/framing/presets";
import type { Connection } from "@lengthwise/lengthwise/transport";

/** A reply; maps are lists of keys and values, and nested errors are values. */
export type Reply = string | number | bigint | boolean | null | Error | Reply[];

const text = new TextDecoder();
const LINE = /^(?:[$!=](?:(\d+)|-1)|[*:%~>|]-?\d+|[-+,#(_].*)$/;

/** Returns the framing: a line, or a line that declares a value. */
export const resp = (options: { maxFrameLength?: number } = {}): Framing => {
  const prefix = linePrefix((line) => {
    const form = LINE.exec(line);
    if (form === null) throw new Error("it is not a line of RESP");
    return form[1] === undefined ? undefined : Number(form[1]);
  });
  return prefixed(prefix, { ...options, keepHeader: true });
};

/** One connection; replies arrive in the order of the commands. */
export class RedisClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  #last: Promise<unknown> = Promise.resolve();

  /** Begins with RESP2; the command `HELLO 3` changes that. */
  constructor(connection: Connection) {
    this.#stream = frames(connection, resp());
  }

  /** Sends a command, without waiting for the replies of others. */
  async command(...words: string[]): Promise<Reply> {
    this.#stream.write(`*${words.length}\r\n`);
    for (const word of words.map((word) => new TextEncoder().encode(word))) {
      this.#stream.write(`$${word.length}\r\n`, word, "\r\n");
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
    const frame = await this.#stream.read();
    if (frame === null) throw new Error("The server closed the connection");
    const end = frame.indexOf(10) + 1;
    const type = String.fromCharCode(frame[0]!);
    const line = text.decode(frame.subarray(1, end - 2));
    const isLine = end === frame.length;
    const value = isLine ? line : text.decode(frame.subarray(end, -2));
    if (line === "-1" && "$*".includes(type) || type === "_") return null;
    if ("-!".includes(type)) return new Error(value);
    if ("+$".includes(type)) return value;
    if (type === "=") return value.slice(4); // after "txt:" or "mkd:"
    if (":,".includes(type)) return Number(line.replace("inf", "Infinity"));
    if (type === "(") return BigInt(line);
    if (type === "#") return line === "t";
    const items: Reply[] = []; // "*", "%", "~", ">" or "|"
    const count = Number(line) * ("%|".includes(type) ? 2 : 1);
    while (items.length < count) items.push(await this.#read());
    return type === "|" ? await this.#read() : items; // attributes are dropped
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}
