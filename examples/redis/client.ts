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
  /** Called with each message that is not a reply to a command. */
  onMessage: (message: Reply) => void = () => {};
  readonly #stream: FrameStream;
  readonly #waiting: ((reply: Reply) => void)[] = [];

  /** Begins with RESP2. To mix commands and messages, send `HELLO 3` first. */
  constructor(connection: Connection) {
    this.#stream = frames(connection, resp());
    this.#receive().catch((error) => {
      this.#stream.close(); // later commands fail, too
      for (const resolve of this.#waiting) resolve(error);
    });
  }

  /** Sends a command, without waiting for the replies of others. */
  async command(...words: string[]): Promise<Reply> {
    this.#stream.write(`*${words.length}\r\n`);
    for (const word of words.map((word) => new TextEncoder().encode(word))) {
      this.#stream.write(`$${word.length}\r\n`, word, "\r\n");
    }
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.push(resolve);
    const reply = await promise;
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async #receive(): Promise<never> {
    for (;;) {
      const reply = await this.#read();
      if (reply !== undefined) (this.#waiting.shift() ?? this.onMessage)(reply);
    }
  }

  /** Reads a reply, or a message: then it returns `undefined`. */
  async #read(): Promise<Reply | undefined> {
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
    if (type === "#") return line === "t";
    if (type === ",") return Number(line.replace("inf", "Infinity"));
    if (type === "(" || Math.abs(Number(line)) >= 2 ** 53) return BigInt(line);
    if (type === ":") return Number(line);
    const items: Reply[] = []; // "*", "%", "~", ">" or "|"
    const count = Number(line) * ("%|".includes(type) ? 2 : 1);
    while (items.length < count) items.push(await this.#read() ?? null);
    if (type === "|") return await this.#read(); // attributes are dropped
    if (type !== ">" || /subscribe$/.test(`${items[0]}`)) return items;
    this.onMessage(items);
  }

  /** Closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}
